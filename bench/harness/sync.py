"""What the way between hub and device costs: pull, first load and push over HTTP."""

import base64
import http.client
import json
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from capture_hub import cpu_of, in_slices, timed
from report import Report
from support.process import children_of
from workshop import COLUMNS, HEAD_OFFICE, SHOP, Hub, Workshop, file_bytes, used_bytes

_INSERT = f"insert into {{table}} ({COLUMNS}) select {COLUMNS} from {{source}} where place >= %s and place < %s order by place"


def measure(workshop: Workshop, report: Report, repetitions: int) -> None:
    for repetition in range(repetitions):
        floor_first = repetition % 2 == 0
        pull_and_load(workshop, report, floor_first)
        pull_one_commit(workshop, report, floor_first)
        push(workshop, report, floor_first)


def pull_and_load(workshop: Workshop, report: Report, floor_first: bool) -> None:
    rows = workshop.rows
    with workshop.hub() as hub:
        receiver = workshop.new_file("receiver")
        hub.connect(receiver)
        in_slices(hub, _INSERT.format(table="products", source="head_office"), rows, 1000)
        token = enrol(hub)
        pages = fetch_log(hub, token)

        ours, floor, plain = neighbours(hub, floor_first, receiver, "tidemark_pull()", "given")
        assert ours[1]["pulled"] == rows, ours
        workshop.assert_same("pull", hub.digest(), workshop.device_digest(receiver), workshop.device_digest(plain))
        compare(report, "pull", f"pull and apply, {rows // 1000} commits", "plain upserts", ours[0], floor, 2.0)
        report.detail("pull: HTTP and hub alone, s", pages.seconds)
        cpu_details(report, "pull", ours[0])
        report.detail("pull: wire bytes a row", pages.wire_bytes / rows)
        report.detail("pull: JSON bytes a row", pages.plain_bytes / rows)
        sizes(report, "receiver after pull", receiver, plain)

        fresh = workshop.new_file("fresh")
        hub.connect(fresh, track=False)
        ours, floor, sorted_plain = neighbours(hub, floor_first, fresh, "tidemark_track('products')", "key")
        assert ours[1]["loaded"] == rows, ours
        workshop.assert_same("first load", hub.digest(), workshop.device_digest(fresh), workshop.device_digest(sorted_plain))
        compare(report, "first load", "in order of keys", "plain upserts in that order", ours[0], floor, 3.0)
        pages = fetch_rows(hub, token)
        report.detail("first load: HTTP and hub alone, s", pages.seconds)
        cpu_details(report, "first load", ours[0])
        report.detail("first load: wire bytes a row", pages.wire_bytes / rows)
        sizes(report, "after first load", fresh, sorted_plain)
        discard(receiver, plain, fresh, sorted_plain)


def pull_one_commit(workshop: Workshop, report: Report, floor_first: bool) -> None:
    rows = workshop.rows
    with workshop.hub() as hub:
        receiver = workshop.new_file("receiver")
        hub.connect(receiver)
        in_slices(hub, _INSERT.format(table="products", source="head_office"), rows, rows)
        ours, floor, plain = neighbours(hub, floor_first, receiver, "tidemark_pull()", "given")
        workshop.assert_same("pull", hub.digest(), workshop.device_digest(receiver), workshop.device_digest(plain))
        compare(report, "pull", "pull and apply, one commit of all", "plain upserts", ours[0], floor, 2.0)
        sizes(report, "receiver after one commit of all", receiver, plain)
        discard(receiver, plain)


def push(workshop: Workshop, report: Report, floor_first: bool) -> None:
    rows = workshop.rows
    with workshop.hub() as hub:
        sender, plain = workshop.new_file("sender"), workshop.device("plain", "plain")
        hub.connect(sender)
        for file in (sender, plain):
            workshop.run("insert", file, extension=workshop.extension, rows=rows, seed=SHOP)

        def floor() -> tuple[float, float]:
            hub.sql("checkpoint")
            return timed(hub, lambda: in_slices(hub, _INSERT.format(table="plain", source="shop"), rows, rows))

        if floor_first:
            floor_s, floor_cpu = floor()
        hub.sql("checkpoint")
        took, said = called(hub, sender, "tidemark_push()")
        if not floor_first:
            floor_s, floor_cpu = floor()
        assert said["pushed"] == rows, said
        workshop.assert_same("push", hub.digest(), hub.digest("plain"), workshop.device_digest(sender))
        report.pair("push", "all rows inserted on a device", "insert ... select on the hub", took["seconds"], floor_s,
                    bar=3.0, rows=rows, cpu=(took["cpu"], floor_cpu))
        cpu_details(report, "push", took)
        report.detail("push: wire bytes a row", said["bytes_out"] / rows)

        took, said = workshop.call(sender, "tidemark_sync()")
        report.detail("push: reading it back, s", took["seconds"])
        report.detail("push: reading it back, wire bytes a row", said["bytes_in"] / rows)
        workshop.assert_same("read back", hub.digest(), workshop.device_digest(sender))
        sizes(report, "sender after push and reading back", sender, plain)
        discard(sender, plain)
        parts_of_push(workshop, report)


def parts_of_push(workshop: Workshop, report: Report) -> None:
    """The same rows once more, on a hub that has lost them: seal, the hub's function, and it through HTTP."""
    rows = workshop.rows
    with workshop.hub() as other:
        sender = workshop.new_file("parts")
        other.connect(sender)
        workshop.run("insert", sender, extension=workshop.extension, rows=rows, seed=SHOP)
        port = other.bridge.port
        other.bridge.stop()
        with Ear(port) as ear:
            started = time.monotonic()
            try:
                workshop.call(sender, "tidemark_push()")
            except RuntimeError:
                report.detail("push: seal, s", ear.heard_at - started)
        body, token = ear.body, ear.token
        text = unpacked(body)
        report.detail("push: JSON bytes a row", len(text) / rows)

        connection = other.database.connect()
        connection.autocommit = False
        other.sql("checkpoint")
        started = time.monotonic()
        connection.cursor().execute("select tidemark.push(%s, %s)", [token, text.decode()])
        report.detail("push: the hub's function, s", time.monotonic() - started)
        connection.rollback()
        connection.close()

        other.bridge.start()
        other.sql("vacuum products, tidemark._change")
        other.sql("checkpoint")
        started = time.monotonic()
        verdict = request(other, "POST", "/v1/log", f"Bearer {token}", body, {"Content-Encoding": "zstd"})[0]
        report.detail("push: HTTP and hub, s", time.monotonic() - started)
        assert json.loads(verdict)["accepted"] == rows
        discard(sender)


# -- neighbours -----------------------------------------------------------------------------------------


def neighbours(hub: Hub, floor_first: bool, file: Path, function: str, order: str) -> tuple[Any, dict, Path]:
    """A call on a device and plain upserts of head office's rows into a plain file, one right after the other."""
    workshop = hub.workshop
    plain = workshop.device("plain", "plain")

    def floor() -> dict:
        return workshop.run("upsert", plain, rows=workshop.rows, seed=HEAD_OFFICE, order=order)[0]

    if floor_first:
        took = floor()
        return called(hub, file, function), took, plain
    result = called(hub, file, function)
    return result, floor(), plain


def called(hub: Hub, file: Path, function: str) -> tuple[dict, dict]:
    """Workshop.call, with the processor time of the bridge and of the hub counted in."""

    def servers() -> tuple[float, float]:
        backends = children_of(hub.workshop.cluster.pid)
        return cpu_of(hub.bridge.pid), sum(cpu_of(pid) for pid in backends)

    bridge, backends = servers()
    took, said = hub.workshop.call(file, function)
    bridge_after, backends_after = servers()
    took["parts"] = {"device": took["cpu"], "bridge": bridge_after - bridge, "hub": backends_after - backends}
    took["cpu"] = sum(took["parts"].values())
    return took, said


def cpu_details(report: Report, name: str, took: dict) -> None:
    for part, seconds in took["parts"].items():
        report.detail(f"{name}: processor s of the {part}", seconds)


def compare(report: Report, part: str, name: str, floor_name: str, ours: dict, floor: dict, bar: float) -> None:
    report.pair(part, name, floor_name, ours["seconds"], floor["seconds"], bar=bar, rows=floor["rows"],
                cpu=(ours["cpu"], floor["cpu"]))


def sizes(report: Report, name: str, ours: Path, plain: Path) -> None:
    report.pair("file size", name, "the plain file", file_bytes(ours) / 1024, file_bytes(plain) / 1024, bar=1.03, unit="KiB")
    report.pair("pages in use", name, "the plain file", used_bytes(ours) / 1024, used_bytes(plain) / 1024, unit="KiB")


def discard(*files: Path) -> None:
    for file in files:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)


# -- HTTP by hand ---------------------------------------------------------------------------------------


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
