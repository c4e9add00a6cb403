"""HTTPS by the bridge itself."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from http_client import Client, RawConnection
from support import Bridge, Database, process
from support.paths import BRIDGE_PROGRAM
from support.waiting import wait_until

Start = Callable[..., Bridge]


@dataclass
class Identity:
    certificate: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        return (f"--tls-cert={self.certificate}", f"--tls-key={self.key}")

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


def make_identity(folder: Path, name: str) -> Identity:
    """A self-signed certificate for localhost."""
    made = Identity(folder / f"{name}.crt", folder / f"{name}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", made.key, "-out", made.certificate],
        check=True, capture_output=True, env=process.plain_environment(),
    )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"), "first")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"), "second")


def test_every_size_passes_through_tls(scripted: Start, identity: Identity) -> None:
    bridge = scripted(*identity.options)
    for size in (2, 70000, 3000000):
        client = Client(bridge, f"large:{size}", identity.trust)
        with closing(client.connect()) as connection:
            for _ in range(3):
                assert len(client.send(connection, "GET", "/v1/status").body) == size
    refused = Client(bridge, "token", identity.trust).push(bytes(3000000))
    assert refused.problem == (400, "invalid")


def test_a_client_that_does_not_trust_the_certificate_goes_away(
    scripted: Start, identity: Identity, other: Identity
) -> None:
    bridge = scripted(*identity.options)
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(bridge, "token", other.trust).get("/healthz")
    assert Client(bridge, "token", identity.trust).get("/healthz").status == 200


def test_old_tls_is_refused(scripted: Start, identity: Identity) -> None:
    bridge = scripted(*identity.options)
    for version, is_served in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        old = identity.trust
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = version
        if is_served:
            assert Client(bridge, None, old).get("/healthz").status == 200
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                Client(bridge, None, old).get("/healthz")


def test_plain_http_on_the_tls_port_is_no_danger(scripted: Start, identity: Identity) -> None:
    bridge = scripted(*identity.options)
    with RawConnection(bridge) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n")
        wait_until(raw.is_closed, "the end of the connection")
    assert Client(bridge, None, identity.trust).get("/healthz").status == 200


def test_a_handshake_that_does_not_come_is_not_waited_for(scripted: Start, identity: Identity) -> None:
    bridge = scripted(*identity.options, "--header-timeout", "0.2")
    with RawConnection(bridge) as raw:
        assert raw.is_closed()


def test_it_ends_cleanly_with_tls_connections_open(scripted: Start, identity: Identity) -> None:
    bridge = scripted(*identity.options)
    client = Client(bridge, "token", identity.trust)
    with closing(client.connect()) as connection, socket.create_connection(("127.0.0.1", bridge.port)):
        assert client.send(connection, "GET", "/v1/status").status == 200
        bridge.stop()
    assert "event=stopped clean=yes" in bridge.log.read_text()


def test_a_hangup_loads_the_certificate_again(
    scripted: Start, identity: Identity, other: Identity, tmp_path: Path
) -> None:
    present = Identity(tmp_path / "crt", tmp_path / "key")

    def put(identity: Identity) -> None:
        shutil.copy(identity.certificate, present.certificate)
        shutil.copy(identity.key, present.key)

    put(identity)
    bridge = scripted(*present.options)
    before = Client(bridge, "token", identity.trust)
    with closing(before.connect()) as connection:
        assert before.send(connection, "GET", "/healthz").status == 200
        put(other)
        os.kill(bridge.pid, signal.SIGHUP)
        wait_until(lambda: "event=certificate_reloaded" in bridge.log.read_text(), "the new certificate")
        assert Client(bridge, "token", other.trust).get("/healthz").status == 200
        assert before.send(connection, "GET", "/healthz").status == 200

    present.key.write_text("nonsense")
    os.kill(bridge.pid, signal.SIGHUP)
    wait_until(lambda: "event=certificate_kept" in bridge.log.read_text(), "the refusal")
    assert Client(bridge, "token", other.trust).get("/healthz").status == 200


@pytest.mark.parametrize(
    "certificate, key, complaint",
    [
        ("missing", "key", "No such file"),
        ("certificate", "missing", "No such file"),
        ("nonsense", "key", "certificate in"),
        ("certificate", "nonsense", "key in"),
        ("certificate", "other key", "key"),
        ("certificate", "encrypted key", "key in"),
        ("key", "certificate", "certificate in"),
    ],
)
def test_it_does_not_start_with_a_wrong_pair(
    identity: Identity, other: Identity, tmp_path: Path, certificate: str, key: str, complaint: str
) -> None:
    files = {
        "certificate": identity.certificate,
        "key": identity.key,
        "other key": other.key,
        "missing": tmp_path / "missing",
        "nonsense": tmp_path / "nonsense",
        "encrypted key": tmp_path / "encrypted",
    }
    files["nonsense"].write_text("nonsense")
    encrypt = ["openssl", "ec", "-aes256", "-passout", "pass:x", "-in", identity.key, "-out", files["encrypted key"]]
    subprocess.run(encrypt, check=True, capture_output=True, env=process.plain_environment())

    result = subprocess.run(
        [BRIDGE_PROGRAM, "serve", "--postgres", "dbname=x", "--listen", "127.0.0.1:0",
         "--tls-cert", files[certificate], "--tls-key", files[key]],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert result.returncode != 0 and complaint in result.stderr and "listening" not in result.stderr


def test_a_key_that_is_not_readable_is_named(identity: Identity, tmp_path: Path) -> None:
    folder = tmp_path / "key"
    folder.mkdir()
    result = subprocess.run(
        [BRIDGE_PROGRAM, "serve", "--postgres", "dbname=x", "--listen", "127.0.0.1:0",
         "--tls-cert", identity.certificate, "--tls-key", folder],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert result.returncode != 0 and str(folder) in result.stderr
