"""Where the systems before this one failed (seeds, section 6, what was seen when they were run): each case by name."""

import json
import sqlite3
from pathlib import Path

import pytest

from conformance import Hand, head, later
from support import Bridge, Device, DeviceProcess, Fault, FaultProxy, Fleet


@pytest.fixture
def notes(fleet: Fleet) -> Fleet:
    fleet.hub("create table notes (id text primary key, title text, n integer, done boolean, body text)")
    fleet.track("notes")
    return fleet


@pytest.fixture
def one(notes: Fleet) -> Device:
    return notes.device("one", "notes")


@pytest.fixture
def two(notes: Fleet) -> Device:
    return notes.device("two", "notes")


# -- cursors and times: storex 1 to 4 -------------------------------------------------------------------------

HEADER = {"table": "notes", "key": [["id", "text"]], "columns": [["title", "text"]]}


def test_an_upload_of_an_earlier_time_comes_late(notes: Fleet, one: Device, two: Device) -> None:
    """storex 1: stamped 90 after the reader has seen 100"""
    one.sql("insert into notes (id, title) values ('x', 'earlier')")
    later()
    two.sql("insert into notes (id, title) values ('y', 'later')")
    two.sync()
    reader = notes.device("three", "notes")
    assert [reader.sync()["cursor"], reader.value("select count(*) from notes")] == ["1", 1]
    one.sync()
    assert [reader.sync()["pulled"], reader.sync()["pulled"]] == [1, 0]
    stamps = dict(notes.database.sql("select key ->> 0, changed_at from tidemark.log"))
    assert stamps["x"] < stamps["y"]
    notes.settle()
    notes.assert_equal("notes")


@pytest.mark.parametrize("stamps", [(500, 500), (500, 100), (100, 500), (1, 1)])
def test_two_uploads_with_the_reader_in_between(notes: Fleet, one: Device, stamps: tuple[int, int]) -> None:
    """storex 1, two in one millisecond; storex 3, the last one seen is not the latest: nothing is missed or comes again"""
    hand = Hand(notes.bridge.url)
    one.sync()
    for key, at in zip("xy", stamps):
        hand.push(HEADER, [0, "i", [key], ["title"], [0], at])
        assert [one.sync()["pulled"], one.sync()["pulled"]] == [1, 0]
    found = notes.database.sql("select extract(epoch from changed_at) * 1000 from tidemark.log order by seq")
    assert [at for (at,) in found] == list(stamps)
    assert [row[0] for row in one.rows("notes")] == ["x", "y"]


@pytest.mark.parametrize("wrong_by_s", [86400, -86400], ids=["2 fast", "3 slow"])
def test_an_empty_fetch_under_a_wrong_clock(notes: Fleet, one: Device, tmp_path: Path, wrong_by_s: int) -> None:
    """storex 2: a fast reader's clock hides what comes later; storex 3: a slow one brings again what was seen"""
    reader = notes.device("three", "notes")
    reader.close()
    one.sql("insert into notes (id) values ('before')")
    one.sync()
    with DeviceProcess(reader.path, tmp_path / "clock") as program:
        program.set_clock(wrong_by_s)

        def pulled() -> int:
            return json.loads(program.sql("select tidemark_sync()")[0][0])["pulled"]

        assert [pulled(), pulled()] == [1, 0]
        one.sql("insert into notes (id) values ('after')")
        one.sync()
        assert [pulled(), pulled()] == [1, 0]
    notes.assert_equal("notes", devices=[reader])


def test_a_new_device_begins_where_its_load_ends(notes: Fleet) -> None:
    """storex 4: not with the whole log; synk 8: the version comes with the rows"""
    notes.hub("insert into notes (id) select i::text from generate_series(1, 50) i")
    for n in range(20):
        notes.hub(f"update notes set n = {n}")
    notes.hub("delete from notes where id = '50'")
    assert head(notes) == 22
    with FaultProxy(notes.bridge.port) as line:
        three = notes.device("three", "notes", url=line.url)
        assert three.value("select count(*) from notes") == 49
        assert three.sync()["pulled"] == 0
        asked = [request.path for request, _ in line.requests if request.path.startswith("/v1/log?")]
        assert asked and all("after=22" in path for path in asked)
        notes.hub("delete from notes where id = '49'", "update notes set n = 7 where id = '1'")
        assert three.sync()["pulled"] == 2
    notes.assert_equal("notes", devices=[three])


def test_one_call_does_all(notes: Fleet, one: Device) -> None:
    """storex 11: four rounds, each of which receives, uploads and integrates"""
    for turn in range(4):
        one.sql("insert into notes (id) values (?)", [f"of one {turn}"])
        notes.hub(f"insert into notes (id) values ('of the hub {turn}')")
        report = one.sync()
        assert (report["pulled"], report["pushed"], one.pending()) == (1, 1, [])
        notes.assert_equal("notes", devices=[one])


# -- poison, pages, values: storex 5 to 16 --------------------------------------------------------------------


@pytest.mark.parametrize("side", ["writer", "hub", "line", "abort", "ignore"])
def test_an_undecodable_entry_stops_nothing(notes: Fleet, one: Device, two: Device, side: str) -> None:
    """storex 16: one that cannot be sent, one that the reader refuses, one that is damaged on its way"""
    two.sync()
    if side == "writer":
        one.sql("insert into notes (id, title) values ('bad', cast(x'ff00fe' as text)), ('y', 'behind it')")
        assert [one.sync()["rejected"], one.sync()["rejected"]] == [1, 0]
        assert [(row[1], row[3]) for row in one.conflicts()] == [('["bad"]', "reject")]
    elif side == "hub":
        two.sql("create unique index one_each on notes (n)")
        notes.hub("insert into notes (id, n) values ('good', 1), ('bad', 1)", "insert into notes values ('y', 'behind it')")
        assert [two.sync()["pulled"], two.sync()["pulled"]] == [3, 0]
        assert [row[3] for row in two.conflicts()] == ["unique"]
    elif side in ("abort", "ignore"):  # by a trigger of the application's
        refusal = "raise(ignore)" if side == "ignore" else "raise(abort, 'no')"
        two.sql(f"create trigger picky before insert on notes when new.id = 'bad' begin select {refusal}; end")
        notes.hub("insert into notes (id, title) values ('bad', 'bad'), ('y', 'behind it')")
        assert [two.sync()["pulled"], two.sync()["pulled"]] == [2, 0]
    else:
        with FaultProxy(notes.bridge.port) as line:
            three = notes.device("three", "notes", url=line.url)
            three.sync()
            notes.hub("insert into notes values ('y', 'behind it')")
            line.next(Fault.CORRUPT, path="GET /v1/log")
            with pytest.raises(sqlite3.OperationalError, match="Hint: "):
                three.sync()
            assert [three.sync()["pulled"], three.sync()["pulled"]] == [1, 0]
            assert three.value("select title from notes where id = 'y'") == "behind it"
    for device in (one, two):
        device.sync()
        assert device.value("select title from notes where id = 'y'") == "behind it"
        assert device.sync()["pulled"] == 0


def test_zero_false_and_empty_are_sent_as_they_are(notes: Fleet, one: Device, two: Device) -> None:
    """storex 10"""
    one.sql("insert into notes values ('x', '', 0, 0, null)")
    notes.settle()
    assert two.rows("notes") == [("x", "", 0, 0, None)]
    assert notes.database.sql("select * from notes") == [("x", "", 0, False, None)]


def test_a_column_that_was_assigned_its_own_value_does_not_win(notes: Fleet, one: Device, two: Device) -> None:
    """storex 15"""
    one.sql("insert into notes values ('x', 'title', 1, 0, 'body')")
    notes.settle()
    one.sql("update notes set title = 'edited' where id = 'x'")
    two.sql("update notes set title = 'title', n = 1, body = 'later' where id = 'x'")
    notes.settle()
    assert notes.database.sql("select title, n, body from notes") == [("edited", 1, "later")]
    notes.assert_quiet()


def test_double_creates_and_a_bad_row_stop_nothing(notes: Fleet, one: Device, two: Device) -> None:
    """storex 16, 19"""
    notes.hub("alter table notes add check (n >= 0)")
    one.sql("insert into notes values ('x', 'of one', 1, 0, null)")
    two.sql("insert into notes values ('x', 'of two', 2, 0, null), ('bad', 'bad', -1, 0, null), ('y', 'behind it', 3, 0, null)")
    notes.settle()
    assert [row[0] for row in one.rows("notes")] == ["x", "y"]
    assert {row[:2] for row in two.rows("notes")} >= {("bad", "bad"), ("y", "behind it")}
    assert notes.database.value("select title from notes where id = 'x'") == one.value("select title from notes where id = 'x'")


def test_an_upload_whose_answer_is_lost_is_in_the_log_once(notes: Fleet) -> None:
    """storex 5"""
    with FaultProxy(notes.bridge.port) as line:
        one = notes.device("one", "notes", url=line.url)
        one.sync()
        one.sql("insert into notes (id) values ('x')")
        line.next(Fault.LOSE_ANSWER, path="POST /v1/log")
        one.sync()  # asks again with the same bytes
        notes.settle()
    assert notes.database.value("select count(*) from tidemark.log where table_name = 'notes'") == 1


def test_pages_are_as_large_as_was_asked(notes: Fleet, tmp_path) -> None:  # noqa: ANN001
    """storex 7"""
    with Bridge(notes.database.bridge_dsn(), tmp_path / "small.log", ("--page-bytes", "10000")) as small, FaultProxy(small.port) as line:
        one = notes.device("one", "notes", url=line.url)
        notes.hub("insert into notes select i::text, repeat('x', 1000) from generate_series(1, 100) i")
        assert one.sync()["pulled"] == 100
        asked = [request.path for request, _ in line.requests if request.path.startswith("/v1/log?")]
    assert len(asked) > 5


# -- versions: synk -------------------------------------------------------------------------------------------


def test_a_replica_takes_deletions(notes: Fleet, one: Device, two: Device) -> None:
    """synk 2, 8: of rows that it has, and of one that it never had"""
    one.sql("insert into notes (id) values ('x'), ('y')")
    notes.settle()
    one.sql("insert into notes (id) values ('never seen')")
    one.sync()
    one.sql("delete from notes where id <> 'y'")
    one.sync()
    assert [two.sync()["pulled"], two.sync()["pulled"]] == [3, 0]
    assert two.rows("notes", "id") == notes.database.sql("select id from notes") == [("y",)]


def test_what_was_read_is_not_sent_again(notes: Fleet, one: Device, two: Device) -> None:
    """synk 4: "at least this version" sent the last one for ever"""
    one.sql("insert into notes (id) values ('x'), ('y')")
    notes.settle()
    with FaultProxy(notes.bridge.port) as line:
        three = notes.device("three", "notes", url=line.url)
        assert [device.sync()["pulled"] for device in (one, two, three)] == [0, 0, 0]
    assert Hand(notes.bridge.url).get("/v1/log?after=1")["commits"] == []


def test_updates_and_deletions_of_one_message_are_one_version(notes: Fleet, one: Device, two: Device) -> None:
    """synk 4"""
    one.sql("insert into notes (id, n) values ('x', 1), ('y', 1)")
    notes.settle()
    one.sql("update notes set n = 2 where id = 'x'")
    one.sql("delete from notes where id = 'y'")
    one.sql("insert into notes (id) values ('z')")
    assert one.sync()["pushed"] == 3
    found = notes.database.sql("select seq, operation from tidemark.log where seq > 1 order by operation")
    assert found == [(2, "delete"), (2, "insert"), (2, "update")]
    assert two.sync()["cursor"] == "2"
    notes.assert_equal("notes")


def test_deleting_what_is_not_there_is_no_version(notes: Fleet, one: Device, two: Device) -> None:
    """synk 4: unknown, come and gone unsent, or deleted by another meanwhile"""
    one.sql("insert into notes (id) values ('x')")
    notes.settle()
    one.sql("delete from notes where id = 'never there'")
    one.sql("insert into notes (id) values ('came and went')")
    one.sql("delete from notes where id = 'came and went'")
    one.sync()
    assert head(notes) == 1
    for device in (one, two):
        device.sql("delete from notes where id = 'x'")
        device.sync()
    assert head(notes) == 2
    notes.assert_quiet()


def test_a_row_that_was_made_again_is_there_for_a_new_device(notes: Fleet, one: Device, two: Device) -> None:
    """synk 2, 3"""
    one.sql("insert into notes (id, title) values ('x', 'first life')")
    notes.settle()
    two.sql("delete from notes where id = 'x'")
    notes.settle()
    two.sql("insert into notes (id, title) values ('x', 'second life')")
    notes.settle()
    three = notes.device("three", "notes")
    for device in (one, two, three):
        assert device.rows("notes", "id, title") == [("x", "second life")]


def test_a_stale_writer_does_not_overwrite(notes: Fleet, one: Device, two: Device) -> None:
    """synk 5, plasmid 14: by column, and the later write wins, not the later sync."""
    one.sql("insert into notes values ('x', 'title', 1, 0, 'body')")
    notes.settle()
    two.sql("update notes set title = 'stale', n = 2 where id = 'x'")
    one.sql("update notes set title = 'newer' where id = 'x'")
    one.sync()
    two.sync()
    notes.settle()
    assert notes.database.sql("select title, n from notes") == [("newer", 2)]
    assert two.sql("select column_name, mine, theirs from tidemark_conflicts") == [("title", "stale", "newer")]


def test_an_edit_between_sending_and_the_answer_stays(notes: Fleet, one: Device) -> None:
    """plasmid 17"""
    one.sql("insert into notes (id, title) values ('x', 'sent')")
    one.push()
    one.sql("update notes set title = 'edited meanwhile' where id = 'x'")
    notes.settle()
    assert notes.database.value("select title from notes") == "edited meanwhile"


def test_edits_of_different_columns_are_both_kept(notes: Fleet, one: Device, two: Device) -> None:
    """simperium 4"""
    one.sql("insert into notes (id) values ('x')")
    notes.settle()
    one.sql("update notes set title = 'of one', n = 1 where id = 'x'")
    two.sql("update notes set body = 'of two', done = 1 where id = 'x'")
    notes.settle()
    assert notes.database.sql("select * from notes") == [("x", "of one", 1, True, "of two")]
    notes.assert_quiet()
