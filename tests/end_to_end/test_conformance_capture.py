"""storex-sync's lists for what a device writes down: logging middleware, keys and the client's log, each demand by the
line of its test. "Differs" says where our rule is another one by design; then what ours does is played.
"""

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from conformance import BASE, TABLES, Hand, empty, head, later, write
from support import Device, Fleet


@pytest.fixture
def notes(shared: Fleet) -> Fleet:
    return empty(shared)


def logged(fleet: Fleet, after: int) -> list[tuple]:
    """(operation, key, what changed to a value) of the log's entries, in its order."""
    head(fleet)
    entries = fleet.database.sql("select operation, key, changed from tidemark.log where seq > %s order by seq, n", [after])
    return [(operation, *key, {name: v for name, v in (changed or {}).items() if v is not None}) for operation, key, changed in entries]


def by_key(entry: tuple) -> str:
    return repr(entry[:-1])


# -- capture: logging middleware, primary keys ---------------------------------------------------------------------


@dataclass(frozen=True)
class Captured:
    demand: str
    statements: tuple[str, ...]  # of a program without the extension, in one transaction
    entries: tuple[tuple, ...]  # operation, key, changed values: on the hub; operation and key: on the device, in this order
    table: str = "notes"
    differs: str = ""


NEW = {"title": "new", "n": 5}
CAPTURED = [
    Captured("@55 create, without the key in the value", ("insert into notes (id, title, n) values ('a', 'new', 5)",),
             (("insert", "a", NEW),)),
    Captured("@79 update by key, one field", ("update notes set title = 'T' where id = 'x'",), (("update", "x", {"title": "T"}),)),
    Captured("@114 update by key, several fields, one entry", ("update notes set title = 'T', n = 9 where id = 'x'",),
             (("update", "x", {"title": "T", "n": 9}),)),
    Captured("@156 predicate update, one field", ("update notes set n = 9 where title = 'one'",),
             (("update", "x", {"n": 9}), ("update", "y", {"n": 9}))),
    Captured("@231 predicate update, several fields", ("update notes set title = 'T', n = 9 where n = 2",),
             (("update", "y", {"title": "T", "n": 9}), ("update", "z", {"title": "T", "n": 9}))),
    Captured("@309 batch of creates",
             ("insert into notes (id, title, n) values ('a', 'new', 5)", "insert into notes (id, title, n) values ('b', 'new', 5)"),
             (("insert", "a", NEW), ("insert", "b", NEW))),
    Captured("@352 delete by key", ("delete from notes where id = 'x'",), (("delete", "x", {}),)),
    Captured("@384 predicate delete, two fields, one match", ("delete from notes where title = 'one' and n = 2",),
             (("delete", "y", {}),)),
    Captured("@418 predicate delete, two fields, non-matches", ("delete from notes where title = 'one' and n > 0",),
             (("delete", "x", {}), ("delete", "y", {}))),
    Captured("@478 predicate delete, one field, two matches", ("delete from notes where n = 2",),
             (("delete", "y", {}), ("delete", "z", {}))),
    Captured("@548 delete with limit", ("delete from notes where id in (select id from notes order by id limit 1)",),
             (("delete", "x", {}),)),
    Captured("@608 batch containing deletes", ("insert into notes (id, title, n) values ('a', 'new', 5)", "delete from notes where n = 2"),
             (("insert", "a", NEW), ("delete", "y", {}), ("delete", "z", {}))),
    Captured("@637 nothing logged when disabled", ("insert into drafts values ('d')",), (),
             differs="switched by table: what is not tracked is not logged"),
    Captured("@655 a hook can change values",
             ("create trigger hook after insert on notes begin update notes set title = upper(new.title) where id = new.id; end",
             "insert into notes (id, title, n) values ('a', 'new', 5)", "drop trigger hook"), (("insert", "a", {"title": "NEW", "n": 5}),),
             differs="a trigger of the application, which changes the row itself; the log has the row as it became"),
    Captured("@695 a hook can drop changes",
             ("create trigger hook before update on notes when new.n = 9 begin select raise(ignore); end",
             "update notes set n = 9 where id = 'x'", "update notes set n = 8 where id = 'y'", "drop trigger hook"),
             (("update", "y", {"n": 8}),),
             differs="a trigger that drops the write itself"),
    Captured("pk get, single @17", ("update notes set n = 9 where id = 'x'",), (("update", "x", {"n": 9}),)),
    Captured("pk get, compound @37", ("update places set v = 'w'",), (("update", "k", 2, {"v": "w"}),), "places"),
    Captured("pk strip, single @62", ("insert into notes (id, title, n) values ('id', 'new', 5)",), (("insert", "id", NEW),)),
    Captured("pk strip, compound @82", ("insert into places (v, b, a) values ('w', 3, 'm')",),
             (("insert", "m", 3, {"v": "w"}),), "places"),
    Captured("pk set, single @107", ("update notes set id = 'w' where id = 'x'",),
             (("delete", "x", {}), ("insert", "w", {"title": "one", "n": 1}))),
    Captured("pk set, compound @130", ("update places set b = 4",),
             (("delete", "k", 2, {}), ("insert", "k", 4, {"v": "v"})), "places"),
    Captured("custom pk @83 a key given by hand is kept",
             ("insert into folders (id, name) values ('01900000-0000-7000-8000-00000000000a', 'f')",),
             (("insert", "01900000-0000-7000-8000-00000000000a", {"name": "f"}),), "folders"),
]  # fmt: skip


@pytest.mark.parametrize("case", CAPTURED, ids=lambda case: case.demand)
def test_captured(notes: Fleet, one: Device, case: Captured) -> None:
    empty(notes, *BASE)
    before = head(notes)
    program = one.plain()
    for statement in ("begin", *case.statements, "commit"):
        program.execute(statement)
    number = one.value("select number from tidemark_table where name = ?", [case.table])
    keys = "k0, k1" if case.table == "places" else "k0"
    codes = {1: "insert", 2: "update", 3: "delete", 5: "insert"}
    entries = program.execute(f"select op, {keys} from tidemark_log_{number} order by seq").fetchall()
    program.close()
    in_order = list(dict.fromkeys((codes[op], *key) for op, *key in entries if op in codes))
    if "hook" not in case.demand and "pk set" not in case.demand:
        assert in_order == [entry[:-1] for entry in case.entries]
    assert {state for *_, state in one.pending()} <= {"pending"}
    one.sync()
    assert sorted(logged(notes, before), key=by_key) == sorted(case.entries, key=by_key)
    made_by = notes.database.sql("select distinct device::text, push from tidemark.log where seq > %s", [before])
    assert [device for device, _ in made_by] == [one.identity()] * bool(case.entries)
    notes.settle()
    notes.assert_equal(*TABLES)


def test_keys_are_generated(notes: Fleet, one: Device) -> None:
    """custom pk @39 on a simple creation, @54 of parent and child, @107 in a batch"""
    one.plain_sql("insert into folders (name) values ('simple'), ('batch 1'), ('batch 2')")
    (parent,) = one.plain_sql("select id from folders where name = 'simple'")[0]
    one.plain_sql("insert into files (folder, name) values (?, 'child')", [parent])
    one.sync()
    keys = [key for (key,) in notes.database.sql("select id::text from folders union all select id::text from files")]
    assert len(set(keys)) == 4
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", key) for key in keys)
    assert notes.database.value("select f.name from files join folders f on f.id = folder") == "simple"
    notes.settle()
    notes.assert_equal(*TABLES)


def test_a_key_that_counts_up_is_refused(notes: Fleet, tmp_path: Path) -> None:
    """custom pk @109, migration from auto-increment: differs, the application changes its keys; both sides say so"""
    notes.hub("create table counted (id serial primary key)")
    with pytest.raises(psycopg2.Error, match="counts up"):
        notes.hub("select tidemark.track('counted')")
    with Device(tmp_path / "alone.db") as alone:
        alone.sql("create table counted (id integer primary key, v text)")
        with pytest.raises(sqlite3.Error, match="(?i)integer primary key.*Hint: "):
            alone.track("counted")
        assert alone.sql("select name from sqlite_schema where type = 'trigger'") == []


# -- client sync log ------------------------------------------------------------------------------------------


def states(device: Device) -> dict[str, str]:
    return {key: state for key, state in device.sql("select key ->> 0, state from tidemark_pending")}


def test_the_log_is_read_in_its_order_from_any_place(notes: Fleet, one: Device, two: Device) -> None:
    """client log @96 ascending from a given place; @112 out-of-order insert. Differs: the place is a number of the
    log, not a time; an entry that was made earlier and comes later stands later."""
    start, hand = head(notes), Hand(notes.bridge.url)
    write(two, "made first")
    write(one, "made second")
    one.sync()
    two.sync()
    write(one, "made third")
    one.sync()
    found = notes.database.sql("select seq, key ->> 0, changed_at from tidemark.log where seq > %s order by seq", [start])
    assert [(seq - start, key) for seq, key, _ in found] == [(1, "made second"), (2, "made first"), (3, "made third")]
    assert found[1][2] < found[0][2] < found[2][2]
    for after in range(4):
        page = hand.get(f"/v1/log?after={start + after}")
        assert [commit[0] for commit in page["commits"]] == [start + n for n in range(after + 1, 4)]


def test_only_what_was_sent_is_marked_and_only_what_was_not_is_sent(notes: Fleet, one: Device) -> None:
    """client log @130 mark as synced, @147 unshared; @199 integrated, exactly these; @239 obsolete ones are deleted"""
    start = head(notes)
    write(one, "x", "y")
    one.push()
    assert states(one) == {"x": "accepted", "y": "accepted"}
    write(one, "z")
    one.sql("update notes set n = 1 where id = 'y'")
    assert states(one) == {"x": "accepted", "y": "pending", "z": "pending"}
    one.pull()
    assert states(one) == {"y": "pending", "z": "pending"}
    assert one.sql("select distinct k0 from tidemark_log_1 where op <> 0 order by 1") == [("y",), ("z",)]
    one.push()
    found = [entry[:2] for entry in logged(notes, start)]
    assert (found[:2], sorted(found[2:])) == ([("insert", "x"), ("insert", "y")], [("insert", "z"), ("update", "y")])
    notes.settle()
    assert states(one) == {}
    assert one.sql("select * from tidemark_log_1 where op <> 0") == one.sql("select * from tidemark_push") == []


def test_received_entries_name_their_sender(notes: Fleet, one: Device, two: Device) -> None:
    """client log @162. Differs: the receiver keeps no entries, it applies them; sender and time of receipt are in the
    hub's log, and at the receiver where something met."""
    notes.hub("insert into notes (id, title) values ('x', 'base')")
    notes.settle()
    start = head(notes)
    earliest = notes.database.value("select clock_timestamp()")
    one.sql("update notes set title = 'of one' where id = 'x'")
    one.sync()
    later()
    two.sql("update notes set title = 'of two' where id = 'x'")
    two.pull()
    met = two.sql("select device, mine, theirs from tidemark_conflicts order by id desc limit 1")
    assert met == [(one.identity(), "of two", "of one")]
    (entry,) = notes.database.sql("select device::text, user_name, push, committed_at > %s, changed_at <= committed_at"
                                  " from tidemark.log where seq > %s", [earliest, start])  # fmt: skip
    assert (entry[0], entry[1], entry[3:]) == (one.identity(), "till", (True, True)) and entry[2] > 0


def test_all_entries_of_a_row_are_one_change(notes: Fleet, one: Device) -> None:
    """client log @256 all operations of one object, not those of others; next the next object; finally none"""
    start = head(notes)
    write(one, "x", "y")
    one.sql("update notes set n = 1 where id = 'x'")
    one.sql("update notes set n = n + 1")
    one.sql("update notes set title = 'last' where id = 'x'")
    assert one.sync()["pushed"] == 2
    found = sorted(logged(notes, start), key=by_key)
    assert found == [("insert", "x", {"title": "last", "n": 2}), ("insert", "y", {"title": "title of y"})]
    assert (one.sync()["pushed"], states(one)) == (0, {})


