"""The disk fails, fills, stalls or loses files: what was acknowledged stays so."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client import Client
from tests.conftest import Server, start_server
from tests.faults.shop import Shop, inject, needs_strace, some

# The shop's exit code once its journal has failed.
FAILED = 3


def doubts(shop: Shop) -> list[str]:
    told = shop.told.read_text().splitlines()
    return [line for line in told if line.startswith("doubt")]


@needs_strace
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("pwrite64", "EIO"),
        ("pwrite64", "ENOSPC"),
        ("pwrite64", "EROFS"),
        ("fdatasync", "EIO"),
        ("fdatasync", "ENOSPC"),
    ],
)
def test_the_first_failed_write_or_sync_is_the_last(
    shop_program: Path, tmp_path: Path, call: str, error: str
) -> None:
    """Nothing is acknowledged afterwards, the process ends, and no sync is tried again."""
    stopped = 0
    for when in some(range(4, 60), 5):
        folder = tmp_path / f"{call}-{error}-{when}"
        folder.mkdir()
        shop = Shop(shop_program, folder)
        trace = folder / "trace"
        under = ("strace", "-f", "-qq", "-o", str(trace), "-e", "trace=pwrite64,fdatasync")
        code = shop.run(400, (*under, "-e", f"inject={call}:error={error}:when={when}"))
        assert code in (0, 2, FAILED), code
        lines = trace.read_text().splitlines()
        failed = [n for n, line in enumerate(lines) if "(INJECTED)" in line]
        if code == FAILED:
            stopped += 1
            journal = lines[failed[0]].split()[0]
            later = [line for line in lines[failed[0] + 1 :] if line.startswith(journal)]
            assert not any("fdatasync" in line for line in later), "a sync was tried again"
            assert doubts(shop)
        acknowledged = shop.acknowledged()
        assert shop.judge().acknowledged == acknowledged
    assert stopped > 0


@needs_strace
def test_a_read_that_fails_refuses_the_start_and_harms_nothing(shop: Shop) -> None:
    assert shop.run(200) == 0
    refused = 0
    for when in some(range(1, 60), 8):
        code = shop.run(2, inject("pread64", "error=EIO", str(when)))
        # 127 is the loader of programs, which reads before it.
        assert code in (0, 2, 127), code
        refused += code == 2
    assert refused > 0
    assert shop.judge().acknowledged == shop.acknowledged()


@needs_strace
def test_slow_syncs_keep_deadlines_and_a_repeat_resolves_the_doubt(shop: Shop) -> None:
    shop.settings["default_deadline_ms"] = 60
    assert shop.run(60, inject("fdatasync", "delay_enter=150000", "8+4")) == 0
    # 4 is DEADLINE_EXCEEDED: told in time, and done all the same.
    assert {line.split()[2] for line in doubts(shop)} == {"4"}
    shop.settings["default_deadline_ms"] = 5_000
    verdict = shop.judge()
    assert verdict.acknowledged == shop.acknowledged()
    assert verdict.extra == len(doubts(shop))


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_segment_that_vanishes_stops_the_engine_and_the_mirror_has_it(
    shop: Shop, replaced: bool
) -> None:
    shop.settings |= {"mirror": str(shop.folder / "mirror"), "segment_bytes": 64 << 20}
    process = shop.start(1_000_000)
    shop.wait_for(200, process)
    (segment,) = (shop.data / "journal").glob("*.segment")
    segment.unlink()
    if replaced:
        segment.write_bytes(b"something else")
    assert process.wait(20) == FAILED
    process.communicate()
    if replaced:
        segment.unlink()
    acknowledged = shop.acknowledged()
    verdict = shop.judge()
    assert verdict.acknowledged == acknowledged
    assert verdict.mended_frames > 0


def test_a_second_engine_is_kept_out_and_a_living_child_of_a_dead_one_is_not_in_the_way(
    shop: Shop,
) -> None:
    process = shop.start(1_000_000)
    shop.wait_for(10, process)
    second = subprocess.run(
        [str(shop.program), "run", shop.arguments(), "0", "1"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert second.returncode == 2
    assert f"in use by process {process.pid}" in second.stderr
    process.kill()
    process.communicate()
    script = """
        import os, signal, sys, holdfast
        engine = holdfast.Engine.open(sys.argv[1])
        child = os.fork()
        if child == 0:
            os.close(1)
            signal.pause()
        print(child, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(shop.data)]
    parent = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    child = int(parent.stdout)
    try:
        assert shop.judge().acknowledged == shop.acknowledged()
    finally:
        os.kill(child, 9)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB, where the system lets us have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_takes_no_orders_and_then_takes_them_again(
    shop_program: Path, tmp_path: Path, small_disk: Path
) -> None:
    shop = Shop(shop_program, tmp_path, {"low_water_bytes": 2 << 20}, disk=small_disk)
    assert shop.run(200) == 0
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(free - (1 << 20)))
    before = shop.acknowledged()
    assert shop.run(200) == 0
    # 8 is RESOURCE_EXHAUSTED: no new order, so nothing to pay or release either.
    assert {line.split()[2] for line in doubts(shop)} <= {"8", "5"}
    assert shop.acknowledged() == before
    ballast.unlink()
    assert shop.run(200) == 0
    assert shop.acknowledged() == before + 200
    assert shop.judge().acknowledged == shop.acknowledged()


def test_a_disk_that_is_full_at_once_costs_nothing_that_was_acknowledged(
    shop_program: Path, tmp_path: Path, small_disk: Path
) -> None:
    settings = {"low_water_bytes": 1 << 20, "segment_bytes": 1 << 20}
    shop = Shop(shop_program, tmp_path, settings, disk=small_disk)
    process = shop.start(1_000_000)
    shop.wait_for(100, process)
    with (small_disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65_536))
        except OSError:
            pass
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    # Room for all that it was refused meanwhile, which the judge asks for again.
    subprocess.run(["mount", "-o", "remount,size=256m", str(small_disk)], check=True)
    assert shop.judge().acknowledged == shop.acknowledged()


def test_rot_under_a_running_server_is_mended_before_anybody_needs_it(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    server = start_server(
        tmp_path / "data", "--mirror", str(mirror), "--scrub-hours", str(1.5 / 3_600)
    )
    with Client(server.address, token=server.token) as client:
        client.receive_stock(request_id="stock", sku="cup", warehouse="hz", quantity=100)
        for number in range(20):
            client.place_order(
                request_id=f"p{number}",
                order_number=f"A{number}",
                source_channel="PHONE",
                urgency="NORMAL",
                lines=[{"sku": "cup", "quantity": 1}],
                document=b"receiver",
            )
        (segment,) = (tmp_path / "data" / "journal").glob("*.segment")
        for rotten in (segment, mirror / "documents.vault"):
            with rotten.open("r+b") as file:
                file.seek(600)
                byte = file.read(1)[0]
                file.seek(600)
                file.write(bytes([byte ^ 4]))
        give_up = time.monotonic() + 30
        while min(mended(server, "frames"), mended(server, "documents")) < 1:
            assert time.monotonic() < give_up, "nobody mended it"
            time.sleep(0.1)
        for number in range(20):
            opened = client.get_order_document(f"A{number}", purpose="test")
            assert opened.document == b"receiver"
    assert server.stop() == 0
    command = ["journal", "verify", "--data", str(tmp_path / "data"), "--mirror", str(mirror)]
    found = subprocess.run(
        [sys.executable, "-m", "holdfast", *command, "--json"], capture_output=True, check=True
    )
    assert json.loads(found.stdout)["stale_frames"] == 0


def mended(server: Server, what: str) -> float:
    url = f"http://{server.told['metrics_address']}/metrics"
    with urllib.request.urlopen(url, timeout=10) as page:
        lines = page.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith(f"holdfast_mended_{what}_total ")]
    return float(line.split()[1])
