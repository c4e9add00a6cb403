"""storex-sync's lists for how a sync runs: recurring task, interruptable, chunking, fast sync and integration, each demand
by the line of its test. "Differs" says where our rule is another one by design; then what ours does is played.
"""

import json
import socket
import sqlite3
from pathlib import Path

import pytest

from conformance import BASE, empty, head, newcomer
from support import Bridge, Device, Fault, FaultProxy, Fleet


@pytest.fixture
def notes(shared: Fleet) -> Fleet:
    return empty(shared, *BASE)


# -- recurring task, interruptable ----------------------------------------------------------------------------


def test_nothing_runs_but_what_is_called(notes: Fleet) -> None:
    """recurring task @73 not on construction, @80 @93 @106 @140 @175 runs and the next one, @119 @191 a failing run is
    reported and the next one runs, @166 forced. Differs: no timer of ours; the program calls, and hears of the error"""
    with FaultProxy(notes.bridge.port) as line, newcomer(notes, line.url, "notes") as device:
        device.sync()
        device.close()
        asked = len(line.requests)
        device.sql("insert into notes (id, title, n) values ('opened again and written', 'A', 1)")
        assert len(line.requests) == asked
        for run in range(6):
            if run % 2:
                line.next(*[Fault.UNAVAILABLE] * 9)
                with pytest.raises(sqlite3.OperationalError, match="Hint: "):
                    device.sync()
                line.heal()
            notes.hub(f"insert into notes (id) values ('run {run}')")
            assert device.sync()["pulled"] == 1
            assert device.pending() == []
            assert len(line.requests) > asked
            asked = len(line.requests)
    assert notes.database.value("select count(*) from notes where id like 'opened%'") == 1


@pytest.mark.parametrize("path", ["GET /v1/log", "GET /v1/tables/notes/rows"], ids=["log", "first load"])
def test_cancelled_and_paused_between_pages(notes: Fleet, path: str) -> None:
    """interruptable @5 a cancelled step is not run, @19 a paused one waits, @40 @50 @69 @82 loops; fast sync @476 pause
    and resume, @536 @229 cancel or abort keeps what arrived. Differs: what goes on is asked for by the next call"""
    rows = "insert into notes (id, title) select to_char(i, 'FM000'), repeat('x', 300) from generate_series(1, 40) i"
    if path == "GET /v1/tables/notes/rows":
        notes.hub(rows)
    with FaultProxy(int(notes.devices[2].status()["url"].rpartition(":")[2])) as line:
        line.delay_s = 0.05
        device = Device(notes.folder / f"cancelled {len(path)}.db")
        device.connect(line.url)
        if path == "GET /v1/log":
            device.track("notes")
            device.sync()
            for statement in range(40):
                notes.hub(f"insert into notes (id, title) values ('{statement:03}', repeat('x', 300))")
        line.next(Fault.DELAY, Fault.DELAY, *[Fault.LOSE_REQUEST] * 40, path=path)
        with pytest.raises(sqlite3.OperationalError):
            device.track("notes")
            device.sync()
        arrived = device.value("select count(*) from notes where title like 'xxx%'")
        assert 0 < arrived < 40
        answered = {request.path for request, fault in line.requests if fault is not Fault.LOSE_REQUEST}
        again = len(line.requests)
        line.heal()
        line.next(Fault.DELAY, Fault.DELAY, path=path)
        device.sync()
        pages = [request.path for request, _ in line.requests[again:] if path.split()[1] in request.path]
        assert pages and not answered & set(pages)  # no page is asked for twice
        assert device.value("select count(*) from notes where title like 'xxx%'") == 40
        notes.assert_equal("notes", devices=[device])
        device.close()


# -- chunking, fast sync, integration -------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 100, 450, 900, 1000, 1001, 80_000])
def test_pages_are_cut_and_put_together(notes: Fleet, one: Device, length: int) -> None:
    """chunking @9 @15 @21 @26 exact and inexact fits, @31 reassembly; split with tail @5 to @25; fast sync @325 an object
    of 80,000 characters. Differs: pages end between rows, so a row is never cut, and no value is a delimiter"""
    values = [("x" * (length - len(tail)) + tail)[:length] for tail in ("", ":", "2:5:", "\n\n", '","', "]]}", "\\", "\x1f", "ß緑")]
    for i, value in enumerate(values):
        one.sql("insert into notes (id, title) values (?, ?)", (f"v{i}", value))
    one.sync()
    notes.settle()
    with newcomer(notes, notes.devices[2].status()["url"], "notes") as loaded:
        for device in (notes.devices[1], notes.devices[2], loaded):
            assert [title for (title,) in device.sql("select title from notes where id like 'v%' order by id")] == values


@pytest.mark.parametrize("here, there", [(1, 5), (5, 1), (0, 0), (0, 3), (3, 0)])
def test_two_sides_that_both_have_rows(notes: Fleet, here: int, there: int) -> None:
    """fast sync @212 @351 both ways; integration @172 receiver smaller, @194 sender smaller, @216 both empty. Differs:
    no roles: the hub's rows come first, the device's go with its next sync"""
    notes.hub("delete from notes", f"insert into notes (id, n) select 'there ' || i, i from generate_series(1, {there}) i")
    device = Device(notes.folder / f"both {here} {there}.db")
    device.sql("create table notes (id text primary key, title text, n integer, body blob, at text)")
    for i in range(here):
        device.sql("insert into notes (id, n) values (?, ?)", (f"here {i}", i))
    device.connect(notes.bridge.url)
    loaded = json.loads(device.value("select tidemark_track('notes')"))
    assert (loaded["loaded"], loaded["conflicts"]) == (there, 0)
    assert (device.sync()["pushed"], device.sync()["pushed"]) == (here, 0)
    assert notes.database.value("select count(*) from notes") == here + there
    notes.settle()
    notes.assert_equal("notes", devices=[*notes.devices, device])
    device.close()


def test_messages_before_the_copy_and_what_is_filtered_from_it(notes: Fleet) -> None:
    """fast sync @212 user messages, @299 send filter. Differs: what is said before is user, secret and name, and the
    answer; what the hub does not track is not sent"""
    device = Device(notes.folder / "introduced.db")
    said = json.loads(device.connect(notes.bridge.url, name="handheld 7"))
    listed = notes.database.sql("select user_name, name from tidemark.devices where id = %s", [said["device"]])
    assert listed == [(said["user"], "handheld 7")]
    notes.hub("create table secrets (id text primary key)")
    with pytest.raises(sqlite3.Error, match='does not track a table "secrets"'):
        device.track("secrets")
    notes.hub("drop table secrets")
    device.close()


def test_a_stall_is_noticed(notes: Fleet, one: Device, tmp_path: Path) -> None:
    """fast sync @559 by the receiver, @580 by the sender, here the hub: a push that stops on its way is dropped whole"""
    with FaultProxy(notes.bridge.port) as line:
        device = Device(notes.folder / "stalled.db")
        device.connect(line.url, timeout=1)
        device.track("notes")
        line.delay_s = 30
        line.next(Fault.DELAY, path="GET /v1/log")
        with pytest.raises(sqlite3.OperationalError, match="no answer.*Hint: "):
            device.sync()
        device.close()
    with Bridge(notes.database.bridge_dsn(), tmp_path / "log", ("--transfer-timeout", "1")) as bridge:
        start, token = head(notes), one.value("select value from tidemark_meta where key = 'token'")
        with socket.create_connection(("127.0.0.1", bridge.port), timeout=20) as stalled:
            header = f"POST /v1/log HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\nContent-Length: 500\r\n\r\n"
            stalled.sendall(header.encode() + b'{"push":')
            one.sql("insert into notes (id, title, n) values ('meanwhile', 'A', 1)")
            assert one.sync()["pushed"] == 1
            assert stalled.recv(100) == b""  # hung up on
        assert head(notes) == start + 1


def test_continuous_sync_in_small_pieces(notes: Fleet, one: Device) -> None:
    """integration @275: both write and sync in turn, the reader's pages are smaller than what was written"""
    small = notes.devices[2]
    for turn in range(5):
        for device in (one, small):
            for n, key in enumerate((f"{device.name} {turn}", f"{device.name} {turn} too")):
                device.sql("insert into notes (id, title, n) values (?, ?, ?)", (key, "x" * 700, n))
            device.sql("update notes set n = n + 1 where id = ?", [f"{device.name} {turn - 1}"])
            device.sync()
    notes.settle()
    assert one.value("select count(*) from notes") == 3 + 20
    notes.assert_equal("notes")


def test_an_upload_over_the_limit(notes: Fleet, one: Device, tmp_path: Path) -> None:
    """integration @327, "cannot make it smaller": the call says so, nothing is lost, and it goes when it fits"""
    with Bridge(notes.database.bridge_dsn(), tmp_path / "log", ("--max-body", "300")) as tight:
        device = Device(notes.folder / "tight.db")
        device.connect(tight.url)
        device.track("notes")
        device.sql("insert into notes (id, body) values ('large', randomblob(3000))")
        with pytest.raises(sqlite3.Error, match="too_large.*Hint: "):
            device.sync()
        assert device.pending() == [("notes", '["large"]', "insert", "pending")]
        device.connect(notes.bridge.url)
        assert device.sync()["pushed"] == 1
        notes.assert_equal("notes", devices=[device])
        device.close()
