"""Settings: flags, then HOLDFAST_* variables, then holdfast.toml, then defaults."""

import difflib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError

DEFAULTS: Final[dict[str, str]] = {
    "data": "data",
    "host": "127.0.0.1",
    "port": "7420",
    "metrics_port": "7421",
    "durability": "synced",
    "merchant": "default",
    "tls_cert": "",
    "tls_key": "",
    "tls_client_ca": "",
    "admin_token_file": "",
    "key_file": "",
    "drain_grace_s": "2",
    "default_deadline_ms": "5000",
}


class SettingError(HoldfastError):
    """A setting is not known or not of its kind."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it comes from: flag, environment, file or default."""

    value: str
    origin: str


def load(flags: dict[str, str | None], folder: Path) -> dict[str, Setting]:
    """Every setting with its origin.

    Raises:
        SettingError: An unknown key, with the nearest known one.
    """
    settings = {key: Setting(value, "default") for key, value in DEFAULTS.items()}
    path = Path(os.environ.get("HOLDFAST_CONFIG", folder / "holdfast.toml"))
    if path.is_file():
        for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            _known(key, str(path))
            settings[key] = Setting(str(value), f"file {path}")
    for name, value in os.environ.items():
        key = name.removeprefix("HOLDFAST_").lower()
        if name.startswith("HOLDFAST_") and key in DEFAULTS:
            settings[key] = Setting(value, f"environment {name}")
    for key, flag in flags.items():
        if flag is not None:
            settings[key] = Setting(flag, f"flag --{key.replace('_', '-')}")
    return settings


def _known(key: str, where: str) -> None:
    if key in DEFAULTS:
        return
    close = difflib.get_close_matches(key, DEFAULTS, n=1)
    hint = f" Did you mean {close[0]}?" if close else f" Known are {', '.join(DEFAULTS)}."
    raise SettingError(f"{where} has the unknown setting {key}.{hint}", reason="SETTING_UNKNOWN")
