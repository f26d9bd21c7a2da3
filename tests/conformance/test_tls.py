"""Who is let in over TLS, and who is not."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from holdfast import messages
from tests.conformance.callers import call
from tests.conftest import Server, start_server

STATUS = messages.path("AdminService/GetEngineStatus")
STOCK = messages.path("StockService/GetStock")


def certificates(folder: Path) -> None:
    """Two authorities, a server for localhost, and a client of each of them."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for ca in ("ca", "other-ca"):
        subject = ("-subj", f"/CN={ca}")
        openssl("req", "-x509", *key, "-keyout", f"{ca}.key", "-out", f"{ca}.pem", *subject)
    for name, ca in (("server", "ca"), ("client", "ca"), ("stranger", "other-ca")):
        subject = ("-subj", f"/CN={name}")
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", *subject)
        signed = ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-extfile", "ext")
        out = ("-out", f"{name}.pem", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", *signed, *out)


@pytest.fixture(scope="module")
def house(front: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder)
    pems = {"cert": "server.pem", "key": "server.key", "client-ca": "ca.pem"}
    flags = [part for name, file in pems.items() for part in (f"--tls-{name}", f"{folder / file}")]
    server = start_server(folder / "data", "--front", front, *flags)
    yield server, folder
    server.process.kill()
    server.process.wait(20)


def told(house: tuple[Server, Path], client: str | None, ca: str = "ca", **options: str) -> str:
    """How a hot and a passed call end, which must be alike."""
    server, folder = house
    own = (None, None)
    if client is not None:
        own = ((folder / f"{client}.key").read_bytes(), (folder / f"{client}.pem").read_bytes())  # type: ignore[assignment]
    credentials = grpc.ssl_channel_credentials((folder / f"{ca}.pem").read_bytes(), *own)
    address = server.address.replace("127.0.0.1", "localhost")
    given = [(name.replace("__", "."), value) for name, value in options.items()]
    with grpc.secure_channel(address, credentials, given) as channel:
        codes = {call(channel, path, b"", server.token, timeout=5).code for path in (STATUS, STOCK)}
    assert len(codes) == 1 or codes == {"OK", "INVALID_ARGUMENT"}, codes
    return codes.pop() if len(codes) == 1 else "OK"


def test_a_client_with_a_certificate_of_the_authority_is_let_in(
    house: tuple[Server, Path],
) -> None:
    assert told(house, "client") == "OK"


@pytest.mark.parametrize("client", [None, "stranger"], ids=["none", "of another authority"])
def test_a_client_without_a_certificate_of_the_authority_is_not(
    house: tuple[Server, Path], client: str | None
) -> None:
    assert told(house, client) == "UNAVAILABLE"


def test_a_client_does_not_trust_a_server_of_another_name_or_authority(
    house: tuple[Server, Path],
) -> None:
    assert told(house, "client", "other-ca") == "UNAVAILABLE"
    assert told(house, "client", grpc__ssl_target_name_override="elsewhere") == "UNAVAILABLE"


def test_plain_text_does_not_get_through_a_tls_port(house: tuple[Server, Path]) -> None:
    server, _ = house
    with grpc.insecure_channel(server.address) as channel:
        assert call(channel, STATUS, b"", server.token, timeout=5).code == "UNAVAILABLE"
