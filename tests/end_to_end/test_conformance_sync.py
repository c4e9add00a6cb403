"""storex-sync's lists for the way from one device to another: shared log and end-to-end, each demand by the line of its
test. "Differs" says where our rule is another one by design; then what ours does is played.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance import BASE, SMALL_PAGES, Audit, Hand, empty, head, newcomer, write
from support import Bridge, Device, Fault, FaultProxy, Fleet, wait_until


@pytest.fixture
def notes(shared: Fleet) -> Fleet:
    return empty(shared, *BASE)


def titles(pages: list[dict]) -> list[str]:
    """What was inserted, in the order of the pages."""
    return [change[3][0] for page in pages for commit in page["commits"] for change in commit[4] if change[1] == "i"]


# -- shared log -----------------------------------------------------------------------------------------------


def test_round_trip(notes: Fleet, one: Device, two: Device) -> None:
    """shared log @9; @63 an entry from the past is delivered, once; @138 own entries are not returned; e2e @203 no re-share"""
    audit = Audit(one, "notes")
    audit.forget()
    write(two, "made first")
    write(one, "made second")
    assert (one.sync()["pulled"], two.pull()["pulled"], two.pull()["pulled"]) == (0, 1, 0)
    two.push()
    audit.forget()
    assert (one.sync()["pulled"], one.sync()["pulled"]) == (1, 0)
    assert (audit.told("made first"), audit.told("made second")) == (["insert"], [])
    start = head(notes)
    assert [device.sync()["pushed"] for device in (one, two, one)] == [0, 0, 0]
    assert head(notes) == start
    for name in ("insert", "update", "delete"):
        one.sql(f"drop trigger audit_{name}")


def test_an_own_push_comes_back_as_a_confirmation(notes: Fleet) -> None:
    """shared log @138. Differs: an own commit is in its place of the log, without its changes if it took all as sent"""
    hand = Hand(notes.bridge.url)
    after = hand.get("/v1/status")["head"]
    header = {"table": "places", "key": [["a", "text"], ["b", "bigint"]], "columns": [["v", "text"]]}
    hand.push(header, [0, "i", ["k", 1], ["v"]])
    (commit,) = hand.get(f"/v1/log?after={after}&have=1")["commits"]
    assert commit[3:] == [1, []]
    (commit,) = hand.get(f"/v1/log?after={after}")["commits"]
    assert commit[3] == 1 and [change[:3] for change in commit[4]] == [[0, "i", ["k", 1]]]


def test_entries_are_repeated_until_they_were_applied(notes: Fleet, one: Device) -> None:
    """shared log @170. Differs: the cursor is the reader's own, and moves in the transaction that applies the page"""
    hand, start = Hand(notes.bridge.url), head(notes)
    write(one, "p", "q")
    one.sync()
    first, second = (hand.get(f"/v1/log?after={start}") for _ in range(2))
    assert first["commits"] == second["commits"] and titles([first]) == ["title of p", "title of q"]
    with FaultProxy(notes.bridge.port) as line, newcomer(notes, line.url, "notes") as reader:
        write(one, "r")
        one.sync()
        line.next(Fault.LOSE_ANSWER, Fault.CUT, path="GET /v1/log")
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                reader.sync()
        assert (reader.sync()["pulled"], reader.sync()["pulled"]) == (1, 0)


def test_entries_added_between_fetch_and_mark(notes: Fleet, tmp_path: Path) -> None:
    """shared log @233: the hub writes between any two requests of a sync"""
    def write_meanwhile(request: Any) -> Fault:
        if audits and "/v1/log" in request.path and len(seen) < 8:
            seen.append(f"between {len(seen)}")
            notes.database.sql("insert into notes (id, title) values (%s, %s)", [seen[-1]] * 2)
        return Fault.NONE

    seen: list[str] = []
    audits: list[Audit] = []  # once there is one
    small = Bridge(notes.database.bridge_dsn(), tmp_path / "log", SMALL_PAGES)
    with small, FaultProxy(small.port, write_meanwhile) as line, newcomer(notes, line.url, "notes") as reader:
        audits.append(Audit(reader, "notes"))
        notes.hub("insert into notes select 'old ' || i, repeat('x', 300) from generate_series(1, 20) i")
        reader.sync()
        reader.sync()
        assert len(seen) == 8
        assert [audits[0].told(key) for key in seen] == [["insert"]] * 8
        notes.assert_equal("notes", devices=[reader])


# -- end to end -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    demand: str
    parts: tuple[str, ...]  # what one device does, each followed by its sync
    rows: str  # ids, titles and numbers that the others have in the end
    entries: int  # how many the log gets
    differs: str = ""


X, Y, Z = "x:one:1", "y:one:2", "z:two:2"
MORE = "insert into notes (id, title, n) values "
SENT = [
    Sent("@224 four entries in two uploads arrive in order",
         (f"{MORE} ('a', 'A', 1), ('b', 'B', 2)", f"{MORE} ('c', 'C', 3), ('d', 'D', 4)"),
         f"a:A:1 b:B:2 c:C:3 d:D:4 {X} {Y} {Z}", 4, "an upload has all that is pending, and is one commit"),
    Sent("@578 create", (f"{MORE} ('a', 'A', 1)",), f"a:A:1 {X} {Y} {Z}", 1),
    Sent("@600 update", ("update notes set title = 'T' where id = 'y'",), f"{X} y:T:2 {Z}", 1),
    Sent("@634 single delete", ("delete from notes where id = 'x'",), f"{Y} {Z}", 1),
    Sent("@664 predicate delete", ("delete from notes where n = 2",), X, 2),
    Sent("predicate update", ("update notes set n = 7 where title = 'one'",), f"x:one:7 y:one:7 {Z}", 2),
    Sent("@791 empty syncs in between",
         ("", f"{MORE} ('a', 'A', 1)", "", "update notes set n = 9 where id = 'a'", ""), f"a:A:9 {X} {Y} {Z}", 2),
    Sent("@1085 @1118 create, then update in separate syncs", (f"{MORE} ('a', 'A', 1)", "update notes set title = 'last' where id = 'a'"),
         f"a:last:1 {X} {Y} {Z}", 2),
    Sent("@816 filter sent", (f"{MORE} ('a', 'A', 1)", "insert into drafts values ('not sent')"), f"a:A:1 {X} {Y} {Z}", 1,
         "no hook: what is not to be sent is in a table that is not tracked"),
]  # fmt: skip


@pytest.mark.parametrize("case", SENT, ids=lambda case: case.demand)
def test_sent(notes: Fleet, one: Device, case: Sent) -> None:
    """Whole, and in small pages (@416); a second sync sends nothing (@203)."""
    start = head(notes)
    uploads = []
    for part in case.parts:
        one.sql(part or "select 1")
        uploads += [one.sync()["pushed"], one.sync()["pushed"]]
        notes.devices[2].sync()
    assert sum(uploads) == case.entries and not any(uploads[1::2])
    notes.settle()
    for device in notes.devices:
        assert " ".join(f"{key}:{title}:{n}" for key, title, n in device.rows("notes", "id, title, n")) == case.rows
        assert device.pending() == []
    pushes = [push for (push,) in notes.database.sql("select push from tidemark.log where seq > %s order by seq, n", [start])]
    assert pushes == sorted(pushes) and len(pushes) == case.entries
    assert len(set(pushes)) == sum(upload > 0 for upload in uploads)


def test_what_is_shared(notes: Fleet, one: Device, two: Device) -> None:
    """e2e @155 the body and its time; @344 received entries are apart from local ones; @1041 extra info. Differs: the
    info is who sent it, and what the hub knows of him."""
    start = head(notes)
    two.sql("update notes set n = 8 where id = 'z'")
    pending = two.pending()
    earliest = notes.database.value("select clock_timestamp()")
    one.sql(f"{MORE} ('a', 'A', 1)")
    one.sync()
    two.pull()
    assert two.pending() == pending and two.value("select count(*) from notes") == 4
    (entry,) = notes.database.sql("select operation, table_name, key, changed, user_name, device::text, committed_at between"
                                  " %s and clock_timestamp() from tidemark.log where seq > %s", [earliest, start])  # fmt: skip
    assert entry == ("insert", "notes", ["a"], {"title": "A", "n": 1, "body": None, "at": None}, "till", one.identity(), True)


def test_values_that_json_has_not(notes: Fleet, one: Device, two: Device) -> None:
    """e2e @756 datetimes; @706 custom serializer. Differs: no hook; what the application has encrypted passes as it is."""
    secret, at = bytes(range(256)), "2026-11-21 09:30:00.123456+00"
    one.sql("insert into notes (id, title, body, at) values ('a', ?, ?, ?)", (secret.hex(), secret, at))
    notes.settle()
    assert two.sql("select title, body, at from notes where id = 'a'") == [(secret.hex(), secret, at)]
    assert notes.database.value("select at = %s::timestamptz from notes where id = 'a'", [at]) is True
    assert notes.database.value("select body from notes where id = 'a'").tobytes() == secret


def test_modified_on_the_way(notes: Fleet, one: Device, two: Device) -> None:
    """e2e @853 modify sent, @966 modify received. Differs: the hub's triggers may change what comes, and then it is so
    everywhere, at the sender too; what a reader's triggers do to the row itself is taken back, what they do beside it stays."""
    notes.hub("create function mask() returns trigger language plpgsql as $$ begin new.title := 'masked'; return new; end $$",
              "create trigger mask before insert on notes for each row execute function mask()")  # fmt: skip
    two.sql("create trigger note_it after insert on notes begin update notes set n = 99 where id = new.id;"
            " insert into drafts values ('saw ' || new.title); end")  # fmt: skip
    one.sql(f"{MORE} ('a', 'card 4711', 1)")
    notes.settle()
    notes.hub("drop trigger mask on notes", "drop function mask")
    two.sql("drop trigger note_it")
    assert [device.sql("select title, n from notes where id = 'a'") for device in notes.devices] == [[("masked", 1)]] * 3
    assert two.sql("select id from drafts where id like 'saw%'") == [("saw masked",)]
    notes.assert_equal("notes")


def test_filter_received(notes: Fleet) -> None:
    """e2e @922. Differs: a device has the tables that it tracks, and passes over the others' entries"""
    with newcomer(notes, "", "places") as reader:
        notes.hub("insert into notes (id) values ('a')", "insert into places values ('v', 1, 'p')")
        assert reader.sync()["pulled"] == 1
        assert reader.rows("places", "a, b, v") == [("k", 2, "v"), ("p", 1, "v")]
        assert reader.sql("select name from sqlite_schema where name = 'notes'") == []
        assert reader.status()["cursor"] == str(head(notes))


def test_the_status_when_nothing_changed(notes: Fleet) -> None:
    """e2e @1162 nothing at first, a number after the first sync. Differs: it counts commits, not time, so it grows when
    there were some; when the device was there is beside it"""
    with newcomer(notes) as reader:
        def status() -> tuple:
            return notes.database.sql("select cursor::bigint, seen_at, unread from tidemark.devices where id = %s",
                                      [reader.identity()])[0]  # fmt: skip

        assert status()[0] is None
        reader.sync()
        first, seen_at, _ = wait_until(lambda: status() if status()[0] is not None else None, "the first cursor")
        assert (first, seen_at is not None) == (head(notes), True)
        reader.sync()
        assert status()[0] == first
        notes.hub("insert into notes (id) values ('a')")
        reader.sync()
        reader.sync()  # which says what it has
        wait_until(lambda: status()[0] == first + 1, "the next cursor")
        assert status()[2] == 0
