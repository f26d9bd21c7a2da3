"""The operator's secret: made on the first start, kept in a file of its owner's."""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from holdfast.server.settings import ServerSettings, SettingsError

# Shorter ones can be guessed. A generated secret has 43 characters.
_SHORTEST: Final = 16


def token_file(settings: ServerSettings) -> Path:
    """Where the secret is kept.

    Raises:
        SettingsError: There is no data folder and no file was named.
    """
    if settings.admin_token_file is not None:
        return settings.admin_token_file
    if settings.data is None:
        raise SettingsError(
            "A server that keeps everything in memory has no folder for the operator's secret. "
            "Name a file with --admin-token-file.",
            reason="SETTING_INVALID",
        )
    return settings.data / "admin.token"


def token_sha256(path: Path) -> str:
    """The hash of the operator's secret, in hex; makes the secret if there is none.

    Raises:
        SettingsError: The file's secret is too short to be one.
    """
    if not path.exists():
        _make(path)
    secret = path.read_text(encoding="utf-8").strip()
    if len(secret) < _SHORTEST:
        raise SettingsError(
            f"The secret in {path} has {len(secret)} characters; at least {_SHORTEST} are needed. "
            "Remove the file to have a new one made.",
            reason="TOKEN_TOO_SHORT",
        )
    return hashlib.sha256(secret.encode()).hexdigest()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Another server that starts at this instant has made it.
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
