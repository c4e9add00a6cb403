"""What the way between hub and device costs: pull, first load and push over HTTP."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from capture_hub import cpu_of, in_slices, timed
from report import Report
from support.process import children_of
from wire import Ear, enrol, fetch_log, fetch_rows, request, unpacked
from workshop import COLUMNS, HEAD_OFFICE, SHOP, Hub, Workshop, file_bytes, used_bytes

_INSERT = f"insert into {{table}} ({COLUMNS}) select {COLUMNS} from {{source}} where place >= %s and place < %s order by place"


def measure(workshop: Workshop, report: Report, repetitions: int) -> None:
    for repetition in range(repetitions):
        floor_first = repetition % 2 == 0
        pull_and_load(workshop, report, floor_first)
        pull_one_commit(workshop, report, floor_first)
        push(workshop, report, floor_first)
        push_with_a_bad_row(workshop, report, floor_first)


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


def push_with_a_bad_row(workshop: Workshop, report: Report, floor_first: bool) -> None:
    """What a row that the hub refuses costs the 9,999 others of its push."""
    rows = min(workshop.rows, 10_000)

    def pushed(bad: int) -> dict:
        with workshop.hub() as hub:
            hub.sql("alter table products add check (stock >= 0)")
            sender = workshop.new_file("sender")
            hub.connect(sender)
            workshop.run("insert", sender, extension=workshop.extension, rows=rows, seed=SHOP)
            with closing(sqlite3.connect(sender)) as connection, connection:
                connection.execute("update products set stock = -1 where rowid = ?", [bad * rows // 2])
            hub.sql("checkpoint")
            took, said = called(hub, sender, "tidemark_push()")
            assert (said["pushed"], said["rejected"]) == (rows - bad, bad), said
            discard(sender)
            return took

    took = {bad: pushed(bad) for bad in ((0, 1) if floor_first else (1, 0))}
    compare(report, "push", f"{rows} rows, one of them refused", "none refused", took[1], took[0] | {"rows": rows}, None)


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


def compare(report: Report, part: str, name: str, floor_name: str, ours: dict, floor: dict, bar: float | None) -> None:
    report.pair(part, name, floor_name, ours["seconds"], floor["seconds"], bar=bar, rows=floor["rows"],
                cpu=(ours["cpu"], floor["cpu"]))


def sizes(report: Report, name: str, ours: Path, plain: Path) -> None:
    report.pair("file size", name, "the plain file", file_bytes(ours) / 1024, file_bytes(plain) / 1024, bar=1.03, unit="KiB")
    report.pair("pages in use", name, "the plain file", used_bytes(ours) / 1024, used_bytes(plain) / 1024, unit="KiB")


def discard(*files: Path) -> None:
    for file in files:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file}{suffix}").unlink(missing_ok=True)
