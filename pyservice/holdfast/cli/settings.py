"""Settings: flags, then HOLDFAST_* variables, then holdfast.toml, then defaults."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from holdfast.cli.texts import told
from holdfast.errors import HoldfastError

Value: TypeAlias = str | int | float

# Variables of the command line that are no settings.
_OTHER_VARIABLES: Final = ("HOLDFAST_CONFIG", "HOLDFAST_LANG")


@dataclass(frozen=True, slots=True)
class Spec:
    """What a setting may be: the type of its default, and within which bounds."""

    default: Value
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()

    def expected(self) -> str:
        """What a value must be, in signs that need no language."""
        if isinstance(self.default, str):
            return " | ".join(choice or '""' for choice in self.choices) or '"…"'
        return f"{self.low} … {self.high}"

    def read(self, given: object) -> Value | None:
        """The value in its type, or nothing if it is none."""
        if isinstance(given, bool | list | dict):
            return None
        kind = type(self.default)
        try:
            value = kind(str(given))
        except ValueError:
            return None
        if isinstance(value, str):
            # N in a choice stands for a digit.
            general = re.sub(r"[1-9]\)$", "N)", value)
            return value if not self.choices or general in self.choices else None
        return value if self.low <= value <= self.high else None


SETTINGS: Final[Mapping[str, Spec]] = {
    "data": Spec("data"),
    "host": Spec("127.0.0.1"),
    "port": Spec(7420, 0, 65_535),
    "front": Spec("native", choices=("native", "python")),
    "metrics_port": Spec(7421, -1, 65_535),
    "journal": Spec(
        "file.sync",
        choices=(
            "file.sync",
            "file.log",
            "redis.everysec",
            "redis.always",
            "redis.wait(N)",
            "redis.waitaof(1,N)",
        ),
    ),
    "redis_url": Spec("redis://127.0.0.1:6379"),
    "redis_name": Spec("main"),
    "redis_password_file": Spec(""),
    "redis_ca": Spec(""),
    "redis_cert": Spec(""),
    "redis_key": Spec(""),
    "redis_assume_appendfsync": Spec("", choices=("", "always", "everysec")),
    "mirror": Spec(""),
    "scrub_hours": Spec(24.0, 0, 8_760),
    "low_water_mib": Spec(64, 0, 1_048_576),
    "snapshot_every": Spec(250_000, 0, 1_000_000_000),
    "keep_days": Spec(180, 0, 36_500),
    "merchant": Spec("default"),
    "tls_cert": Spec(""),
    "tls_key": Spec(""),
    "tls_client_ca": Spec(""),
    "admin_token_file": Spec(""),
    "key_file": Spec(""),
    "drain_grace_s": Spec(2.0, 0, 600),
    "default_deadline_ms": Spec(5_000, 1, 600_000),
    "max_connections": Spec(10_000, 1, 1_000_000),
    "handshake_s": Spec(10.0, 0.1, 600),
    "connection_idle_s": Spec(300.0, 0.1, 86_400),
    "connection_age_s": Spec(1_800.0, 0.1, 86_400),
    "connection_age_grace_s": Spec(60.0, 0, 86_400),
    "keepalive_s": Spec(60.0, 0.1, 86_400),
    "keepalive_timeout_s": Spec(20.0, 0.1, 86_400),
    "ping_spacing_s": Spec(10.0, 0, 86_400),
}


class SettingError(HoldfastError):
    """A setting is not known, or not what it must be."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it comes from: flag, environment, file or default."""

    value: Value
    origin: str


def shown(key: str, setting: Setting) -> Setting:
    """The setting as people may see it: without a password."""
    if key != "redis_url":
        return setting
    return Setting(re.sub(r"(://[^:@/]*):.*@", r"\1:***@", str(setting.value)), setting.origin)


def load(flags: Mapping[str, object], folder: Path) -> dict[str, Setting]:
    """Every setting with its origin.

    Args:
        flags: What the command line gave; `None` where it gave nothing.
        folder: Where holdfast.toml is looked for, unless HOLDFAST_CONFIG names a file.

    Raises:
        SettingError: An unknown key, with the nearest known one; or a value that
            is not what the setting must be, with its origin.
    """
    found = {key: Setting(spec.default, "default") for key, spec in SETTINGS.items()}
    layers = (_file(folder), _environment(), _flags(flags))
    for key, value, origin in (entry for layer in layers for entry in layer):
        read = SETTINGS[key].read(value)
        if read is None:
            raise told(
                SettingError,
                "SETTING_VALUE",
                setting=key,
                value=value,
                origin=origin,
                expected=SETTINGS[key].expected(),
            )
        found[key] = Setting(read, origin)
    return found


_Layer: TypeAlias = Iterable[tuple[str, object, str]]


def _file(folder: Path) -> _Layer:
    named = os.environ.get("HOLDFAST_CONFIG")
    path = Path(named) if named else folder / "holdfast.toml"
    if not named and not path.is_file():
        return
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise told(SettingError, "SETTINGS_FILE", path=path, detail=error) from None
    for key, value in content.items():
        _known(key, SETTINGS, str(path))
        yield key, value, f"file {path}"


def _environment() -> _Layer:
    known = {f"HOLDFAST_{key.upper()}": key for key in SETTINGS}
    for name, value in sorted(os.environ.items()):
        if name.startswith("HOLDFAST_") and name not in _OTHER_VARIABLES:
            _known(name, known, "environment")
            yield known[name], value, f"environment {name}"


def _flags(flags: Mapping[str, object]) -> _Layer:
    for key, value in flags.items():
        if value is not None:
            yield key, value, f"flag --{key.replace('_', '-')}"


def _known(key: str, known: Iterable[str], where: str) -> None:
    names = list(known)
    if key in names:
        return
    # Compared without the prefix that all variables share, or all would be near.
    bare = {name.removeprefix("HOLDFAST_"): name for name in names}
    close = [
        bare[name] for name in difflib.get_close_matches(key.removeprefix("HOLDFAST_"), bare, n=1)
    ]
    if close:
        raise told(SettingError, "SETTING_UNKNOWN", setting=key, origin=where, nearest=close[0])
    known_names = ", ".join(names)
    raise told(SettingError, "SETTING_STRANGE", setting=key, origin=where, known=known_names)
