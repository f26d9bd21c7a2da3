"""The command line, as a person and as a script use it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.cli import main
from holdfast.cli.parser import build_parser
from holdfast.cli.texts import TEXTS
from tests.conftest import Server, start_server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture
def live(data: Path) -> Iterator[Server]:
    server = start_server(data)
    yield server
    server.process.kill()
    server.process.wait(10)


def test_every_text_stands_in_both_languages() -> None:
    for key, (chinese, english) in TEXTS.items():
        assert chinese, key
        assert english, key
        assert any(ord(char) > 0x2E7F for char in chinese), key
    for lang in ("zh", "en"):
        assert build_parser(lang).format_help()


def test_an_order_is_placed_shown_and_audited_through_the_folders_server(
    capsys: pytest.CaptureFixture[str], live: Server, data: Path
) -> None:
    at = ("--data", str(data))
    assert run(capsys, "stock", "receive", "cup", "5", "--warehouse", "hz", *at)[0] == 0
    place = ("order", "place", "--number", "douyin:1:99", "--channel", "douyin")
    code, out, _ = run(capsys, *place, "--urgency", "normal", "--line", "cup=2@hz", "--json", *at)
    assert (code, json.loads(out)["order"]["hold_state"]) == (0, "HELD")
    code, out, _ = run(capsys, "order", "show", "99", "--json", *at)
    assert json.loads(out)["status"]["order_number"] == "douyin:1:99"
    code, out, _ = run(capsys, "order", "show", "99", "--lang", "zh", *at)
    assert (code, "待支付" in out) == (0, True)
    code, out, _ = run(capsys, "hold", "list", "--json", *at)
    assert [hold["order_number"] for hold in json.loads(out)["holds"]] == ["douyin:1:99"]
    code, out, _ = run(capsys, "stock", "show", "cup", "--json", *at)
    assert json.loads(out)["stock"][0]["held"] == 2
    assert run(capsys, "audit", *at)[0] == 0
    assert len(json.loads(run(capsys, "state", "hash", "--json", *at)[1])["state_hash"]) == 64
    code, out, err = run(capsys, *place, "--urgency", "normal", "--line", "cup=9", *at)
    assert (code, out) == (1, "")
    assert "ALREADY_HELD" in err


def test_journals_are_verified_and_dumped_beside_a_running_server(
    capsys: pytest.CaptureFixture[str], live: Server, data: Path
) -> None:
    at = ("--data", str(data))
    run(capsys, "stock", "receive", "cup", "10", "--warehouse", "hz", *at)
    code, out, _ = run(capsys, "journal", "verify", "--json", *at)
    assert (code, json.loads(out)["torn_bytes"]) == (0, 0)
    code, out, _ = run(capsys, "journal", "dump", "--json", *at)
    events = [event for line in out.splitlines() for event in json.loads(line)["events"]]
    fields = {event["type"]: event["fields"] for event in events}
    moved = [event["movements"][0]["quantity"] for event in events if event["movements"]]
    assert (code, moved) == (0, [10])
    assert {"EngineStarted", "TokenIssued", "StockReceived"} <= set(fields)
    assert len(fields["TokenIssued"]["token_sha256"]) == 64


def test_a_snapshot_is_taken_of_a_stopped_server_and_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at = ("--data", str(tmp_path))
    with holdfast.Engine.open(tmp_path) as engine:
        for number in range(20):
            engine.receive_stock(request_id=f"r{number}", sku="cup", warehouse="hz", quantity=1)
        first = engine.snapshot()
        assert first == engine.snapshot() >= 21
        engine.receive_stock(request_id="last", sku="cup", warehouse="hz", quantity=1)
        hashed = engine.get_state_hash()
        code, _, err = run(capsys, "journal", "snapshot", *at)
        assert (code, "LOCKED" in err) == (3, True)
    code, out, _ = run(capsys, "journal", "snapshot", "--json", *at)
    taken = json.loads(out)
    assert (code, taken["seq"], taken["state_hash"]) == (0, first + 1, hashed.state_hash)
    code, out, _ = run(capsys, "journal", "compact", "--keep-days", "0", "--json", *at)
    kept = {"first_seq_before": 1, "first_seq": 1, "last_seq": first + 1}
    assert (code, json.loads(out)) == (0, kept | {"snapshots": [first + 1, first]})
    assert f"1 to {first + 1} are kept" in run(capsys, "journal", "compact", *at)[1]
    code, out, _ = run(capsys, "journal", "verify", "--json", *at)
    found = [(snapshot["seq"], snapshot["problem"]) for snapshot in json.loads(out)["snapshots"]]
    assert (code, found) == (0, [(first + 1, None), (first, None)])
    newest = max((tmp_path / "snapshots").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    code, out, _ = run(capsys, "journal", "verify", *at)
    assert (code, f"snapshot {first + 1} cannot be used" in out) == (1, True)
    with holdfast.Engine.open(tmp_path) as engine:
        assert engine.get_stock("cup").stock[0].on_hand == 21


def test_the_doctor_of_a_journal_names_what_is_lost(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at = ("--data", str(tmp_path))
    with holdfast.Engine.open(tmp_path) as engine:
        for number in range(20):
            engine.receive_stock(request_id=f"r{number}", sku="cup", warehouse="hz", quantity=1)
    code, out, _ = run(capsys, "journal", "doctor", *at)
    assert (code, "no damage" in out) == (0, True)
    (segment,) = (tmp_path / "journal").glob("*.segment")
    spoilt = bytearray(segment.read_bytes())
    spoilt[len(spoilt.rstrip(b"\0")) // 2] ^= 1
    segment.write_bytes(spoilt)
    code, out, _ = run(capsys, "journal", "doctor", "--json", *at)
    found = json.loads(out)
    first, last = found["lost"]
    assert (code, found["good_seq"]) == (1, first - 1)
    assert [island["first_seq"] for island in found["islands"]] == [last + 1]
    assert found["islands"][0]["last_seq"] == 21
    assert f"records {first} to {last}" in run(capsys, "journal", "doctor", *at)[1]


def test_a_new_key_seals_what_comes_and_old_documents_stay_readable(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at = ("--data", str(tmp_path))
    with holdfast.Engine.open(tmp_path) as engine:
        engine.receive_stock(request_id="r", sku="cup", warehouse="hz", quantity=1)
        engine.place_order(
            request_id="p",
            order_number="A",
            source_channel="PHONE",
            urgency="NORMAL",
            lines=[{"sku": "cup", "warehouse": "hz", "quantity": 1}],
            document=b"receiver",
        )
        code, _, err = run(capsys, "keys", "rotate", *at)
        assert (code, "LOCKED" in err) == (3, True)
    code, out, _ = run(capsys, "keys", "rotate", "--json", *at)
    assert (code, json.loads(out)) == (0, {"key": 2})
    assert "3" in run(capsys, "keys", "rotate", *at)[1]
    with holdfast.Engine.open(tmp_path) as engine:
        assert engine.get_order_document("A", purpose="test").document == b"receiver"


def test_a_credential_is_issued_and_works(
    capsys: pytest.CaptureFixture[str], live: Server, data: Path, tmp_path: Path
) -> None:
    issue = ("token", "issue", "--actor", "anna", "--role", "OBSERVER", "--data", str(data))
    _, out, _ = run(capsys, *issue)
    secret = tmp_path / "secret"
    secret.write_text(out)
    at = ("--server", live.address, "--token-file", str(secret))
    assert run(capsys, "hold", "list", *at)[0] == 0
    assert run(capsys, "stock", "receive", "cup", "1", "--warehouse", "hz", *at)[0] == 1


@pytest.mark.parametrize(
    ("form", "sign"), [("svg", "<svg"), ("mermaid", "stateDiagram"), ("markdown", "|")]
)
def test_the_poster_comes_in_three_forms(
    capsys: pytest.CaptureFixture[str], form: str, sign: str
) -> None:
    code, out, _ = run(capsys, "states", "poster", "--lang", "zh", "--format", form)
    assert code == 0
    assert sign in out
    assert "待支付" in out


def test_a_platforms_reply_is_mapped_from_standard_input() -> None:
    from datetime import date

    from holdfast.demo.payloads import make_day

    for delivery in make_day(3, 12, date(2026, 11, 11)):
        command = [sys.executable, "-m", "holdfast", "channels", "map", "--channel"]
        command += [str(delivery.channel.value), "-", "--json"]
        done = subprocess.run(command, input=delivery.payload, capture_output=True, check=True)
        orders: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        assert [order["order_id"] for order in orders] == [delivery.order_id]
        assert orders[0]["source_channel"] == delivery.channel.value
        break


def test_the_doctor_looks_at_this_machine(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    code, out, _ = run(capsys, "doctor", "--json", "--data", str(data))
    checks = {finding["check"] for finding in json.loads(out)}
    assert code == 0
    assert {"python", "engine", "data", "disk", "fsync", "clock"} <= checks


@pytest.mark.timeout(300)
def test_up_runs_a_day_and_every_check_of_its_verdict_holds(data: Path) -> None:
    command = [sys.executable, "-m", "holdfast", "up", "--data", str(data)]
    command += ["--orders", "150", "--exit", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    verdict = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(row["ok"] is not False for row in verdict.values())
    assert verdict["replayed state hash"]["ok"]


def test_a_backup_beside_a_running_engine_is_checked_and_restored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    order = {
        "request_id": "p",
        "order_number": "A",
        "source_channel": "PHONE",
        "urgency": "NORMAL",
        "lines": [{"sku": "cup", "warehouse": "hz", "quantity": 1}],
        "document": b"receiver",
    }
    with holdfast.Engine.open(data) as engine:
        engine.receive_stock(request_id="r", sku="cup", warehouse="hz", quantity=5)
        engine.place_order(**order)  # type: ignore[arg-type]
        code, out, _ = run(capsys, "backup", str(copy), "--json", "--data", str(data))
        made = json.loads(out)
        # Beside the two commands there are the start and stamps of the time.
        last = made["last_seq"]
        assert (code, last >= 3, made["keys"]) == (0, True, False)
    assert not (copy / "keys").exists()
    code, _, err = run(capsys, "backup", str(copy), "--data", str(data))
    assert (code, "BACKUP_TARGET_EXISTS" in err) == (3, True)
    code, out, _ = run(capsys, "restore", str(copy), "--verify")
    assert (code, f"records 1 to {last}" in out, "key ring" in out) == (0, True, True)
    back, ring = tmp_path / "back", str(data / "keys" / "ring.json")
    code, out, _ = run(capsys, "restore", str(copy), "--to", str(back), "--keys", ring)
    assert (code, f"restored records 1 to {last}" in out, "key ring" in out) == (0, True, False)
    with holdfast.Engine.open(back) as engine:
        assert engine.place_order(**order).receipt.replayed  # type: ignore[arg-type]
        assert engine.get_order_document("A", purpose="test").document == b"receiver"
    segment = next((copy / "journal").iterdir())
    segment.write_bytes(segment.read_bytes() + b"x")
    code, _, err = run(capsys, "restore", str(copy), "--to", str(tmp_path / "never"))
    assert (code, "BACKUP_CHANGED" in err) == (3, True)
    assert not (tmp_path / "never").exists()


def test_a_ring_that_is_kept_apart_is_asked_for_and_tried(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, ring = tmp_path / "data", tmp_path / "ring.json"
    with holdfast.Engine.open(data, key_file=ring) as engine:
        engine.receive_stock(request_id="r", sku="cup", warehouse="hz", quantity=5)
        engine.place_order(
            request_id="p",
            order_number="A",
            source_channel="PHONE",
            urgency="NORMAL",
            lines=[{"sku": "cup", "warehouse": "hz", "quantity": 1}],
            document=b"receiver",
        )
    at, bare, full = ("--data", str(data)), str(tmp_path / "bare"), str(tmp_path / "full")
    code, _, err = run(capsys, "backup", full, "--with-keys", *at)
    assert (code, "KEYS_MISSING" in err) == (3, True)
    code, out, _ = run(capsys, "backup", bare, *at)
    assert (code, "thief" in out, "nobody tried" in out) == (0, True, True)
    assert run(capsys, "backup", full, "--with-keys", "--key-file", str(ring), *at)[0] == 0
    code, out, _ = run(capsys, "restore", full, "--json")
    found = json.loads(out)
    assert (code, found["ring"], found["opened_documents"]) == (0, "in_backup", 1)
    back = tmp_path / "back"
    code, out, _ = run(capsys, "restore", bare, "--to", str(back), "--lang", "zh")
    assert (code, f"{back}/keys/ring.json" in out) == (0, True)
    with pytest.raises(holdfast.OpenError):
        holdfast.Engine.open(back)
    holdfast.Engine.open(tmp_path / "other").close()
    strange = str(tmp_path / "other" / "keys" / "ring.json")
    code, out, _ = run(capsys, "restore", bare, "--verify", "--keys", strange)
    assert (code, "does not open 1 of 1" in out) == (1, True)
    again = str(tmp_path / "again")
    code, out, _ = run(capsys, "backup", again, "--key-file", strange, *at)
    assert (code, "does not open 1 of 1" in out) == (1, True)
    inside = str(data / "backups" / "monday")
    code, _, err = run(capsys, "backup", inside, *at)
    assert (code, "BACKUP_INSIDE" in err, Path(inside).exists()) == (3, True, False)
    code, _, err = run(capsys, "restore", bare, "--verify", "--to", str(tmp_path / "never"))
    assert (code, "VERIFY_OR_RESTORE" in err) == (2, True)


def test_a_folder_remembers_its_mirror(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One word, as a person types it.
    monkeypatch.chdir(tmp_path)
    with holdfast.Engine.open("shop", mirror="copy", key_file="ring.json") as engine:
        engine.receive_stock(request_id="r", sku="cup", warehouse="hz", quantity=5)
    data = ("--data", "shop")
    monkeypatch.setenv("HOLDFAST_KEY_FILE", "ring.json")
    assert run(capsys, "stock", "receive", "cup", "7", "--warehouse", "hz", *data)[0] == 0
    for segment in (tmp_path / "shop" / "journal").glob("*.segment"):
        copied = tmp_path / "copy" / segment.name
        assert copied.read_bytes() == segment.read_bytes()
        spoilt = bytearray(segment.read_bytes())
        spoilt[100] ^= 1
        segment.write_bytes(spoilt)
    code, out, _ = run(capsys, "journal", "verify", *data)
    assert (code, "in one of the two copies" in out) == (1, True)
    code, out, _ = run(capsys, "stock", "show", "cup", *data)
    assert (code, "12" in out) == (0, True)
    code, out, _ = run(capsys, "journal", "verify", *data)
    assert (code, "no damage" in out) == (0, True)
    assert run(capsys, "keys", "rotate", *data)[0] == 0
    # A copy must not write into the mirror of the first one.
    shutil.copytree("shop", "twin")
    code, _, err = run(capsys, "stock", "show", "cup", "--data", "twin")
    assert (code != 0, "was moved or copied" in err) == (True, True)
    (tmp_path / "twin" / "mirror.note").unlink()
    assert run(capsys, "stock", "show", "cup", "--data", "twin")[0] == 0


def test_a_damaged_journal_is_cut_where_a_person_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at = ("--data", str(tmp_path))
    with holdfast.Engine.open(tmp_path) as engine:
        for number in range(20):
            engine.receive_stock(request_id=f"r{number}", sku="cup", warehouse="hz", quantity=1)
    (segment,) = (tmp_path / "journal").glob("*.segment")
    spoilt = bytearray(segment.read_bytes())
    spoilt[len(spoilt.rstrip(b"\0")) // 2] ^= 1
    segment.write_bytes(spoilt)
    good = json.loads(run(capsys, "journal", "doctor", "--json", *at)[1])["good_seq"]
    cut = ("journal", "doctor", *at, "--cut-at")
    code, out, _ = run(capsys, *cut, str(good))
    assert (code, "add --yes" in out) == (1, True)
    code, _, err = run(capsys, *cut, str(good + 1), "--yes")
    assert (code, f"records up to {good} can be read" in err) == (3, True)
    code, out, _ = run(capsys, *cut, str(good), "--yes")
    assert (code, f"up to {good}" in out) == (0, True)
    (aside,) = tmp_path.glob("journal-cut-*")
    assert (aside / segment.name).read_bytes() == bytes(spoilt)
    with holdfast.Engine.open(tmp_path) as engine:
        assert engine.get_stock("cup").stock[0].on_hand == good - 1
        assert not engine.audit().findings
