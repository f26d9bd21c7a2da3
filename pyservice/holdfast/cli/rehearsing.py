"""`holdfast rehearse`: the peak against a deployed service."""

import argparse
from importlib.util import find_spec

from holdfast.cli.settings import SettingError
from holdfast.cli.texts import told

# What the extra brings, beside what the service itself needs.
_EXTRA = ("locust", "hdrh")


def rehearse(options: argparse.Namespace) -> int:
    """Runs a rehearsal; its exit codes are those of docs/rehearsal.md."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise told(SettingError, "EXTRA_MISSING", missing=", ".join(missing))
    from holdfast.loadtests.command import main
    from holdfast.loadtests.profiles import PROFILES

    if options.profile not in (*PROFILES, "all"):
        raise told(
            SettingError, "PROFILE_UNKNOWN", profile=options.profile, known=", ".join(PROFILES)
        )
    given = [options.profile, *(["--json"] if options.json else [])]
    flags = {
        "--target": options.server,
        "--beside": options.beside,
        "--token-file": options.token_file,
        "--tls-ca": options.tls_ca,
        "--out": options.out,
    }
    for flag, value in flags.items():
        given += [flag, str(value)] if value is not None else []
    return main(given)
