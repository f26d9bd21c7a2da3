"""The command line: `holdfast …`. Exit codes are in docs/cli.md."""

import argparse
import os
import sys
from collections.abc import Sequence

import holdfast
from holdfast.cli.exits import REFUSED, UNKNOWN, UNREACHABLE, USAGE, Command
from holdfast.cli.parser import build_parser
from holdfast.cli.settings import SettingError
from holdfast.cli.show import tell, warn
from holdfast.cli.texts import language, text, told
from holdfast.errors import HoldfastError

# Statuses after which a change may or may not have happened.
_UNSURE = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "CANCELLED", "UNKNOWN")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = build_parser(language(_early(given, "--lang"))).parse_args(given)
    run: Command = options.run
    try:
        code = run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head`); nothing may be flushed into its pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except HoldfastError as error:
        return _failed(error, options)
    except OSError as error:
        return _failed(told(holdfast.OpenError, "CANNOT_OPEN", detail=error), options)
    return code


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


def _failed(error: HoldfastError, options: argparse.Namespace) -> int:
    """Tells what went wrong and what to do; gives the exit code."""
    code = _exit_code(error, options.changes)
    request_id = getattr(options, "request_id", "") if code == UNKNOWN else ""
    tell(error, options.lang, as_json=options.json, request_id=request_id)
    if code == UNKNOWN and not options.json:
        again = f"--request-id {request_id}" if request_id else ""
        warn(text("unknown_outcome", options.lang, again=again).rstrip())
    return code


def _exit_code(error: HoldfastError, changes: bool) -> int:
    if isinstance(error, SettingError):
        return USAGE
    # A draining engine takes nothing new: that is certain.
    unsure = isinstance(error, holdfast.Refused) and error.code in _UNSURE
    if error.reason == "COMMIT_UNKNOWN" or (changes and unsure and error.reason != "DRAINING"):
        return UNKNOWN
    if isinstance(error, holdfast.Refused) and not unsure:
        return REFUSED
    return UNREACHABLE
