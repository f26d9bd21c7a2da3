"""Two rehearsals beside each other: what became faster, slower, true or untrue."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from holdfast.loadtests.service import RehearsalError

RESULT: Final = "result.json"


def read_result(folder: Path) -> dict[str, Any]:
    """What a rehearsal left in its folder.

    Raises:
        RehearsalError: There is none, or it is of another form.
    """
    path = folder / RESULT if folder.is_dir() else folder
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RehearsalError(f"{path} is not the result of a rehearsal: {error}") from None
    if found.get("format") != 1:
        raise RehearsalError(f"{path} has form {found.get('format')}; this version reads form 1")
    return found


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    """(what, before, after, change) for everything that both rehearsals have."""
    yield (
        "profile",
        before["profile"],
        after["profile"],
        _changed(before["profile"], after["profile"]),
    )
    yield (
        "verdict",
        before["verdict"],
        after["verdict"],
        _changed(before["verdict"], after["verdict"]),
    )
    for latency in ("corrected", "raw"):
        for share in ("p50", "p95", "p99", "p99.9"):
            old, new = before[latency][share], after[latency][share]
            yield f"{latency} {share}, ms", f"{old:.2f}", f"{new:.2f}", _percent(old, new)
    theirs = {one["name"]: one for one in after["judged"]}
    for one in before["judged"]:
        if other := theirs.get(one["name"]):
            old, new = (
                f"{one['ratio']:.4f} {one['verdict']}",
                f"{other['ratio']:.4f} {other['verdict']}",
            )
            yield one["name"], old, new, _percent(one["ratio"], other["ratio"])
    checks = {check["name"]: check for check in after["checks"]}
    for check in before["checks"]:
        if (other := checks.get(check["name"])) and check["ok"] != other["ok"]:
            yield check["name"], str(check["ok"]), str(other["ok"]), "changed"


def _changed(old: str, new: str) -> str:
    return "" if old == new else "changed"


def _percent(old: float, new: float) -> str:
    return f"{(new / old - 1) * 100:+.1f} %" if old else ""
