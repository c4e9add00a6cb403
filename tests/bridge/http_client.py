"""An HTTP client that lets a test do what a proper client never would."""

import base64
import http.client
import json
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from support import Bridge

_TIMEOUT_S = 20


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """Status and code of a problem document, which it must be."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.body)
        document = self.json
        assert document["type"] == "about:blank" and document["status"] == self.status
        assert document["title"] and document["detail"]
        return self.status, document["code"]


class Client:
    """Requests to a bridge, each on a connection of its own."""

    def __init__(self, bridge: Bridge, token: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.bridge = bridge
        self.token = token
        self.tls = tls

    def connect(self) -> http.client.HTTPConnection:
        """A connection for several requests."""
        where = urlsplit(self.bridge.url)
        if where.scheme == "https":
            return http.client.HTTPSConnection("localhost", where.port, timeout=_TIMEOUT_S, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", where.port, timeout=_TIMEOUT_S)

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        with closing(self.connect()) as connection:
            return self.send(connection, method, path, body, headers)

    def send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection that stays open."""
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        connection.request(method, path, body, authorization | (headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.request("GET", path, None, headers)

    def push(self, body: Any, headers: dict[str, str] | None = None) -> Answer:
        """POST /v1/log; an object is sent as its JSON."""
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        return self.request("POST", "/v1/log", body, headers)

    def enrol(self, user: str, secret: str) -> str:
        """Enrols a device; its token."""
        answer = self.request("POST", "/v1/devices", b"{}", basic(user, secret))
        assert answer.status == 201, answer
        return answer.json["token"]


class RawConnection:
    """A socket, for what is not HTTP."""

    def __init__(self, bridge: Bridge) -> None:
        self.socket = socket.create_connection(("127.0.0.1", bridge.port), timeout=_TIMEOUT_S)

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> Answer:
        """The next answer. Fails if the bridge closes instead."""
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        return Answer(response.status, response.headers, response.read())

    def is_closed(self) -> bool:
        """Waits for the other side: True if it closes, False if it sends."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def basic(user: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}
