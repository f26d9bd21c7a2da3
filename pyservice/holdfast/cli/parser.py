"""The tree of commands and flags; every text of it comes from the catalogue."""

import argparse
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from holdfast import _engine
from holdfast.cli import checks, offline, orders, rehearsing, serving, stock
from holdfast.cli.exits import USAGE, Command
from holdfast.cli.settings import SETTINGS
from holdfast.cli.texts import LANGUAGES, in_chinese, text


def build_parser(lang: str) -> argparse.ArgumentParser:
    """The whole command line in one language."""
    tree = Tree(lang)
    _add_serving(tree)
    _add_orders(tree)
    _add_stock(tree)
    _add_offline(tree)
    _add_checks(tree)
    return tree.parser


def _add_serving(tree: "Tree") -> None:
    serve = tree.add("serve", serving.serve, data=False)
    config = tree.add("config.show", serving.config_show, data=False)
    config.option("--origin", "opt.origin", action="store_true")
    for key in SETTINGS:
        for parser in (serve, config):
            parser.option(f"--{key.replace('_', '-')}", f"set.{key}", metavar="VALUE")
    up = tree.add("up", serving.up)
    up.option("--orders", "opt.orders", type=int, default=2_000)
    up.option("--seed", "opt.seed", type=int, default=20_261_111)
    up.option("--exit", "opt.exit", action="store_true")
    rehearsal = tree.add("rehearse", rehearsing.rehearse, data=False)
    rehearsal.option("profile", "opt.profile", metavar="PROFILE")
    rehearsal.option("--server", "opt.rehearsed", required=True, metavar="HOST:PORT")
    rehearsal.option("--token-file", "opt.token_file", required=True, type=Path, metavar="FILE")
    rehearsal.option("--beside", "opt.beside", metavar="HOST:PORT")
    rehearsal.option("--tls-ca", "opt.tls_ca", type=Path, metavar="FILE")
    rehearsal.option("--out", "opt.rehearsals", type=Path, metavar="DIR")
    token = tree.reaching("token.issue", serving.token_issue, changes=True)
    token.option("--actor", "opt.actor", required=True)
    token.option("--role", "opt.role", required=True)
    token.option("--device", "opt.device")


def _add_orders(tree: "Tree") -> None:
    place = tree.reaching("order.place", orders.place, changes=True)
    place.request_id()
    place.option("--number", "opt.number", required=True)
    place.option("--channel", "opt.source_channel", required=True)
    place.option("--urgency", "opt.urgency", required=True)
    place.option(
        "--line",
        "opt.line",
        action="append",
        required=True,
        type=orders.line,
        metavar="SKU=QUANTITY[@WAREHOUSE]",
    )
    place.option("--paid", "opt.paid", action="store_true")
    importing = tree.reaching("order.import", orders.import_file, changes=True)
    importing.option("file", "opt.csv", metavar="FILE.csv", type=Path)
    importing.option("--encoding", "opt.encoding", default="utf-8-sig")
    importing.option("--rejects", "opt.rejects", type=Path, metavar="FILE")
    tree.reaching("order.show", orders.show).option("number", "opt.number", metavar="NO")
    holds = tree.reaching("hold.list", orders.hold_list)
    holds.option("--sku", "opt.sku")
    holds.option("--limit", "opt.limit", type=int, default=50)


def _add_stock(tree: "Tree") -> None:
    tree.reaching("stock.show", stock.stock_show).option("sku", "opt.sku", metavar="SKU")
    receive = tree.reaching("stock.receive", stock.stock_receive, changes=True)
    receive.option("sku", "opt.sku", metavar="SKU")
    receive.option("quantity", "opt.quantity", type=int, metavar="QUANTITY")
    receive.option("--warehouse", "opt.warehouse", required=True)
    receive.request_id()


def _add_offline(tree: "Tree") -> None:
    poster = tree.add("states.poster", offline.states_poster, data=False)
    poster.option("--format", "opt.format", choices=tuple(offline.MAKERS), default="svg")
    poster.option("--output", "opt.output", short="-o", type=Path, metavar="FILE")
    mapping = tree.add("channels.map", offline.channels_map, data=False)
    mapping.option("--channel", "opt.channel", required=True, choices=offline.CHANNELS)
    mapping.option("--shop", "opt.shop", metavar="ID")
    mapping.option("file", "opt.payload", metavar="FILE|-")


def _add_checks(tree: "Tree") -> None:
    verify = tree.add("journal.verify", checks.journal_verify)
    dump = tree.add("journal.dump", checks.journal_dump)
    snapshot = tree.add("journal.snapshot", checks.journal_snapshot, changes=True)
    compact = tree.add("journal.compact", checks.journal_compact, changes=True)
    compact.option("--keep-days", "set.keep_days", type=int, metavar="DAYS")
    for parser in (snapshot, compact):
        parser.option("--key-file", "set.key_file", metavar="FILE")
    for parser in (verify, dump, snapshot, compact):
        parser.option("--mirror", "set.mirror", metavar="PATH")
    dump.option("--from-seq", "opt.from_seq", type=_position, default=1)
    doctor = tree.add("journal.doctor", checks.journal_doctor)
    doctor.option("--cut-at", "opt.cut_at", type=_position, metavar="SEQ")
    doctor.option("--yes", "opt.yes", action="store_true")
    doctor.option("--mirror", "set.mirror", metavar="PATH")
    backup = tree.add("backup", checks.backup)
    backup.option("to", "opt.backup_to", type=Path, metavar="DIR")
    backup.option("--with-keys", "opt.with_keys", action="store_true")
    backup.option("--key-file", "set.key_file", metavar="FILE")
    backup.option("--mirror", "set.mirror", metavar="PATH")
    restore = tree.add("restore", checks.restore, data=False)
    restore.option("backup", "opt.backup", type=Path, metavar="DIR")
    restore.option("--to", "opt.restore_to", type=Path, metavar="PATH")
    restore.option("--keys", "opt.restore_keys", type=Path, metavar="FILE")
    restore.option("--verify", "opt.verify", action="store_true")
    keys = tree.add("keys.rotate", checks.keys_rotate, changes=True)
    keys.option("--key-file", "set.key_file", metavar="FILE")
    tree.reaching("state.hash", checks.state_hash)
    tree.reaching("audit", checks.audit)
    tree.add("doctor", checks.doctor)


class Parser(argparse.ArgumentParser):
    """An argument parser that speaks the language of its catalogue."""

    def __init__(self, *, lang: str = "en", **more: Any) -> None:
        super().__init__(
            add_help=False,
            # A shortened flag would change its meaning when another one is added.
            allow_abbrev=False,
            formatter_class=_formatter(lang),
            epilog=text("exit_codes", lang),
            **more,
        )
        self.lang = lang
        self.option("--help", "opt.help", short="-h", action="help")

    def option(self, name: str, key: str, *, short: str = "", **more: Any) -> None:
        """Adds a flag or an argument; `key` names its help in the catalogue."""
        names = [short, name] if short else [name]
        self.add_argument(*names, help=text(key, self.lang), **more)

    def request_id(self) -> None:
        """Adds the request id, a new one unless it is given to repeat an attempt."""
        self.option("--request-id", "opt.request_id", default=str(uuid.uuid4()), metavar="ID")

    def error(self, message: str) -> NoReturn:
        """Tells a usage error and what would be right."""
        said = in_chinese(message) if self.lang == "zh" else message
        self.print_usage()
        self.exit(USAGE, f"{self.prog}: {text('usage_error', self.lang, detail=said)}\n")


def _position(text: str) -> int:
    """A record's number: 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


# What argparse calls the type in its message.
_position.__name__ = "int"


def _formatter(lang: str) -> type[argparse.HelpFormatter]:
    class Formatter(argparse.HelpFormatter):
        """Headings in the language."""

        def add_usage(
            self,
            usage: str | None,
            actions: Iterable[argparse.Action],
            groups: Iterable[Any],
            prefix: str | None = None,
        ) -> None:
            super().add_usage(
                usage, actions, groups, text("usage", lang) if prefix is None else prefix
            )

        def start_section(self, heading: str | None) -> None:
            known = {"positional arguments": "arguments", "options": "options"}
            super().start_section(text(known[heading], lang) if heading in known else heading)

    return Formatter


class Tree:
    """Nested commands in one language; `leaves` are the commands that do something."""

    def __init__(self, lang: str) -> None:
        self._lang = lang
        self.leaves: dict[str, Parser] = {}
        self.parser = Parser(lang=lang, prog="holdfast", description=text("app", lang))
        self.parser.option(
            "--version", "opt.version", action="version", version=f"holdfast {_engine.version()}"
        )
        self._add_lang(self.parser)
        self._groups = {"": self._subcommands(self.parser)}

    def _subcommands(self, parser: Parser) -> Any:
        return parser.add_subparsers(
            metavar="COMMAND", dest="command", required=True, parser_class=Parser
        )

    def _add_lang(self, parser: Parser) -> None:
        # Read by `main` before there is a parser; here for the help and the check.
        parser.option("--lang", "opt.lang", choices=LANGUAGES, default=self._lang)

    def add(self, name: str, run: Command, *, data: bool = True, changes: bool = False) -> Parser:
        """Adds a command, "group.leaf" or "leaf".

        Args:
            name: Also the key of its description in the catalogue.
            run: What it does.
            data: It is about a data folder.
            changes: It changes something, so that a lost answer leaves a doubt.
        """
        group, _, leaf = name.rpartition(".")
        if group not in self._groups:
            described = text(group, self._lang)
            parser = self._groups[""].add_parser(
                group, lang=self._lang, help=described, description=described
            )
            self._groups[group] = self._subcommands(parser)
        described = text(name, self._lang)
        parser = self._groups[group].add_parser(
            leaf, lang=self._lang, help=described, description=described
        )
        parser.option("--json", "opt.json", action="store_true")
        self._add_lang(parser)
        if data:
            parser.option("--data", "opt.data", metavar="PATH")
        parser.set_defaults(run=run, changes=changes)
        self.leaves[name] = parser
        return parser  # type: ignore[no-any-return]

    def reaching(self, name: str, run: Command, *, changes: bool = False) -> Parser:
        """Adds a command that needs an engine."""
        parser = self.add(name, run, changes=changes)
        parser.option("--merchant", "opt.merchant", metavar="NAME")
        parser.option("--server", "opt.server", metavar="HOST:PORT")
        parser.option("--token-file", "opt.token_file", type=Path, metavar="FILE")
        parser.option("--tls-ca", "opt.tls_ca", type=Path, metavar="FILE")
        return parser
