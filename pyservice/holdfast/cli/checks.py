"""Commands that look after a data folder: journal, state, audit, keys, machine."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import holdfast
from holdfast import _engine
from holdfast.cli.doctor import Doctor
from holdfast.cli.exits import OK, REFUSED
from holdfast.cli.reach import running_server
from holdfast.cli.serving import engine_of, settings_of
from holdfast.cli.settings import SettingError
from holdfast.cli.show import put, put_json, table, tell
from holdfast.cli.texts import text, told
from holdfast.engine import Typed

_DUMP_LINES = 1_000


def journal_verify(options: argparse.Namespace) -> int:
    """Checks every frame, snapshot, archived order and document; damage is a finding."""
    try:
        with Typed():
            report = json.loads(_engine.verify_journal(_data_of(options), _mirror_of(options)))
    except holdfast.JournalCorruptError as error:
        tell(error, options.lang, as_json=options.json)
        return REFUSED
    wrong = report["stale_frames"] or any(
        found["problem"] for found in (*report["snapshots"], report["archive"], report["documents"])
    )
    code = REFUSED if wrong else OK
    if options.json:
        put_json(report)
        return code
    put(text("verified", options.lang, **report))
    torn = report["torn_bytes"]
    if torn:
        put(text("torn", options.lang, bytes=torn))
    if report["stale_frames"]:
        put(text("one_copy", options.lang, **report))
    elif not torn:
        put(text("healthy", options.lang))
    for snapshot in report["snapshots"]:
        put(text("snapshot_bad" if snapshot["problem"] else "snapshot", options.lang, **snapshot))
    archive = report["archive"]
    if archive["problem"] or archive["orders"]:
        put(text("archive_bad" if archive["problem"] else "archive", options.lang, **archive))
    documents = report["documents"]
    if documents["problem"]:
        put(text("documents_bad", options.lang, **documents))
    elif documents["mendable"]:
        put(text("documents_mendable", options.lang, **documents))
    return code


def journal_snapshot(options: argparse.Namespace) -> int:
    """Takes a snapshot of a folder that nobody has open."""
    with Typed():
        taken = _engine.snapshot_journal(
            _data_of(options), _mirror_of(options), _key_file_of(options)
        )
    head = json.loads(taken)
    if options.json:
        put_json(head)
    elif head is None:
        put(text("snapshot_none", options.lang))
    else:
        put(text("snapshot", options.lang, **head))
    return OK


def journal_compact(options: argparse.Namespace) -> int:
    """Removes what is old and held by two snapshots."""
    days = int(settings_of(options)["keep_days"].value)
    with Typed():
        done = _engine.compact_journal(
            _data_of(options), days, _mirror_of(options), _key_file_of(options)
        )
    found = json.loads(done)
    if options.json:
        put_json(found)
        return OK
    put(text("compacted", options.lang, **found))
    if len(found["snapshots"]) < 2:
        put(text("compact_single", options.lang))
    return OK


def journal_doctor(options: argparse.Namespace) -> int:
    """Says what of a damaged journal can be read; changes nothing unless it is told to cut."""
    if options.cut_at is not None:
        return _cut(options)
    with Typed():
        found = json.loads(_engine.diagnose_journal(_data_of(options)))
    damage = found["damage"]
    if options.json:
        put_json(found)
        return REFUSED if damage else OK
    put(text("readable", options.lang, seq=found["good_seq"]))
    if damage is None:
        put(text("healthy", options.lang))
        return OK
    put(text("damage", options.lang, **damage))
    if found["lost"]:
        first, last = found["lost"]
        put(text("lost", options.lang, first=first, last=last))
    for island in found["islands"]:
        put(text("island", options.lang, **island))
    put(text("damage_remedy", options.lang))
    return REFUSED


def _cut(options: argparse.Namespace) -> int:
    """Keeps the records up to one, and moves the rest aside; without --yes only says so."""
    aside = datetime.now(UTC).strftime("journal-cut-%Y%m%dT%H%M%SZ")
    with Typed():
        done = json.loads(
            _engine.cut_journal(
                _data_of(options), options.cut_at, aside, options.yes, _mirror_of(options)
            )
        )
    if options.json:
        put_json(done)
    else:
        files = len(done["files"]) + 1
        key = "cut_done" if done["done"] else "cut_planned"
        put(text(key, options.lang, seq=done["seq"], files=files, aside=aside))
    return OK if done["done"] else REFUSED


def backup(options: argparse.Namespace) -> int:
    """Copies the data folder, beside a running server or not, and replays the copy."""
    data = _data_of(options)
    if options.to.absolute().is_relative_to(data.absolute()):
        raise told(holdfast.OpenError, "BACKUP_INSIDE", path=options.to, data=data)
    ring = Path(_key_file_of(options) or data / "keys" / "ring.json")
    keys = ring if options.with_keys else None
    with Typed():
        made = json.loads(_engine.backup_folder(data, options.to, _mirror_of(options), keys))
        if made["documents"] and ring.exists():
            checked = json.loads(_engine.verify_backup(options.to, ring))
            made["unopened_documents"] = checked["unopened_documents"]
    code = _tell_backup(options, made, "backed_up")
    if made["documents"] and not ring.exists() and not options.json:
        put(text("ring_untried", options.lang, ring=ring, documents=made["documents"]))
    if made["documents"] and not made["keys"] and not options.json:
        put(text("keys_apart", options.lang))
    return code


def restore(options: argparse.Namespace) -> int:
    """Checks a backup, and makes a data folder of it if one is named."""
    if options.verify and options.to is not None:
        raise told(SettingError, "VERIFY_OR_RESTORE")
    with Typed():
        if options.verify or options.to is None:
            told_json = _engine.verify_backup(options.backup, options.keys)
        else:
            told_json = _engine.restore_backup(options.backup, options.to, options.keys)
    found = json.loads(told_json)
    code = _tell_backup(options, found, "backup_whole" if options.to is None else "restored")
    if found["ring"] == "missing" and not options.json:
        folder = options.to or "DATA"
        put(text("ring_missing", options.lang, folder=folder, documents=found["documents"]))
    return code


def _tell_backup(options: argparse.Namespace, found: dict[str, Any], key: str) -> int:
    """Tells what a backup holds; what is wrong in it is a finding."""
    wrong = [
        what
        for what in ("findings", "damaged_documents", "unopened_documents")
        if found.get(what, 0) > 0
    ]
    if options.json:
        put_json(found)
    else:
        put(text(key, options.lang, **found | {"files": len(found["files"])}))
        for what in wrong:
            put(text(f"backup_{what}", options.lang, **found))
    return REFUSED if wrong else OK


def journal_dump(options: argparse.Namespace) -> int:
    """Prints records, one JSON object a line."""
    data, at = _data_of(options), options.from_seq
    while True:
        with Typed():
            lines = _engine.dump_journal(data, at, _DUMP_LINES, _mirror_of(options))
        if not lines:
            return OK
        for line in lines:
            put(line)
        at = json.loads(lines[-1])["seq"] + 1


def keys_rotate(options: argparse.Namespace) -> int:
    """Makes a new master key of the sealed documents current."""
    with Typed():
        key = _engine.rotate_key(_folder_of(options), _key_file_of(options))
    put_json({"key": key}) if options.json else put(text("key_rotated", options.lang, number=key))
    return OK


def _folder_of(options: argparse.Namespace) -> Path:
    """A data folder with a journal, wherever that is."""
    data = Path(str(settings_of(options)["data"].value))
    if not (data / "journal").is_dir() and not (data / "journal.note").exists():
        raise told(holdfast.OpenError, "DATA_MISSING", data=data)
    return data


def _data_of(options: argparse.Namespace) -> Path:
    """A data folder whose journal is in files."""
    data = _folder_of(options)
    if not (data / "journal").is_dir():
        raise told(holdfast.OpenError, "DATA_IN_REDIS", data=data)
    return data


def _key_file_of(options: argparse.Namespace) -> str | None:
    return str(settings_of(options)["key_file"].value) or None


def _mirror_of(options: argparse.Namespace) -> str | None:
    """The mirror that is named, or else the one that the folder was opened with."""
    settings = settings_of(options)
    named = str(settings["mirror"].value)
    if named:
        return named
    with Typed():
        return _engine.mirror_of(str(settings["data"].value))


def state_hash(options: argparse.Namespace) -> int:
    """Shows the hash of the state and the position it is of."""
    with engine_of(options) as (engine, _):
        found = engine.get_state_hash()
    if options.json:
        put_json(found)
    else:
        put(f"{found.state_hash}  {found.state_seq}")
    return OK


def audit(options: argparse.Namespace) -> int:
    """Recomputes every identity."""
    with engine_of(options) as (engine, _):
        found = engine.audit()
    if options.json:
        put_json(found)
    else:
        for finding in found.findings:
            put(f"{finding.identity}  {finding.subject}  {finding.detail}")
        key = "findings" if found.findings else "no_findings"
        checked = {"pools": found.pools_checked, "orders": found.orders_checked}
        put(text(key, options.lang, count=len(found.findings), **checked))
    return REFUSED if found.findings else OK


def doctor(options: argparse.Namespace) -> int:
    """Looks at this machine; a failed check is a finding."""
    settings = settings_of(options)
    server = running_server(Path(str(settings["data"].value)))
    findings = Doctor(settings, server, options.lang).examine()
    if options.json:
        put_json(findings)
    else:
        columns = [text(f"col.{column}", options.lang) for column in ("check", "state", "detail")]
        table(columns, [(finding.check, finding.state, finding.detail) for finding in findings])
        for finding in findings:
            if finding.remedy:
                put(f"{finding.check}: {finding.remedy}")
    return REFUSED if any(finding.state == "fail" for finding in findings) else OK
