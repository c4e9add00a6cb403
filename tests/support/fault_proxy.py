"""A bad line: an HTTP/1.1 proxy between a device and the bridge that spoils what it is told to."""

import enum
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import BinaryIO, Callable


class Fault(enum.Enum):
    """What can happen to one request and its answer."""

    NONE = "none"
    LOSE_REQUEST = "lose request"  # the bridge never sees it
    LOSE_ANSWER = "lose answer"  # the bridge has done it, the device does not hear of it
    DUPLICATE = "duplicate"  # the bridge gets it twice, the device hears the second answer
    CUT = "cut"  # the answer ends in the middle
    CORRUPT = "corrupt"  # bytes in the middle of the answer's body are others
    HTML = "html"  # a hotel's login page, with status 200
    UNAVAILABLE = "unavailable"  # 503 of some balancer, in HTML
    DELAY = "delay"  # the answer comes `delay_s` later


@dataclass
class Message:
    """A request or an answer: its first line, its headers in lower case, its raw bytes."""

    first_line: str
    headers: dict[str, str]
    head: bytes
    body: bytes = field(repr=False)

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @property
    def method(self) -> str:
        return self.first_line.split(" ")[0]

    @property
    def path(self) -> str:
        return self.first_line.split(" ")[1]


_HTML = b"<!DOCTYPE html><html><body><h1>Welcome to Hotel Wi-Fi</h1></body></html>"


class FaultProxy:
    """Listens on a port of its own and forwards to `upstream_port`. Faults come from `next()`, one for
    each request, and when none are queued from `choose(request)`."""

    def __init__(self, upstream_port: int, choose: Callable[[Message], Fault] | None = None) -> None:
        self.upstream_port = upstream_port
        self.choose = choose or (lambda request: Fault.NONE)
        self.delay_s = 0.2
        self.requests: list[tuple[Message, Fault]] = []
        self.hang_ups: list[str] = []  # why a connection ended that no fault was to end
        self._queued: deque[tuple[Fault, str]] = deque()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def next(self, *faults: Fault, path: str = "") -> None:
        """Queues faults for the coming requests; with `path`, for those whose "METHOD path" contains it."""
        with self._lock:
            self._queued.extend((fault, path) for fault in faults)

    def heal(self) -> None:
        """Forgets the faults that are queued: the line is good from now on."""
        with self._lock:
            self._queued.clear()

    def stop(self) -> None:
        """Closes everything; what is under way is lost."""
        self._stopping.set()
        # The thread must be out of accept() before the number of its socket may be another one's.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    # -- one connection -----------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        upstream: socket.socket | None = None
        try:
            self._remember(client)
            requests = client.makefile("rb")
            answers = None
            while request := _read_message(requests, client):
                fault = self._fault_for(request)
                if fault is Fault.LOSE_REQUEST:
                    return
                if fault in (Fault.HTML, Fault.UNAVAILABLE):
                    client.sendall(_html_answer(fault))
                    continue
                if fault is Fault.DUPLICATE:
                    self._send_alone(request)
                if upstream is None:
                    upstream = self._dial()
                    answers = upstream.makefile("rb")
                upstream.sendall(request.raw)
                answer = _read_message(answers)
                if answer is None:
                    self.hang_ups.append(f"no answer to {request.first_line}")
                    return
                if not self._pass_on(answer, fault, client):
                    return
        except (OSError, ValueError) as error:
            self.hang_ups.append(repr(error))  # one of the two ends hung up or was killed: hang up on the other
        finally:
            for connection in filter(None, (client, upstream)):
                self._forget(connection)

    def _pass_on(self, answer: Message, fault: Fault, client: socket.socket) -> bool:
        """Gives the device the answer, or what is left of it; false if the connection is to end."""
        if fault is Fault.LOSE_ANSWER:
            return False
        if fault is Fault.DELAY:
            self._stopping.wait(self.delay_s)
        if fault is Fault.CUT:
            client.sendall(answer.raw[: len(answer.head) + len(answer.body) // 2])
            return False
        client.sendall(_corrupted(answer) if fault is Fault.CORRUPT else answer.raw)
        return answer.headers.get("connection", "").lower() != "close"

    def _send_alone(self, request: Message) -> None:
        """Sends the request on a connection of its own and drops the answer."""
        upstream = self._dial()
        try:
            upstream.sendall(request.raw)
            _read_message(upstream.makefile("rb"))
        finally:
            self._forget(upstream)

    def _dial(self) -> socket.socket:
        upstream = socket.create_connection(("127.0.0.1", self.upstream_port))
        self._remember(upstream)
        return upstream

    def _fault_for(self, request: Message) -> Fault:
        with self._lock:
            for i, (fault, path) in enumerate(self._queued):
                if path in f"{request.method} {request.path}":
                    del self._queued[i]
                    break
            else:
                fault = self.choose(request)
            self.requests.append((request, fault))
            return fault

    def _remember(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        _hang_up(connection)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other end was faster
    connection.close()


def _html_answer(fault: Fault) -> bytes:
    status = b"200 OK" if fault is Fault.HTML else b"503 Service Unavailable"
    return b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % (status, len(_HTML)) + _HTML


def _corrupted(answer: Message) -> bytes:
    """The answer with bytes in its middle replaced by ones that no JSON and no UTF-8 holds."""
    middle = len(answer.body) // 2
    length = min(8, len(answer.body) - middle)
    return answer.head + answer.body[:middle] + b"\xff" * length + answer.body[middle + length :]


def _read_message(reader: BinaryIO, client: socket.socket | None = None) -> Message | None:
    """The next message; None at the end of the connection. `client` is told to go on if it asks."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline(65536)
        if not line:
            return None
        head += line
    first_line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
    if client and headers.get("expect", "").lower() == "100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:"))
    return Message(first_line, headers, head, _read_body(reader, first_line, headers))


def _read_body(reader: BinaryIO, first_line: str, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b""
        while True:
            size = reader.readline()
            body += size
            body += reader.read(int(size, 16) + 2)
            if int(size, 16) == 0:
                return body
    if "content-length" in headers:
        length = int(headers["content-length"])
        body = reader.read(length)
        if len(body) < length:
            raise OSError("the connection ended inside a message")
        return body
    is_answer = first_line.startswith("HTTP/")
    return reader.read() if is_answer and first_line.split(" ")[1] not in ("204", "304") else b""
