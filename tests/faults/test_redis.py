"""The journal in Redis, black box: servers die, lag, refuse and forget.

Whatever happens to the server: what was acknowledged is there and was done once, or the
engine has stopped and names what is missing.
"""

import contextlib
import functools
import json
import random
import shutil
import signal
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from tests.faults.servers import (
    ALWAYS,
    HOST,
    Proxy,
    RedisServer,
    binaries,
    free_port,
    running,
    wait_for,
)
from tests.faults.shop import ALL, SEED, Shop

BINARIES = binaries()
pytestmark = [
    # The first test builds the shop.
    pytest.mark.timeout(36_000 if ALL else 400),
    pytest.mark.skipif(not BINARIES, reason="there is no Redis server on this machine"),
]


def of(path: str) -> str:
    return Path(path).name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every server, or in the bounded share one for each test, by its name."""
    if "server" not in metafunc.fixturenames:
        return
    name = metafunc.function.__name__
    share = BINARIES
    if not ALL and "tls" not in name:
        share = BINARIES[zlib.crc32(name.encode()) % max(len(BINARIES), 1) :][:1]
    metafunc.parametrize("server", share, ids=of, indirect=True)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A running server that syncs before it replies."""
    server = RedisServer(request.param, tmp_path / "server")
    with running(server):
        yield server


@pytest.fixture
def link(server: RedisServer) -> Iterator[Proxy]:
    """What replication goes through."""
    link = Proxy(server.port).start()
    yield link
    link.stop()


@pytest.fixture
def replica(server: RedisServer, link: Proxy, tmp_path: Path) -> Iterator[RedisServer]:
    """Another one that follows it."""
    follows = ("--replicaof", f"127.0.0.1 {link.port}")
    replica = RedisServer(server.binary, tmp_path / "replica", (*ALWAYS, *follows))
    with running(replica):
        wait_for(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
        yield replica


def shop_at(program: Path, folder: Path, port: int, journal: str = "redis.always") -> Shop:
    folder.mkdir(exist_ok=True)
    redis = {"url": f"redis://127.0.0.1:{port}"}
    return Shop(program, folder, {"journal": journal, "redis": redis})


def ends(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """How a shop that was told nothing ends by itself, and what it says."""
    _, said = process.communicate(timeout=30)
    return process.returncode, said.decode()


def refused(shop: Shop) -> str:
    """Why an engine does not start any more."""
    assert shop.run(0) == 2
    command = [str(shop.program), "run", shop.arguments(), "0", "0"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_a_server_that_is_killed_under_load_comes_back_and_nothing_is_lost_or_doubled(
    shop_program: Path, tmp_path: Path, server: RedisServer
) -> None:
    moments = random.Random(SEED)
    shop = shop_at(shop_program, tmp_path / "shop", server.port)
    for _ in range(50 if ALL else 3):
        process = shop.start(1_000_000)
        for _ in range(2):
            shop.wait_for(shop.acknowledged() + moments.randrange(1, 200), process)
            server.kill()
            time.sleep(moments.random() / 2)
            server.start()
        shop.wait_for(shop.acknowledged() + 10, process)
        assert process.poll() is None, ends(process)
        process.kill()
        process.communicate()
    acknowledged = shop.acknowledged()
    assert acknowledged > 60
    assert shop.judge().acknowledged == acknowledged


def test_kills_of_the_engine_at_random_moments_lose_nothing(
    shop_program: Path, tmp_path: Path, server: RedisServer
) -> None:
    moments = random.Random(SEED + 1)
    shop = shop_at(shop_program, tmp_path / "shop", server.port)
    for _ in range(100 if ALL else 3):
        process = shop.start(1_000_000)
        shop.wait_for(shop.acknowledged() + moments.randrange(1, 400), process)
        process.kill()
        process.communicate()
        # The next one waits for the lease of the dead; here nobody has the time.
        server.ask("HSET", "{holdfast:main}:head", "until", "0")
    acknowledged = shop.acknowledged()
    assert shop.judge().acknowledged == acknowledged


@pytest.mark.parametrize("journal", ["redis.always", "redis.wait(1)"])
def test_a_failover_to_a_lagging_replica_is_never_silent(
    shop_program: Path,
    tmp_path: Path,
    server: RedisServer,
    link: Proxy,
    replica: RedisServer,
    journal: str,
) -> None:
    proxy = Proxy(server.port).start()
    shop = shop_at(shop_program, tmp_path / "shop", proxy.port, journal)
    process = shop.start(1_000_000)
    shop.wait_for(200, process)
    link.drop_replies = True
    had = shop.acknowledged()
    if journal == "redis.always":
        shop.wait_for(had + 200, process)
    else:
        time.sleep(1)
    server.kill()
    proxy.to_port = replica.port
    replica.ask("REPLICAOF", "NO", "ONE")
    if journal == "redis.always":
        # What the replica lacks was acknowledged: the engine stops and so does each start.
        code, _ = ends(process)
        assert code == 3
        said = refused(shop)
        assert "records " in said
        assert "are lost" in said
    else:
        # Nothing of it was acknowledged without the replica; a new one is needed to go on.
        process.kill()
        process.communicate()
        acknowledged = shop.acknowledged()
        shop.settings["journal"] = "redis.always"
        assert shop.judge().acknowledged == acknowledged
    proxy.stop()


def test_a_stopped_engine_is_succeeded_and_none_of_its_late_writes_lands(
    shop_program: Path, tmp_path: Path, server: RedisServer
) -> None:
    old = shop_at(shop_program, tmp_path / "old", server.port)
    process = old.start(1_000_000)
    old.wait_for(100, process)
    process.send_signal(signal.SIGSTOP)
    new = shop_at(shop_program, tmp_path / "new", server.port)
    shutil.copytree(old.data / "keys", new.data / "keys")
    new.next = 1_000_000
    assert new.run(200) == 0, "it waits for the lease to run out, and takes over"
    length = server.ask("XLEN", "{holdfast:main}:journal")
    process.send_signal(signal.SIGCONT)
    code, _ = ends(process)
    assert code == 3
    assert server.ask("XLEN", "{holdfast:main}:journal") == length
    # Both histories together are one.
    new.told.write_bytes(old.told.read_bytes() + new.told.read_bytes())
    assert new.judge().acknowledged == new.acknowledged()


def test_a_second_engine_is_refused_while_the_first_lives(
    shop_program: Path, tmp_path: Path, server: RedisServer
) -> None:
    first = shop_at(shop_program, tmp_path / "first", server.port)
    process = first.start(1_000_000)
    first.wait_for(10, process)
    second = shop_at(shop_program, tmp_path / "second", server.port)
    said = refused(second)
    assert f"is written by process {process.pid} on" in said
    process.kill()
    process.communicate()


FORGETTING = {
    "FLUSHALL": ("FLUSHALL",),
    "DEL": ("DEL", "{holdfast:main}:journal"),
    "XTRIM": ("XTRIM", "{holdfast:main}:journal", "MAXLEN", "5"),
    "XDEL": ("XDEL", "{holdfast:main}:journal", "4-0"),
}


@pytest.mark.parametrize("command", FORGETTING)
def test_a_stranger_who_removes_records_stops_the_engine_and_every_start(
    shop_program: Path, tmp_path: Path, server: RedisServer, command: str
) -> None:
    shop = shop_at(shop_program, tmp_path / "shop", server.port)
    process = shop.start(1_000_000)
    shop.wait_for(50, process)
    server.ask(*FORGETTING[command])
    code, _ = ends(process)
    assert code == 3
    server.ask("HSET", "{holdfast:main}:head", "until", "0")
    said = refused(shop)
    assert "record" in said
    assert "lost" in said or "damaged" in said or "cannot be read" in said


def test_an_idle_engine_notices_within_seconds(tmp_path: Path, server: RedisServer) -> None:
    redis = {"url": f"redis://127.0.0.1:{server.port}"}
    engine = holdfast.Engine.open(tmp_path / "data", journal="redis.always", redis=redis)
    engine.receive_stock(request_id="r", sku="cup", warehouse="hz", quantity=1)
    server.ask("FLUSHALL")
    wait_for(lambda: bool(json.loads(engine._handle.inner.metrics_json())["journal"]["poisoned"]))
    with pytest.raises(holdfast.Refused) as raised:
        engine.receive_stock(request_id="s", sku="cup", warehouse="hz", quantity=1)
    assert raised.value.reason == "COMMIT_UNKNOWN"
    with contextlib.suppress(holdfast.HoldfastError):
        engine.close()


PASSING = {
    "OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "BUSY": (("EVAL", "while true do end", "0"), ("SCRIPT", "KILL")),
}


@pytest.mark.parametrize("refusal", PASSING)
def test_a_refusal_that_passes_holds_answers_back_and_loses_nothing(
    shop_program: Path, tmp_path: Path, server: RedisServer, refusal: str
) -> None:
    server.ask("CONFIG", "SET", "busy-reply-threshold", "100")
    shop = shop_at(shop_program, tmp_path / "shop", server.port)
    process = shop.start(1_000_000)
    shop.wait_for(50, process)
    begin, end = PASSING[refusal]
    waiting = threading.Thread(target=server.try_ask, args=begin)
    waiting.start()
    time.sleep(1.5)
    server.ask(*end)
    waiting.join()
    had = shop.acknowledged()
    shop.wait_for(had + 50, process)
    assert process.poll() is None, ends(process)
    process.kill()
    process.communicate()
    acknowledged = shop.acknowledged()
    assert shop.judge().acknowledged == acknowledged


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (("maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"), "maxmemory-policy"),
        (("appendfsync", "everysec"), "appendfsync"),
        (("appendonly", "no"), "appendonly"),
    ],
    ids=["eviction", "everysec", "no-aof"],
)
def test_a_setting_that_breaks_the_promise_is_refused_at_the_start_and_stops_an_engine(
    shop_program: Path,
    tmp_path: Path,
    server: RedisServer,
    settings: tuple[str, ...],
    named: str,
) -> None:
    shop = shop_at(shop_program, tmp_path / "shop", server.port)
    process = shop.start(1_000_000)
    shop.wait_for(20, process)
    for at in range(0, len(settings), 2):
        server.ask("CONFIG", "SET", *settings[at : at + 2])
    code, _ = ends(process)
    assert code == 3
    server.ask("HSET", "{holdfast:main}:head", "until", "0")
    assert named in refused(shop)


def test_a_flipped_bit_in_the_servers_file_refuses_the_start(
    shop_program: Path, tmp_path: Path, server: RedisServer
) -> None:
    shop = shop_at(shop_program, tmp_path / "shop", server.port)
    assert shop.run(100) == 0
    server.kill()
    logs = [*server.folder.rglob("*.incr.aof"), *server.folder.glob("appendonly.aof")]
    (log,) = logs
    spoilt = bytearray(log.read_bytes())
    at = spoilt.find(b"A20")
    assert at > 0
    spoilt[at] ^= 1
    log.write_bytes(spoilt)
    server.start()
    said = refused(shop)
    assert "is damaged" in said
    assert "cannot be read" in said


def test_a_network_that_cuts_slows_and_drops_replies_loses_and_doubles_nothing(
    shop_program: Path, tmp_path: Path, server: RedisServer
) -> None:
    moments = random.Random(SEED + 2)
    proxy = Proxy(server.port).start()
    shop = shop_at(shop_program, tmp_path / "shop", proxy.port)
    process = shop.start(1_000_000)
    for _ in range(300 if ALL else 12):
        shop.wait_for(shop.acknowledged() + moments.randrange(1, 50), process)
        fault = moments.randrange(4)
        if fault == 0:
            proxy.cut()
        elif fault == 1:
            # In the middle of a reply: done by the server, unknown to the engine.
            proxy.cut_after = moments.randrange(3)
        elif fault == 2:
            proxy.delay_s = 0.2
            time.sleep(0.5)
            proxy.delay_s = 0
        else:
            proxy.drop_replies = True
            time.sleep(0.3)
            proxy.drop_replies = False
            proxy.cut()
    shop.wait_for(shop.acknowledged() + 50, process)
    assert process.poll() is None, ends(process)
    process.kill()
    process.communicate()
    acknowledged = shop.acknowledged()
    assert shop.judge().acknowledged == acknowledged
    proxy.stop()


@pytest.mark.parametrize("way", ["both", "requests", "replies"])
def test_a_partition_fills_a_bounded_queue_then_refuses_and_heals(
    tmp_path: Path, server: RedisServer, way: str
) -> None:
    proxy = Proxy(server.port).start()
    redis = {"url": f"redis://127.0.0.1:{proxy.port}"}
    with holdfast.Engine.open(
        tmp_path / "data", journal="redis.always", redis=redis, deadline_ms=200
    ) as engine:
        engine.receive_stock(request_id="r", sku="cup", warehouse="hz", quantity=1_000_000)
        proxy.drop_requests = way in ("both", "requests")
        proxy.drop_replies = way in ("both", "replies")
        asked: dict[str, str] = {}

        def place(number: int) -> None:
            try:
                engine.batch_submit(
                    {"place_order": an_order(f"{number}-{part}")} for part in range(100)
                )
                asked[str(number)] = "done"
            except holdfast.Refused as refusal:
                asked[str(number)] = refusal.reason

        for number in range(60):
            place(number)
            if asked[str(number)] == "JOURNAL_UNREACHABLE":
                break
        assert asked[str(number)] == "JOURNAL_UNREACHABLE", asked
        assert set(asked.values()) == {"DEADLINE_EXCEEDED", "JOURNAL_UNREACHABLE"}
        wait_for(lambda: away(engine) > 0)
        proxy.drop_requests = proxy.drop_replies = False
        proxy.cut()

        def done(number: int) -> bool:
            place(number)
            return asked[str(number)] == "done"

        wait_for(functools.partial(done, number))
        # Every doubt is resolved by asking again: done once, whatever was told.
        for again in range(number):
            wait_for(functools.partial(done, again))
        assert away(engine) == 0
        (stock,) = engine.get_stock("cup").stock
        assert stock.held == 100 * (number + 1)
        assert not engine.audit().findings
    proxy.stop()


def away(engine: holdfast.Engine) -> int:
    journal = engine.metrics()["journal"]
    assert isinstance(journal, dict)
    return int(journal["away_seconds"])


def an_order(number: str) -> dict[str, object]:
    return {
        "request_id": f"order-{number}",
        "order_number": number,
        "source_channel": "DOUYIN",
        "urgency": "NORMAL",
        "lines": [{"sku": "cup", "quantity": 1}],
    }


def works(folder: Path, journal: str = "redis.always", **redis: str) -> None:
    """Two starts of an engine; the second has what the first was told."""
    with holdfast.Engine.open(folder, journal=journal, redis=redis) as engine:
        engine.receive_stock(request_id="r", sku="cup", warehouse="hz", quantity=5)
        placed = engine.place_order(**an_order("A"), document=b"receiver")  # type: ignore[arg-type]
    # However short its life was: its folder knows all that was durable.
    note = json.loads((folder / "journal.note").read_text())
    assert note["seq"] >= placed.receipt.seq
    with holdfast.Engine.open(folder, journal=journal, redis=redis) as engine:
        again = engine.place_order(**an_order("A"), document=b"receiver")  # type: ignore[arg-type]
        assert again.receipt.replayed
        assert again.receipt.seq == placed.receipt.seq
        assert engine.get_order_document("A", purpose="test").document == b"receiver"


def test_waiting_for_the_disks_of_replicas(
    tmp_path: Path, server: RedisServer, replica: RedisServer
) -> None:
    redis = {"url": f"redis://127.0.0.1:{server.port}"}
    if b"valkey" not in server.ask("INFO", "server"):
        with pytest.raises(holdfast.OpenError) as raised:
            holdfast.Engine.open(tmp_path / "data", journal="redis.waitaof(1,1)", redis=redis)
        assert "needs WAITAOF" in str(raised.value)
        return
    works(tmp_path / "data", "redis.waitaof(1,1)", **redis)
    with holdfast.Engine.open(
        tmp_path / "data", journal="redis.waitaof(1,1)", redis=redis, deadline_ms=500
    ) as engine:
        replica.signal(signal.SIGSTOP)
        with pytest.raises(holdfast.Refused) as refused:
            engine.receive_stock(request_id="s", sku="cup", warehouse="hz", quantity=5)
        assert refused.value.reason == "DEADLINE_EXCEEDED"
        replica.signal(signal.SIGCONT)
        wait_for(lambda: engine.metrics()["durable_seq"] == engine.metrics()["state_seq"])


def test_a_user_with_a_password_and_no_more_rights_than_needed(
    tmp_path: Path, server: RedisServer
) -> None:
    rights = "~{holdfast:main}:* +@stream +@hash +@transaction +@scripting +@connection"
    rights += " +config|get +info +wait"
    if b"valkey" in server.ask("INFO", "server"):
        rights += " +waitaof"
    rights += " +time"
    assert server.ask("ACL", "SETUSER", "engine", "on", ">s3cret", *rights.split()) == b"+OK"
    works(tmp_path / "data", url=f"redis://engine:s3cret@127.0.0.1:{server.port}")
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    works(
        tmp_path / "data",
        url=f"redis://engine@127.0.0.1:{server.port}",
        password_file=str(secret),
    )
    with pytest.raises(holdfast.OpenError) as raised:
        holdfast.Engine.open(
            tmp_path / "other",
            journal="redis.always",
            redis={"url": f"redis://engine:wr0ng@127.0.0.1:{server.port}"},
        )
    assert "wr0ng" not in str(raised.value)
    assert "password" in str(raised.value)


def test_a_server_that_lets_nobody_ask_is_trusted_only_where_somebody_answers_for_it(
    tmp_path: Path, server: RedisServer
) -> None:
    rights = "~{holdfast:main}:* +@stream +@hash +@transaction +@scripting +@connection +info +time"
    assert server.ask("ACL", "SETUSER", "engine", "on", ">s3cret", *rights.split()) == b"+OK"
    url = f"redis://engine:s3cret@{HOST}:{server.port}"

    def refusal(url: str, assumed: str) -> str:
        with pytest.raises(holdfast.OpenError) as raised:
            works(tmp_path / "data", url=url, assume_appendfsync=assumed)
        return str(raised.value)

    assert "redis_assume_appendfsync" in refusal(url, "")
    assert "appendfsync is everysec and must be always" in refusal(url, "everysec")
    works(tmp_path / "data", url=url, assume_appendfsync="always")
    # Whoever answers is believed.
    assert server.ask("CONFIG", "SET", "appendfsync", "no") == b"+OK"
    assert "appendfsync is no and must be always" in refusal(
        f"redis://{HOST}:{server.port}", "always"
    )


def certificates(folder: Path) -> dict[str, str]:
    """A root of our own, and a certificate of it for server and client."""
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test root")
    openssl("req", *key[:-2], "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    openssl("x509", "-req", "-in", "csr.pem", *signing, "-extfile", "ext", "-out", "cert.pem")
    return {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key")}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_tls_with_certificates_on_both_sides(tmp_path: Path, server: RedisServer) -> None:
    files = certificates(tmp_path / "tls")
    port = free_port()
    arguments = ["--tls-port", str(port), "--tls-ca-cert-file", files["ca"]]
    arguments += ["--tls-cert-file", files["cert"], "--tls-key-file", files["key"]]
    server.kill()
    server.arguments = (*ALWAYS, *arguments)
    with contextlib.suppress(AssertionError):
        server.start()
    if server.process is None or server.process.poll() is not None:
        pytest.skip("this server is built without TLS")
    works(tmp_path / "data", url=f"rediss://localhost:{port}", **files)
    with pytest.raises(holdfast.OpenError) as raised:
        holdfast.Engine.open(
            tmp_path / "other", journal="redis.always", redis={"url": f"rediss://localhost:{port}"}
        )
    assert raised.value.reason == "JOURNAL_UNREACHABLE"


@contextlib.contextmanager
def sentinel(folder: Path, server: RedisServer, *more: str) -> Iterator[RedisServer]:
    """A sentinel that calls the server `shop`."""
    port = free_port()
    config = folder / "sentinel.conf"
    lines = (
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        f"sentinel monitor shop 127.0.0.1 {server.port} 1",
        "sentinel down-after-milliseconds shop 500",
        "sentinel failover-timeout shop 3000",
        *more,
    )
    config.write_text("\n".join(lines) + "\n")
    command = [server.binary, str(config), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield RedisServer(server.binary, folder / "sentinel", port=port)
        finally:
            process.kill()


def test_sentinels_name_the_primary_before_and_after_a_failover(
    shop_program: Path, tmp_path: Path, server: RedisServer, replica: RedisServer
) -> None:
    with sentinel(tmp_path, server) as watching:
        wait_for(lambda: b"slaves=1" in watching.try_ask("INFO", "sentinel"))
        shop = shop_at(shop_program, tmp_path / "shop", 0)
        shop.settings["redis"] = {"url": f"redis+sentinel://127.0.0.1:{watching.port}/shop"}
        shop.settings["journal"] = "redis.wait(1)"
        run = shop.start(1_000_000)
        shop.wait_for(100, run)
        server.kill()
        wait_for(lambda: b"role:master" in replica.ask("INFO", "replication"), 60)
        # The old primary comes back as a replica of the new one.
        server.start()
        had = shop.acknowledged()
        shop.wait_for(had + 50, run)
        assert run.poll() is None, ends(run)
        run.kill()
        run.communicate()
        acknowledged = shop.acknowledged()
        assert acknowledged >= had + 50
        assert shop.judge().acknowledged == acknowledged


def test_sentinels_and_servers_that_want_a_password(tmp_path: Path, server: RedisServer) -> None:
    password = ("requirepass s3cret", "sentinel auth-pass shop s3cret")
    with sentinel(tmp_path, server, *password) as watching:
        wait_for(lambda: b"NOAUTH" in watching.try_ask("PING"))
        assert server.ask("CONFIG", "SET", "requirepass", "s3cret") == b"+OK"
        works(tmp_path / "data", url=f"redis+sentinel://:s3cret@127.0.0.1:{watching.port}/shop")
        with pytest.raises(holdfast.OpenError) as raised:
            holdfast.Engine.open(
                tmp_path / "other",
                journal="redis.always",
                redis={"url": f"redis+sentinel://127.0.0.1:{watching.port}/shop"},
            )
        assert "NOAUTH" in str(raised.value)


def is_joined(node: RedisServer) -> bool:
    return b"cluster_state:ok" in node.ask("CLUSTER", "INFO")


def test_any_node_of_a_cluster_names_the_primary_of_the_journal(
    tmp_path: Path, server: RedisServer
) -> None:
    nodes = [
        RedisServer(
            server.binary,
            tmp_path / f"node{number}",
            (*ALWAYS, "--cluster-enabled", "yes", "--cluster-port", str(free_port())),
        )
        for number in range(2)
    ]
    with running(*nodes):
        first, second = nodes
        first.ask("CLUSTER", "ADDSLOTSRANGE", "0", "8191")
        second.ask("CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
        bus = second.arguments[-1]
        first.ask("CLUSTER", "MEET", "127.0.0.1", str(second.port), bus)
        for node in nodes:
            wait_for(functools.partial(is_joined, node))
        for node in nodes:
            works(tmp_path / "data", url=f"redis+cluster://127.0.0.1:{node.port}")
        lengths = [node.ask("DBSIZE") for node in nodes]
        assert sorted(lengths) == [b":0", b":3"]
