"""What the systems before this one demanded of themselves, and where they failed: each demand by name.

The first part plays their list of reconciliation flows: C, M, D are creation, modification, deletion of one row by
somebody else, in the order of the log. A reader has read the first few of them ("o", old) and now reads the rest
("n", new), for every split. The demand is their own oracle: the row is what all entries in order make of it, and what
is done to the table is the difference to what is there, nothing more.

Where our rule is another one by design:
* A device reads the log in its order, so "n" never stands before "o"; their flows that mix them cannot occur.
* Times decide only between two values that nobody had seen of each other (test_pairs.py), never which of two log
  entries counts. So a modification that is later by the clock and earlier in the log than a deletion is deleted.
* A second creation of a row is no error: an insert over an existing row is refused by the author's own database.
"""

import json
from typing import Callable

import pytest

from support import Bridge, Device, Fault, FaultProxy, Fleet

FLOWS = {  # by the names of their tests
    "creation": "C", "modification": "M", "a single delete": "D", "modification twice": "MM", "creation and modification": "CM",
    "create and delete cancel": "CD", "creation, modification, deletion": "CMD", "two modifications, then deletion": "CMMD",
    "double deletes": "DD", "writes to an already deleted object": "DMD", "re-creation": "CDC", "deletion after re-creation": "DCD",
    "modification after deletion": "DM", "re-create without known creation": "DC", "modification of a re-created row": "CDCM",
    "a modification of the dead incarnation does not leak": "CMDC", "re-created twice": "CDCDC", "ends deleted": "CDCMD",
}  # fmt: skip
STEPS = max(len(flow) for flow in FLOWS.values())


def fold(flow: str) -> list[tuple | None]:
    """The row after each entry, first before all: their oracle."""
    row: tuple | None = None if flow[0] == "C" else ("base", "base")
    states = [row]
    for step, entry in enumerate(flow):
        if entry == "C":
            row = (f"created in {step}", None)
        elif entry == "M" and row:
            row = (row[0], f"modified in {step}")
        elif entry == "D":
            row = None
        states.append(row)
    return states


def act(run: Callable, name: str, step: int, entry: str) -> None:
    if entry == "C":
        run("insert into things (id, a) values (?, ?)", (name, f"created in {step}"))
    elif entry == "M":
        run("update things set b = ? where id = ?", (f"modified in {step}", name))
    else:
        run("delete from things where id = ?", (name,))


@pytest.mark.parametrize("author", ["head office", "a device"])
def test_flows(fleet: Fleet, author: str) -> None:
    fleet.hub("create table things (id text primary key, a text, b text)")
    fleet.track("things")
    for name, flow in FLOWS.items():
        if flow[0] != "C":
            fleet.database.sql("insert into things values (%s, 'base', 'base')", [name])
    writer = fleet.device("writer", "things")
    readers = [fleet.device(f"read {old}", "things") for old in range(STEPS + 1)]
    for reader in readers:
        reader.sync()
        reader.sql("create table audit (id text, operation text)")
        for operation, row in (("insert", "new"), ("update", "new"), ("delete", "old")):
            reader.sql(f"create trigger audit_{operation} after {operation} on things begin"
                       f" insert into audit values ({row}.id, '{operation}'); end")  # fmt: skip

    def on_hub(statement: str, values: tuple) -> None:
        fleet.database.sql(statement.replace("?", "%s"), values)

    for step in range(STEPS):
        readers[step].sync()  # it has read the first `step` entries of each flow
        for name, flow in FLOWS.items():
            if step < len(flow):
                act(on_hub if author == "head office" else writer.sql, name, step, flow[step])
        writer.sync()
    readers[STEPS].sync()
    for old, reader in enumerate(readers):
        reader.sql("delete from audit")
        reader.sync()
        found = {key: (a, b) for key, a, b in reader.rows("things")}
        for name, flow in FLOWS.items():
            states = fold(flow)
            before, after = states[min(old, len(flow))], states[-1]
            done = [operation for (operation,) in reader.sql("select operation from audit where id = ?", [name])]
            what = f"{name}: {flow}, {old} old"
            assert found.get(name) == after, what
            made_again = before is not None and after is not None and "D" in flow[old:]
            if before == after:
                demanded: list[list[str]] = [[]]
            elif made_again:  # one statement, or two as theirs
                demanded = [["update"], ["delete", "insert"]]
            else:
                demanded = [["insert" if before is None else "delete" if after is None else "update"]]
            assert done in demanded, (what, done)
    fleet.assert_equal("things")


# -- where they failed ----------------------------------------------------------------------------------------


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


def test_nothing_is_sent_twice(notes: Fleet, one: Device, two: Device) -> None:
    """storex 1 to 4, synk 4 and 8: a first load takes the rows, and the log goes on where they end."""
    notes.hub("insert into notes (id) select i::text from generate_series(1, 50) i", "delete from notes where id = '50'")
    notes.settle()
    three = notes.device("three", "notes")
    assert three.value("select count(*) from notes") == 49
    for device in (one, two, three):
        assert device.sync()["pulled"] == 0
    head = notes.database.value("select max(seq) from tidemark.log")
    one.sql("delete from notes where id = 'never there'")
    one.sql("insert into notes (id) values ('came and went')")
    one.sql("delete from notes where id = 'came and went'")
    one.sync()
    assert notes.database.value("select max(seq) from tidemark.log") == head


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


def test_a_modification_of_the_dead_incarnation(notes: Fleet, one: Device, two: Device) -> None:
    """The oracle's third counter-example: one deletes, two modifies, one syncs and makes the row again, two syncs."""
    one.sql("insert into notes (id, title, body) values ('x', 'first life', 'body')")
    notes.settle()
    one.sql("delete from notes where id = 'x'")
    two.sql("update notes set body = 'of the dead' where id = 'x'")
    one.sync()
    one.sql("insert into notes (id, title) values ('x', 'second life')")
    two.sync()
    notes.settle()
    notes.assert_equal("notes")
    assert notes.database.sql("select title, body from notes") == [("second life", None)]
    assert [row[3] for row in two.conflicts()] == ["delete"]
    assert json.loads(two.conflicts()[0][4])["body"] == "of the dead"
