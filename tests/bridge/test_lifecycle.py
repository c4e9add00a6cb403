"""Start, end, and a PostgreSQL that comes and goes."""

import json
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Callable, Iterator

import pytest

from http_client import Client, RawConnection
from support import Bridge, Cluster, Database
from support.cluster import free_port
from support.paths import BRIDGE_PROGRAM
from support.waiting import wait_until
from test_limits import Held

Start = Callable[..., Bridge]


@pytest.fixture
def held(scripted_hub: Database) -> Iterator[Held]:
    holding = Held(scripted_hub)
    yield holding
    holding.let_go()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A server that the test may kill."""
    with Cluster(tmp_path / "cluster") as running:
        yield running


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs the program to its end, which must come by itself."""
    return subprocess.run(
        [BRIDGE_PROGRAM, *arguments], capture_output=True, text=True, timeout=20, env=os.environ | environment
    )


# -- start ------------------------------------------------------------------------------------------


def test_it_tells_its_version() -> None:
    version = Path(__file__).parents[2].joinpath("VERSION").read_text().strip()
    assert run("--version").stdout.strip() == f"tidemark {version}"


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ([], "subcommand is required"),
        (["frobnicate"], "subcommand is required"),
        (["serve"], "--postgres is required"),
        (["serve", "--postgres", "dbname=x", "--frob", "1"], "--frob"),
        (["serve", "--postgres", "no equals sign"], 'missing "="'),
        (["serve", "--postgres", "nonsense=1"], "nonsense"),
        (["serve", "--postgres", "dbname=x", "--listen", "8880"], "not HOST:PORT"),
        (["serve", "--postgres", "dbname=x", "--listen", "127.0.0.1:x"], "not HOST:PORT"),
        (["serve", "--postgres", "dbname=x", "--listen", "127.0.0.1:99999"], "not HOST:PORT"),
        (["serve", "--postgres", "dbname=x", "--listen", "::1:80"], "not HOST:PORT"),
        (["serve", "--postgres", "dbname=x", "--listen", "192.0.2.1:1"], "cannot listen on"),
        (["serve", "--postgres", "dbname=x", "--connections", "0"], "--connections"),
        (["serve", "--postgres", "dbname=x", "--max-body", "0"], "--max-body: must be more than 0"),
        (["serve", "--postgres", "dbname=x", "--request-timeout", "-1"], "--request-timeout"),
        (["serve", "--postgres", "dbname=x", "--log-level", "loud"], "--log-level"),
        (["serve", "--postgres", "dbname=x", "--tls-cert", "x"], "--tls-key"),
    ],
)
def test_it_does_not_start_with_wrong_options(arguments: list[str], complaint: str) -> None:
    result = run(*arguments)
    assert result.returncode != 0 and complaint in result.stderr
    assert "listening" not in result.stderr


def test_a_password_in_a_broken_connection_string_is_not_shown() -> None:
    result = run("serve", "--postgres", "host=x password=two words")
    assert result.returncode != 0 and "words" not in result.stderr and "two" not in result.stderr


def test_an_address_in_use_is_named(server: Bridge) -> None:
    result = run("serve", "--postgres", "dbname=x", "--listen", f"127.0.0.1:{server.port}")
    assert result.returncode != 0 and "in use" in result.stderr and str(server.port) in result.stderr


def test_every_option_has_an_environment_variable(scripted_hub: Database, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "TIDEMARK_POSTGRES": scripted_hub.dsn,
        "TIDEMARK_LISTEN": f"127.0.0.1:{port}",
        "TIDEMARK_MAX_BODY": "1000",
        "TIDEMARK_LOG_FORMAT": "json",
    }
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen([BRIDGE_PROGRAM, "serve"], stderr=log, env=os.environ | environment)
    try:
        wait_until(lambda: "listening" in (tmp_path / "log").read_text(), "the bridge")
        bridge = Bridge("", tmp_path / "log")
        bridge.port = port
        assert Client(bridge, "token").push(b"x" * 1001).problem == (413, "too_large")
        wait_until(lambda: '"event":"request"' in (tmp_path / "log").read_text(), "the request's line")
        lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        requests = [line for line in lines if line["event"] == "request"]
        assert [(line["route"], line["status"]) for line in requests] == [("/v1/log", 413)]
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_help_names_every_option_and_its_variable() -> None:
    text = run("serve", "--help").stdout
    for option in ("--postgres", "--listen", "--tls-cert", "--max-body", "--connections", "--request-timeout"):
        assert option in text and "TIDEMARK_" + option[2:].upper().replace("-", "_") in text


# -- end --------------------------------------------------------------------------------------------


def test_an_idle_bridge_ends_at_once(scripted: Start) -> None:
    bridge = scripted()
    client = Client(bridge, "token")
    with closing(client.connect()) as connection, RawConnection(bridge) as silent:
        assert client.send(connection, "GET", "/v1/status").status == 200
        bridge.stop()
        assert silent.is_closed()
    assert "event=stopped clean=yes" in bridge.log.read_text()


def test_what_has_begun_is_answered_before_the_end(scripted: Start, held: Held) -> None:
    bridge = scripted("--connections", "1")
    held.send(bridge)
    held.wait_for(1)
    with RawConnection(bridge) as half:
        half.send(b"POST /v1/log HTTP/1.1\r\nHost: b\r\nContent-Length: 7\r\nExpect: 100-continue\r\nAuthorization: Bearer x\r\n\r\n")
        assert half.socket.recv(100).startswith(b"HTTP/1.1 100")
        os.kill(bridge.pid, signal.SIGTERM)
        wait_until(lambda: "event=stopping" in bridge.log.read_text(), "the signal's arrival")
        with pytest.raises(ConnectionRefusedError):
            RawConnection(bridge)
        half.send(b"nothing")
        held.let_go()
        assert half.answer().headers["Connection"] == "close"
    answer = held.answers[0]
    assert answer.status == 200 and answer.headers["Connection"] == "close"
    bridge.stop()


def test_the_grace_time_bounds_the_end(scripted: Start, held: Held) -> None:
    bridge = scripted("--grace", "0.1")
    held.send(bridge)
    held.wait_for(1)
    bridge.stop()
    assert "event=stopped clean=no" in bridge.log.read_text()


def test_a_second_signal_ends_it_at_once(scripted: Start, held: Held) -> None:
    bridge = scripted()
    held.send(bridge)
    held.wait_for(1)
    os.kill(bridge.pid, signal.SIGTERM)
    wait_until(lambda: "event=stopping" in bridge.log.read_text(), "the signal's arrival")
    bridge.stop()
    assert "event=stopped clean=no" in bridge.log.read_text()


# -- PostgreSQL comes and goes ----------------------------------------------------------------------


def is_healthy(bridge: Bridge) -> bool:
    answer = Client(bridge).get("/healthz")
    return answer.status == 200 or answer.problem != (503, "unavailable")


def test_it_starts_without_postgres_and_waits_for_it(own_cluster: Cluster, start_bridge: Start) -> None:
    hub = own_cluster.create_database()
    hub.close()
    own_cluster.kill()
    bridge = start_bridge(hub.dsn)
    assert Client(bridge).get("/healthz").problem == (503, "unavailable")
    answer = Client(bridge, "token").get("/v1/status")
    assert answer.problem == (503, "unavailable") and answer.headers["Retry-After"]
    assert "event=database_down" in bridge.log.read_text()
    assert Client(bridge).get("/metrics").status == 200

    own_cluster.restart()
    wait_until(lambda: is_healthy(bridge), "health")
    wait_until(lambda: Client(bridge, "nonsense").get("/v1/status").status == 401, "an answer of the hub")


def test_it_survives_kills_of_postgres(own_cluster: Cluster, start_bridge: Start) -> None:
    hub = own_cluster.create_database()
    hub.sql("select tidemark.create_user('till', 'secret')")
    hub.sql("select tidemark.grant('till')")
    bridge = start_bridge(hub.dsn)
    till = Client(bridge, Client(bridge).enrol("till", "secret"))
    for _ in range(3):
        hub.close()
        own_cluster.kill()
        assert till.get("/v1/status").problem == (503, "unavailable")
        own_cluster.restart()
        wait_until(lambda: till.get("/v1/status").status == 200, "an answer of the hub")
        wait_until(lambda: is_healthy(bridge), "health")


def test_a_request_whose_backend_dies_is_not_repeated(scripted: Start, held: Held, scripted_hub: Database) -> None:
    bridge = scripted("--connections", "1")
    held.send(bridge)
    held.wait_for(1)
    scripted_hub.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted")
    held.threads[0].join(20)
    assert held.answers[0].problem == (503, "unavailable")
    assert Client(bridge, "token").get("/v1/status").status == 200


def test_idle_connections_that_died_are_noticed_before_use(scripted: Start, scripted_hub: Database) -> None:
    bridge = scripted("--connections", "2")
    assert Client(bridge, "token").get("/v1/status").status == 200
    scripted_hub.sql(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'tidemark'"
    )
    assert [Client(bridge, "token").get("/v1/status").status for _ in range(6)] == [200] * 6


def test_a_frozen_postgres_is_given_up(own_cluster: Cluster, start_bridge: Start) -> None:
    hub = own_cluster.create_database(extension=False)
    bridge = start_bridge(hub.dsn, "--request-timeout", "0.1")
    wait_until(lambda: is_healthy(bridge), "health")
    backends = [row[0] for row in hub.sql("select pid from pg_stat_activity where application_name = 'tidemark'")]
    hub.close()
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert Client(bridge, "token").get("/v1/status").problem == (503, "unavailable")
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
