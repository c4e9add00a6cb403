"""Limits and time-outs: nobody holds the bridge up for longer than they say."""

import threading
from contextlib import ExitStack, closing
from typing import Callable, Iterator

import pytest

from http_client import Answer, Client, RawConnection
from support import Bridge, Database
from support.waiting import wait_until

Start = Callable[..., Bridge]
SOON = "0.2"  # seconds: the time-out under test; all others are long


class Held:
    """Requests that wait inside PostgreSQL until they are let go."""

    def __init__(self, hub: Database) -> None:
        self.hub = hub
        self.lock = hub.connect()
        self.lock.cursor().execute("select pg_advisory_lock(4242)")
        self.threads: list[threading.Thread] = []
        self.answers: list[Answer | Exception] = []

    def send(self, bridge: Bridge, count: int = 1) -> None:
        """Sends requests and waits until PostgreSQL has them."""
        for _ in range(count):
            thread = threading.Thread(target=self._request, args=(bridge,))
            thread.start()
            self.threads.append(thread)

    def wait_for(self, running: int) -> None:
        query = "select count(*) = %s from pg_locks where locktype = 'advisory' and not granted and objid = 4242"
        wait_until(lambda: self.hub.value(query, (running,)), f"{running} requests inside PostgreSQL")

    def let_go(self) -> list[Answer | Exception]:
        self.lock.close()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()
        return self.answers

    def _request(self, bridge: Bridge) -> None:
        try:
            self.answers.append(Client(bridge, "wait").get("/v1/status"))
        except Exception as error:
            self.answers.append(error)


@pytest.fixture
def held(scripted_hub: Database) -> Iterator[Held]:
    holding = Held(scripted_hub)
    yield holding
    holding.let_go()


def metric(bridge: Bridge, name: str) -> int:
    text = Client(bridge).get("/metrics").body.decode()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def test_a_body_over_the_limit_is_refused_by_its_length(scripted: Start) -> None:
    bridge = scripted("--max-body", "100000")
    answer = Client(bridge, "token").push(b"x" * 100001)
    assert answer.problem == (413, "too_large") and "100000 bytes" in answer.json["detail"]


def test_a_chunked_body_over_the_limit_is_refused_as_it_comes(scripted: Start) -> None:
    bridge = scripted("--max-body", "100000")
    chunks = (b"x" * 1000 for _ in range(101))
    answer = Client(bridge, "token").request("POST", "/v1/log", chunks)
    assert answer.problem == (413, "too_large")


@pytest.mark.parametrize("begun", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: b\r\n"])
def test_a_header_that_does_not_come_is_not_waited_for(scripted: Start, begun: bytes) -> None:
    bridge = scripted("--header-timeout", SOON)
    with RawConnection(bridge) as raw:
        raw.send(begun)
        assert raw.is_closed()
    wait_until(lambda: metric(bridge, "tidemark_http_timeouts_total") > 0 or not begun, "the time-out in the metrics")


def test_a_header_that_trickles_in_is_not_waited_for(scripted: Start) -> None:
    bridge = scripted("--header-timeout", SOON)
    with RawConnection(bridge) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: b\r\n")
        raw.socket.settimeout(0.02)

        def is_closed() -> bool:
            try:
                raw.send(b"X-More: x\r\n")
                return raw.socket.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_until(is_closed, "the end of a connection whose header trickles")


def test_an_idle_connection_is_closed(scripted: Start) -> None:
    bridge = scripted("--idle-timeout", SOON)
    with RawConnection(bridge) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n")
        assert raw.answer().status == 200
        assert raw.is_closed()


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_not_waited_for(scripted: Start, framing: bytes) -> None:
    bridge = scripted("--transfer-timeout", SOON)
    with RawConnection(bridge) as raw:
        raw.send(b"POST /v1/log HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer x\r\n" + framing + b"\r\n\r\n1")
        assert raw.is_closed()


def test_a_body_that_trickles_in_is_not_waited_for(scripted: Start) -> None:
    bridge = scripted("--transfer-timeout", SOON)
    with RawConnection(bridge) as raw:
        raw.send(b"POST /v1/log HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer x\r\nContent-Length: 100000\r\n\r\n")
        raw.socket.settimeout(0.02)

        def is_closed() -> bool:
            try:
                raw.send(b"x")
                return raw.socket.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_until(is_closed, "the end of a connection whose body trickles")


def test_an_answer_that_nobody_reads_is_given_up(scripted: Start) -> None:
    bridge = scripted("--transfer-timeout", SOON)
    with RawConnection(bridge) as raw:
        raw.send(b"GET /v1/status HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer large:60000000\r\n\r\n")
        wait_until(lambda: metric(bridge, "tidemark_http_timeouts_total") == 1, "the write's time-out")
        wait_until(lambda: metric(bridge, "tidemark_http_connections") == 1, "the end of that connection")


def test_a_statement_that_takes_too_long_is_stopped(scripted: Start, held: Held) -> None:
    bridge = scripted("--request-timeout", SOON)
    held.send(bridge)
    held.threads[0].join(20)
    answer = held.answers[0]
    assert isinstance(answer, Answer) and answer.problem == (503, "unavailable") and answer.headers["Retry-After"]


def test_requests_over_the_queue_are_told_to_come_later(scripted: Start, held: Held) -> None:
    bridge = scripted("--connections", "1", "--queue", "2")
    held.send(bridge)
    held.wait_for(1)
    held.send(bridge, 2)
    wait_until(lambda: metric(bridge, "tidemark_database_queue") == 2, "two requests in the queue")

    answer = Client(bridge, "token").get("/v1/status")
    assert answer.problem == (503, "unavailable") and answer.headers["Retry-After"] == "1"
    assert Client(bridge).get("/healthz").status == 200  # has a connection of its own
    wait_until(lambda: metric(bridge, "tidemark_database_in_use") == 1, "one connection in use")
    assert [answer.status for answer in held.let_go()] == [200, 200, 200]


def test_connections_over_the_limit_are_told_to_come_later(scripted: Start) -> None:
    bridge = scripted("--max-clients", "3")
    client = Client(bridge, "token")
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(client.connect())) for _ in range(3)]
        assert [client.send(connection, "GET", "/v1/status").status for connection in connections] == [200] * 3
        refused = client.get("/v1/status")
        assert refused.problem == (503, "unavailable") and refused.headers["Retry-After"]
        assert client.send(connections[0], "GET", "/v1/status").status == 200
    wait_until(lambda: client.get("/v1/status").status == 200, "a free place")


def test_a_flood_of_connections_leaves_the_old_ones_alone(scripted: Start) -> None:
    bridge = scripted("--max-clients", "3")
    client = Client(bridge, "token")
    with ExitStack() as stack:
        first = stack.enter_context(closing(client.connect()))
        assert client.send(first, "GET", "/v1/status").status == 200
        for _ in range(100):
            stack.enter_context(RawConnection(bridge))
        assert client.send(first, "GET", "/v1/status").status == 200
    wait_until(lambda: client.get("/v1/status").status == 200, "a free place")
