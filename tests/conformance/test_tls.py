"""Who is let in over TLS, and who is not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from holdfast import messages
from tests.conformance.callers import PATIENCE_S, call
from tests.conftest import Server, start_server

STATUS = messages.path("AdminService/GetEngineStatus")
STOCK = messages.path("StockService/GetStock")


# Names, the authority that signs them, and the days between which they are good.
CERTIFICATES = {
    "server": ("ca", -1, 2),
    "client": ("ca", -1, 2),
    "expired": ("ca", -3, -1),
    "early": ("ca", 1, 3),
    "stranger": ("other-ca", -1, 2),
}
AUTHORITY = """
[ca]
default_ca = own
[own]
database = {name}.index
new_certs_dir = .
certificate = {name}.pem
private_key = {name}.key
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost,IP:127.0.0.1
"""


def certificates(folder: Path) -> None:
    """Two authorities, and what each of them has signed."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    def day(offset: int) -> str:
        return (datetime.now(UTC) + timedelta(days=offset)).strftime("%Y%m%d%H%M%SZ")

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for ca in {ca for ca, _, _ in CERTIFICATES.values()}:
        (folder / f"{ca}.conf").write_text(AUTHORITY.format(name=ca))
        (folder / f"{ca}.index").touch()
        subject = ("-subj", f"/CN={ca}")
        openssl("req", "-x509", *key, "-keyout", f"{ca}.key", "-out", f"{ca}.pem", *subject)
    for name, (ca, begins, ends) in CERTIFICATES.items():
        subject = ("-subj", f"/CN={name}")
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", *subject)
        dates = ("-startdate", day(begins), "-enddate", day(ends))
        signing = ("ca", "-batch", "-notext", "-config", f"{ca}.conf", *dates)
        openssl(*signing, "-in", f"{name}.csr", "-out", f"{name}.pem")


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


@pytest.mark.parametrize(
    "client",
    [None, "stranger", "expired", "early"],
    ids=["none", "of another authority", "expired", "not yet valid"],
)
def test_a_client_without_a_good_certificate_of_the_authority_is_not(
    house: tuple[Server, Path], client: str | None
) -> None:
    assert told(house, client) == "UNAVAILABLE"
    assert told(house, "client") == "OK"


def test_a_client_does_not_trust_a_server_of_another_name_or_authority(
    house: tuple[Server, Path],
) -> None:
    assert told(house, "client", "other-ca") == "UNAVAILABLE"
    assert told(house, "client", grpc__ssl_target_name_override="elsewhere") == "UNAVAILABLE"


def test_plain_text_does_not_get_through_a_tls_port(house: tuple[Server, Path]) -> None:
    server, _ = house
    with grpc.insecure_channel(server.address) as channel:
        assert call(channel, STATUS, b"", server.token, timeout=5).code == "UNAVAILABLE"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_plain_text_is_served_on_loopback_only(front: str, tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "holdfast", "serve", "--front", front, "--host", host]
    refused = subprocess.run(
        [*command, "--data", str(tmp_path / "data"), "--port", "0", "--json"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"] == "PLAIN_TEXT_REFUSED"
    assert not (tmp_path / "data").exists(), "nothing was made"
