"""HTTP/1.1 itself: what is kept open, what is refused, what is not understood."""

from contextlib import closing

import pytest

from http_client import Client, RawConnection
from support import Bridge

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n"


def test_a_connection_serves_many_requests(server: Bridge, token: str) -> None:
    client = Client(server, token)
    with closing(client.connect()) as connection:
        statuses = []
        for path in ["/v1/status", "/healthz", "/nowhere", "/v1/log?after=x", "/v1/tables"] * 5:
            statuses.append(client.send(connection, "GET", path).status)
            ours = connection.sock.getsockname()
        assert statuses == [200, 200, 404, 400, 200] * 5
        assert connection.sock.getsockname() == ours


def test_pipelined_requests_are_answered_in_order(server: Bridge) -> None:
    with RawConnection(server) as raw:
        raw.send(HEALTH + HEALTH.replace(b"/healthz", b"/nowhere") + HEALTH)
        received = b""
        while received.count(b"HTTP/1.1 ") < 3 or not received.endswith(b'{"status":"ok"}'):
            received += raw.socket.recv(65536)
    assert [line[9:12] for line in received.split(b"\r\n") if b"HTTP/1.1 " in line] == [b"200", b"404", b"200"] or (
        received.count(b"200 OK") == 2 and received.count(b"404 Not Found") == 1
    )


@pytest.mark.parametrize(
    "request_head, stays_open",
    [
        (b"GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n", True),
        (b"GET /healthz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", False),
        (b"GET /healthz HTTP/1.0\r\n\r\n", False),
        (b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET http://elsewhere/healthz HTTP/1.1\r\nHost: b\r\n\r\n", True),
    ],
)
def test_the_client_says_whether_the_connection_stays(server: Bridge, request_head: bytes, stays_open: bool) -> None:
    with RawConnection(server) as raw:
        raw.send(request_head)
        answer = raw.answer()
        assert answer.json == {"status": "ok"}
        if stays_open:
            raw.send(HEALTH)
            assert raw.answer().status == 200
        else:
            assert raw.is_closed()


@pytest.mark.parametrize(
    "garbage",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: b\r\n\r\n",
        b"GET  /healthz HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET /heal\x01thz HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: b\r\nno colon\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET healthz HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
        # what one side of a proxy could read otherwise than the other
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/log HTTP/1.1\r\nHost: b\r\nContent-Length: 3, 3\r\n\r\nabc",
    ],
)
def test_what_is_not_http_gets_a_problem(server: Bridge, garbage: bytes) -> None:
    with RawConnection(server) as raw:
        raw.send(garbage)
        assert raw.answer().problem == (400, "invalid")
    assert Client(server).get("/healthz").status == 200


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3 3\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"-1\r\n", pytest.param(b"1" * 100000, id="endless size")],
)
def test_broken_chunks_get_a_problem(server: Bridge, token: str, chunks: bytes) -> None:
    head = f"POST /v1/log HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawConnection(server) as raw:
        raw.send(head.encode() + chunks)
        assert raw.answer().status in (400, 413)
        assert raw.is_closed()


def test_a_chunked_body_is_a_body(server: Bridge, token: str) -> None:
    parts = [b'{"push":', b"1", b',"cur', b'sor":0}']
    chunked = Client(server, token).request("POST", "/v1/log", iter(parts))
    assert chunked.problem == Client(server, token).push(b"".join(parts)).problem == (400, "invalid")


@pytest.mark.parametrize("padding", [{"X-Long": "x" * 17000}, {f"X-{n}": "x" * 200 for n in range(90)}])
def test_a_long_header_is_refused(server: Bridge, padding: dict[str, str]) -> None:
    assert Client(server).get("/healthz", padding).problem == (431, "invalid")


def test_a_long_target_is_refused(server: Bridge) -> None:
    assert Client(server).get("/" + "x" * 17000).problem == (431, "invalid")


def test_a_client_that_asks_first_is_told_to_go_on(server: Bridge, token: str) -> None:
    with RawConnection(server) as raw:
        raw.send(
            b"POST /v1/log HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
            b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
        go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert raw.socket.recv(len(go_on)) == go_on
        raw.send(b"[]")
        assert raw.answer().problem == (400, "invalid")
        raw.send(HEALTH)
        assert raw.answer().status == 200


@pytest.mark.parametrize(
    "header, problem",
    [
        (b"Expect: 100-continue\r\nContent-Length: 9\r\n", (401, "unauthorized")),
        (b"Expect: 100-continue\r\nContent-Length: 999999999\r\nAuthorization: Bearer x\r\n", (413, "too_large")),
        (b"Expect: the-unexpected\r\nContent-Length: 9\r\nAuthorization: Bearer x\r\n", (417, "invalid")),
        (b"Content-Encoding: br\r\nContent-Length: 9\r\nAuthorization: Bearer x\r\n", (415, "unsupported_encoding")),
    ],
)
def test_a_body_that_would_be_refused_is_not_waited_for(
    server: Bridge, header: bytes, problem: tuple[int, str]
) -> None:
    with RawConnection(server) as raw:
        raw.send(b"POST /v1/log HTTP/1.1\r\nHost: b\r\n" + header + b"\r\n")
        answer = raw.answer()
        assert answer.problem == problem and answer.headers["Connection"] == "close"
        assert raw.is_closed()


def test_a_client_that_is_still_sending_gets_its_answer(server: Bridge) -> None:
    answer = Client(server).push(bytes(8 << 20))  # without a token, refused at once
    assert answer.problem == (401, "unauthorized")


def test_a_get_may_carry_a_body_that_nobody_reads(server: Bridge, token: str) -> None:
    client = Client(server, token)
    with closing(client.connect()) as connection:
        for _ in range(2):
            assert client.send(connection, "GET", "/v1/status", b"ignored").status == 200
    assert client.request("GET", "/v1/status", bytes(20000)).problem == (413, "too_large")
