"""HTTP to the bridge by hand, beside the extension: the same pages with nobody who applies them, and an end that only listens."""

import base64
import http.client
import json
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from workshop import Hub


@dataclass
class Pages:
    seconds: float = 0
    wire_bytes: int = 0
    plain_bytes: int = 0


class Ear:
    """Listens in the bridge's place: tells the time, takes one push down and answers that the hub is away."""

    def __init__(self, port: int) -> None:
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"now": int(time.time() * 1000)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                ear.heard_at = time.monotonic()
                ear.token = self.headers["Authorization"].removeprefix("Bearer ")
                ear.body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_error(503)

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", port), Handler)

    def __enter__(self) -> "Ear":
        threading.Thread(target=self._server.serve_forever).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def enrol(hub: Hub) -> str:
    basic = base64.b64encode(b"till:secret").decode()
    body, _ = request(hub, "POST", "/v1/devices", f"Basic {basic}", b"{}")
    return json.loads(body)["token"]


def fetch_log(hub: Hub, token: str) -> Pages:
    return fetch(hub, token, lambda after: f"/v1/log?after={after}", "cursor", "0")


def fetch_rows(hub: Hub, token: str) -> Pages:
    def path(after: str) -> str:
        return "/v1/tables/products/rows" + (f"?after={after}" if after else "")

    return fetch(hub, token, path, "after", "")


def fetch(hub: Hub, token: str, path: Any, member: str, after: str | None) -> Pages:
    """All pages one after the other on one connection; the time is that of the requests alone."""
    pages = Pages()
    connection = http.client.HTTPConnection("127.0.0.1", hub.bridge.port)
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "zstd"}
    more = True
    while more:
        started = time.monotonic()
        connection.request("GET", path(after), headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        pages.seconds += time.monotonic() - started
        assert answer.status == 200, body
        pages.wire_bytes += len(body)
        text = unpacked(body) if answer.headers.get("Content-Encoding") == "zstd" else body
        pages.plain_bytes += len(text)
        page = json.loads(text)
        after = page[member]
        more = page["more"] if "more" in page else after is not None
    connection.close()
    return pages


def request(hub: Hub, method: str, path: str, authorization: str, body: bytes | None = None,
            headers: dict[str, str] | None = None) -> tuple[bytes, Any]:
    all_headers = {"Authorization": authorization, "Content-Type": "application/json"} | (headers or {})
    message = urllib.request.Request(hub.bridge.url + path, body, all_headers, method=method)
    with urllib.request.urlopen(message, timeout=300) as answer:
        return answer.read(), answer.headers


def unpacked(body: bytes) -> bytes:
    return subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True).stdout
