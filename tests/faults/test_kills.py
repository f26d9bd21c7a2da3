"""The process dies at any moment: nothing that it acknowledged is lost or done twice."""

import random
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.faults.shop import ALL, SEED, WRITING, Shop, inject, killed, needs_strace, some

# Orders of a run under the tracer; each is two requests.
ORDERS = 1_000 if ALL else 60


def count_calls(shop: Shop, call: str) -> int:
    """Most calls of this kind that one thread makes in a run that nobody disturbs."""
    trace = shop.folder / "trace"
    under = ("strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={call}")
    assert shop.run(ORDERS * 2, under) == 0
    threads = [line.split()[0] for line in trace.read_text().splitlines() if f"{call}(" in line]
    return max((threads.count(thread) for thread in set(threads)), default=0)


@needs_strace
@pytest.mark.timeout(36_000 if ALL else 240)
@pytest.mark.parametrize("mirrored", [False, True], ids=["alone", "mirrored"])
@pytest.mark.parametrize("call", WRITING)
def test_a_kill_at_every_writing_system_call(
    shop_program: Path, tmp_path: Path, call: str, mirrored: bool
) -> None:
    def fresh(name: str) -> Shop:
        folder = tmp_path / name
        folder.mkdir()
        mirror = {"mirror": str(folder / "mirror")} if mirrored else {}
        return Shop(shop_program, folder, mirror)

    calls = count_calls(fresh("undisturbed"), call)
    assert calls > 0
    kills = 0
    for when in some(range(1, calls + 1), 6):
        shop = fresh(f"{call}-{when}")
        code = shop.run(ORDERS * 2, inject(call, "signal=SIGKILL", str(when)))
        # Threads share the work in another way each time: the last calls may not come.
        assert killed(code) or code == 0
        kills += killed(code)
        acknowledged = shop.acknowledged()
        assert shop.judge().acknowledged == acknowledged
        # Life goes on in the same folder.
        assert shop.run(20) == 0
        verdict = shop.judge()
        assert verdict.acknowledged >= acknowledged + 20
        assert verdict.opened_ms < 2_000
        shutil.rmtree(shop.folder)
    assert kills > 0


@needs_strace
@pytest.mark.timeout(36_000 if ALL else 240)
@pytest.mark.parametrize("call", ["pwrite64", "fsync", "rename"])
def test_a_kill_while_orders_leave_for_the_archive(
    shop_program: Path, tmp_path: Path, call: str
) -> None:
    def fresh(name: str) -> Shop:
        folder = tmp_path / name
        folder.mkdir()
        # Each pair of requests takes an hour, and closed orders leave after a day.
        return Shop(shop_program, folder, {"clock": {"manual_ms": 1_790_000_000_000}})

    undisturbed = fresh("undisturbed")
    calls = count_calls(undisturbed, call)
    archived = [line for line in undisturbed.told.read_text().splitlines() if "archived" in line]
    assert sum(int(line.split()[1]) for line in archived) > 0
    undisturbed.judge()
    kills = 0
    for when in some(range(1, calls + 1), 8):
        shop = fresh(f"{call}-{when}")
        code = shop.run(ORDERS * 2, inject(call, "signal=SIGKILL", str(when)))
        assert killed(code) or code == 0
        kills += killed(code)
        acknowledged = shop.acknowledged()
        # Whatever left memory answers as before, from the archive or from the journal.
        assert shop.judge().acknowledged == acknowledged
        assert shop.run(20) == 0
        assert shop.judge().acknowledged >= acknowledged + 20
        shutil.rmtree(shop.folder)
    assert kills > 0


@pytest.mark.timeout(36_000 if ALL else 240)
@pytest.mark.parametrize("journal", ["file.sync", "file.log"])
def test_kills_at_random_moments_under_load(
    shop_program: Path, tmp_path: Path, journal: str
) -> None:
    moments = random.Random(SEED)
    kills = 0
    for part in range(25 if ALL else 1):
        folder = tmp_path / str(part)
        folder.mkdir()
        shop = Shop(shop_program, folder, {"journal": journal})
        for _ in range(20):
            process = shop.start(1_000_000)
            shop.wait_for(shop.acknowledged() + moments.randrange(1, 400), process)
            process.kill()
            assert killed(process.wait())
            process.communicate()
            kills += 1
        acknowledged = shop.acknowledged()
        assert shop.judge().acknowledged == acknowledged
        shutil.rmtree(folder)
    assert kills >= 20


def test_a_process_without_memory_ends_and_has_lost_nothing(shop: Shop) -> None:
    process = shop.start(1_000_000)
    shop.wait_for(200, process)
    # No more than it has: the next page that it needs is refused.
    resource.prlimit(process.pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
    assert process.wait(60) in (-signal.SIGABRT, -signal.SIGSEGV, 101)
    process.communicate()
    acknowledged = shop.acknowledged()
    assert acknowledged >= 200
    assert shop.judge().acknowledged == acknowledged


@pytest.mark.timeout(36_000 if ALL else 120)
@pytest.mark.parametrize("harm", ["flips", "cuts"])
def test_every_flipped_bit_and_every_truncation_of_a_journal_is_noticed(
    shop: Shop, harm: str
) -> None:
    shop.settings["segment_bytes"] = 64 << 20
    assert shop.run(2_000 if ALL else 500) == 0
    step = "1" if ALL else "61"
    command = [str(shop.program), harm, str(shop.data / "journal"), step]
    swept = subprocess.run(command, capture_output=True, text=True, check=False)
    assert swept.returncode == 0, swept.stdout + swept.stderr
