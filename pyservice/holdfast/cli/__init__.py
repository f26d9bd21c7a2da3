"""The command line: `holdfast …`. Exit codes are in docs/cli.md."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import holdfast
from holdfast.cli import commands
from holdfast.cli.settings import DEFAULTS
from holdfast.cli.show import put_json, warn
from holdfast.cli.texts import language, text
from holdfast.errors import HoldfastError

OK, REFUSED, USAGE, UNREACHABLE, UNKNOWN = range(5)
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    lang = language(_early(given, "--lang"))
    options = build_parser(lang).parse_args(given)
    options.lang = lang
    run: Command = options.run
    try:
        return run(options)
    except holdfast.Refused as refused:
        _tell(refused, options.json)
        return UNKNOWN if refused.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED") else REFUSED
    except HoldfastError as error:
        _tell(error, options.json)
        if isinstance(error, holdfast.JournalLockedError):
            warn(text("use_server", lang))
        return UNREACHABLE
    except BrokenPipeError:
        return OK
    except OSError as error:
        warn(text("unreachable", lang, detail=error))
        return UNREACHABLE


def entry() -> None:
    """The console script."""
    sys.exit(main())


def _early(given: list[str], flag: str) -> str | None:
    """A flag's value before the parser exists, since help depends on it."""
    for index, argument in enumerate(given):
        if argument == flag and index + 1 < len(given):
            return given[index + 1]
        if argument.startswith(flag + "="):
            return argument.partition("=")[2]
    return None


def _tell(error: HoldfastError, as_json: bool) -> None:
    if as_json:
        put_json({"error": error.reason, "message": error.message, "facts": dict(error.facts)})
    else:
        warn(f"holdfast: {error}")


class _Tree:
    """Builds nested subcommands with texts of one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.parser = argparse.ArgumentParser(
            prog="holdfast", description=text("app", lang), epilog=text("exit_codes", lang)
        )
        self.parser.add_argument("--version", action="version", version=commands.version())
        self._groups = {"": self.parser.add_subparsers(metavar="COMMAND", required=True)}

    def add(self, name: str, run: Command) -> argparse.ArgumentParser:
        group, _, leaf = name.rpartition(".")
        if group not in self._groups:
            parser = self._groups[""].add_parser(group, help=text(group, self.lang))
            self._groups[group] = parser.add_subparsers(metavar="COMMAND", required=True)
        described = text(name, self.lang)
        parser = self._groups[group].add_parser(
            leaf, help=described, description=described, epilog=text("exit_codes", self.lang)
        )
        parser.add_argument("--json", action="store_true", help=text("json", self.lang))
        parser.add_argument("--lang", help=text("lang", self.lang))
        parser.set_defaults(run=run)
        return parser

    def reaching(self, name: str, run: Command) -> argparse.ArgumentParser:
        """A command that needs an engine."""
        parser = self.add(name, run)
        parser.add_argument("--data", type=Path, help=text("data", self.lang))
        parser.add_argument("--server", help=text("server", self.lang))
        parser.add_argument("--token-file", type=Path, help=text("token_file", self.lang))
        parser.add_argument("--merchant", help=text("merchant", self.lang))
        return parser


def build_parser(lang: str) -> argparse.ArgumentParser:
    """The whole command line in one language."""
    tree = _Tree(lang)
    serve = tree.add("serve", commands.serve)
    up = tree.add("up", commands.up)
    for parser in (serve, tree.add("config.show", commands.config_show)):
        for key in DEFAULTS:
            parser.add_argument(f"--{key.replace('_', '-')}", metavar="VALUE")
    up.add_argument("--data", type=Path, default=Path("data"))
    up.add_argument("--orders", type=int, default=2_000)
    up.add_argument("--seed", type=int, default=20261111)
    up.add_argument("--exit", action="store_true", help="stop after the verdict")

    place = tree.reaching("order.place", commands.order_place)
    place.add_argument("--request-id")
    place.add_argument("--number", required=True)
    place.add_argument("--channel", required=True)
    place.add_argument("--urgency", required=True)
    place.add_argument("--line", action="append", required=True, metavar="SKU=QUANTITY[@WAREHOUSE]")
    place.add_argument("--paid", action="store_true")
    csv = tree.reaching("order.import", commands.order_import)
    csv.add_argument("file", metavar="FILE.csv")
    csv.add_argument("--rejects", type=Path)
    tree.reaching("order.show", commands.order_show).add_argument("number", metavar="NO")
    holds = tree.reaching("hold.list", commands.hold_list)
    holds.add_argument("--sku")
    holds.add_argument("--limit", type=int, default=50)
    tree.reaching("stock.show", commands.stock_show).add_argument("sku", metavar="SKU")
    receive = tree.reaching("stock.receive", commands.stock_receive)
    receive.add_argument("sku", metavar="SKU")
    receive.add_argument("quantity", type=int, metavar="QUANTITY")
    receive.add_argument("--warehouse", required=True)
    receive.add_argument("--request-id")

    poster = tree.add("states.poster", commands.states_poster)
    poster.add_argument("--format", choices=("svg", "mermaid", "markdown"), default="svg")
    poster.add_argument("-o", "--output", type=Path)
    mapping = tree.add("channels.map", commands.channels_map)
    mapping.add_argument("--channel", required=True, choices=("douyin", "youzan", "taobao"))
    mapping.add_argument("--shop")
    mapping.add_argument("file", metavar="FILE|-")
    for name, run in (
        ("journal.verify", commands.journal_verify),
        ("journal.dump", commands.journal_dump),
    ):
        parser = tree.add(name, run)
        parser.add_argument("--data", type=Path, default=Path("data"))
        if name == "journal.dump":
            parser.add_argument("--from-seq", type=int, default=1)
    tree.reaching("state.hash", commands.state_hash)
    tree.reaching("audit", commands.audit)
    token = tree.reaching("token.issue", commands.token_issue)
    token.add_argument("--actor", required=True)
    token.add_argument("--role", required=True)
    token.add_argument("--device")
    tree.add("doctor", commands.doctor).add_argument("--data", type=Path, default=Path("data"))
    config = tree.parser
    return config
