"""What storex-sync demanded of its reconciliation (its default.test.ts, by line), and where that failed: each by name.

C, M, A, D are the creation of one row, a modification of its second column, of the column that its creation set, and
its deletion. "o" is an entry that the reader has, "n" one that is new to it. The demand is the seeds' own oracle: the
row is what all entries in order make of it, and what is done to the table is the difference to what is there, no more.
Two parts: one author, whose log is read from every place (FLOWS); and several authors that do not hear of each other,
the reader among them (MEETINGS). Where our rule is another one by design, the row says which.
"""

import json
import sqlite3
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Callable, Iterator

import pytest

from conformance import Audit, Hand, later, shared_fleet
from support import Fleet, wait_until

FLOWS = {
    "@244 creation": "C", "@259 modification": "M", "@643 a single delete": "D", "@259 @285 modification twice": "MM",
    "@728 @745 creation and modification": "CM", "@762 create and delete cancel": "CD",
    "@370 @387 @407 creation, modification, deletion": "CMD", "@423 @447 @474 @501 two modifications, then deletion": "CMMD",
    "@668 double deletes": "DD", "@596 writes to an already deleted object": "DMD", "@802 @825 @853 re-creation": "CDC",
    "@878 @895 @909 deletion after re-creation": "DCD", "@929 @939 modification after deletion": "DM",
    "@956 re-create without known creation": "DC", "modification of a re-created row": "CDCM",
    "2.5-3 a modification of the dead incarnation does not leak": "CMDC", "re-created twice": "CDCDC", "ends deleted": "CDCMD",
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


@pytest.mark.parametrize("author, key", [("head office", "id"), ("a device", "place, id")], ids=["one column", "@702 compound key"])
def test_flows(fleet: Fleet, author: str, key: str) -> None:
    fleet.hub(f"create table things (id text, place integer default 7, a text, b text, primary key ({key}))")
    fleet.track("things")
    for name, flow in FLOWS.items():
        if flow[0] != "C":
            fleet.database.sql("insert into things (id, a, b) values (%s, 'base', 'base')", [name])
    writer = fleet.device("writer", "things")
    readers = [fleet.device(f"read {old}", "things") for old in range(STEPS + 1)]
    audits = [Audit(reader, "things") for reader in readers]

    def on_hub(statement: str, values: tuple) -> None:
        fleet.database.sql(statement.replace("?", "%s"), values)

    for step in range(STEPS):
        readers[step].sync()  # it has read the first `step` entries of each flow
        for name, flow in FLOWS.items():
            if step < len(flow):
                act(on_hub if author == "head office" else writer.sql, name, step, flow[step])
        writer.sync()
    readers[STEPS].sync()
    for old, (reader, audit) in enumerate(zip(readers, audits)):
        audit.forget()
        reader.sync()
        found = {name: (a, b) for name, a, b in reader.rows("things", "id, a, b")}
        for name, flow in FLOWS.items():
            states = fold(flow)
            before, after = states[min(old, len(flow))], states[-1]
            what = f"{name}: {flow}, {old} old"
            assert found.get(name) == after, what
            made_again = before is not None and after is not None and "D" in flow[old:]
            if before == after:
                demanded: list[list[str]] = [[]]
            elif made_again:  # one statement, or two as theirs
                demanded = [["update"], ["delete", "insert"]]
            else:
                demanded = [["insert" if before is None else "delete" if after is None else "update"]]
            assert audit.told(name) in demanded, (what, audit.told(name))
    fleet.assert_equal("things")
    fleet.assert_quiet()


# -- several authors ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meeting:
    demand: str
    script: str  # WHO and WHAT by time: devices a, b, c and the reader r; C K (both columns) R (refused) M A S D, or ! for a sync
    row: str  # in the end, everywhere: its columns, each value named after who wrote it in which step; "" for no row
    told: str = ""  # what the reader's triggers saw of all its syncs
    listed: tuple[str, ...] = ()  # conflicts: who has them, and of what kind
    differs: str = ""  # from the demand, by design


FINDS_NOTHING = "a statement that finds no row writes nothing, so there is no entry"
REFUSED = "a creation over a row that is there is refused by the author's own database, so there is no entry"
TWO_LIVES = "a deletion is of the row that its author had; whether the next life met it or came later, the log's commits say"
ADOPTED = "two creations of one key are one row; the deletion of it that follows beats what the reader wrote, and lists it"
NO_ERROR = "no error and no mode: two creations of one key meet column by column, and what lost is listed"
MEETINGS = [
    # two creations
    Meeting("@310 creation twice, second new", "rC aC a!", "a1 -", "update", ("r update",), NO_ERROR),
    Meeting("@343 creation twice, both new", "aC bC a! b!", "b1 -", "insert", ("b update",), NO_ERROR),
    Meeting("@343 the same, the earlier one is sent later", "aC bC b! a!", "b1 -", "insert", ("a update",), NO_ERROR),
    Meeting("@343 a field that only the first creation has stays", "aK bC a! b!", "b1 -", "insert", ("b update",),
            "an INSERT sets every column: the NULL of the later one wins too"),
    Meeting("@996 complain about double creates", "aC a! bC b! r! aM a!", "b2 a5", "insert update", ("b update",), NO_ERROR),
    # fields and deletions: neither the order of the list nor the time of a modification counts
    Meeting("@521 newest write wins, listed second", "aA bA a! b!", "b1 base", "update", ("b update",)),
    Meeting("@521 newest write wins, listed first", "aA bA b! a!", "b1 base", "update", ("a update",)),
    Meeting("@560 a deletion beats a later modification, listed first", "aD bM a! b!", "", "delete", ("b delete",)),
    Meeting("@560 a deletion beats a later modification, listed second", "aD bM b! a!", "", "delete", ("a delete",)),
    Meeting("@762 create and delete cancel, modified by another", "aC a! b! bM aD b! a!", "", "", ("a delete",)),
    # o after n: the reader's own writes among those that it has not read
    Meeting("Co", "rC r!", "r0 -"),
    Meeting("Mo Mo", "rM r! rM r!", "base r2"),
    Meeting("Cn Mo Dn", "aC a! rM aD a!", ""),
    Meeting("Cn Mn Do", "aC aM a! rD", "a0 a1", "insert", differs=FINDS_NOTHING),
    Meeting("Cn Mo Do", "aC a! rM rD", "a0 -", "insert", differs=FINDS_NOTHING),
    Meeting("Co Mn Do", "aC a! r! aM a! rD", "", "insert", ("r delete",)),
    Meeting("Co Mo Mo Do", "rC r! rM r! rM r! rD", ""),
    Meeting("Co Mo Mn Do", "rC r! rM r! a! aM a! rD", "", "", ("r delete",)),
    Meeting("Co Mn Mo Do", "rC r! a! aM a! rM rD", "", "", ("r delete",)),
    Meeting("Co Mn Mn Do", "rC r! a! aM a! aM a! rD", "", "", ("r delete",)),
    Meeting("Co Mn Mo Dn", "rC r! a! aM a! rM aD a!", "", "delete", ("r delete", "r update")),
    Meeting("Do Co Do, unsent", "rD rC rD", ""),
    Meeting("Do Co Do", "rD r! rC r! rD", ""),
    Meeting("Do Cn Do", "rD r! a! aC a! rD", "a3 -", "insert", differs=FINDS_NOTHING),
    Meeting("Dn Co Do", "aD a! rR rD", "", differs=REFUSED),
    Meeting("Dn Cn Do in one commit", "aD aC a! rD", "", "", ("r delete",)),
    Meeting("Dn Cn Do in two commits", "aD a! aC a! rD", "a2 -", "insert", differs=TWO_LIVES),
    Meeting("Cn Dn Co", "aC a! aD a! rC", "", "delete", ("r delete", "r update"), ADOPTED),
    Meeting("Dn Mo", "aD a! rM", "", "delete", ("r delete",)),
    Meeting("Cn Co", "aC a! rC", "r2 -", "", ("r update",), NO_ERROR),
    Meeting("Co Mo", "rC r! rM r!", "r0 r2"),
    Meeting("Cn Mo", "aC a! rM", "a0 -", "insert", differs=FINDS_NOTHING),
    Meeting("Co Do Co", "rC r! rD r! rC", "r4 -"),
    Meeting("Co Dn Co", "rC r! a! aD a! rR", "", "delete", differs=REFUSED),
    # what results, 2.4
    Meeting("2.4 fields are decided one by one", "aM bA a! b!", "b1 a0", "update"),
    Meeting("2.4 only a later creation revives", "aD bM a! b! aC a!", "a4 -", "update", ("b delete",)),
    Meeting("2.4 two deletions are one", "aD bD a! b!", "", "delete"),
    Meeting("2.4 deleting what was never read", "aC a! aD a!", ""),
    Meeting("2.4 a fresh row, not merged with the old one", "aM a! r! aD a! aC a!", "a5 -", "update update"),
    Meeting("2.4 what is here already is not written again", "rA r! aM a! rA r!", "r4 a2", "update"),
    Meeting("2.4 values are whole, no increments", "aS bS a! b!", "base base 2", "update",
            differs="a column of policy sum travels as a difference"),
    Meeting("simperium 4 unsent edits of other fields, after a shared one", "aA bA bM a! b!", "b1 b2", "update", ("b update",)),
    Meeting("simperium 4 received edits of other fields, after a shared one", "aA aM bA a! b!", "b2 a1", "update", ("b update",)),
    # where the fold is wrong, 2.5
    Meeting("2.5-1 three creations, in order", "aC bC cC a! b! c!", "c2 -", "insert", ("b update", "c update")),
    Meeting("2.5-1 three creations, backwards", "aC bC cC c! b! a!", "c2 -", "insert", ("a update", "b update")),
    Meeting("2.5-1 three creations, the last in the middle", "aC bC cC b! c! a!", "c2 -", "insert", ("a update", "c update")),
    Meeting("2.5-2 Co Do Co Mn, by the author", "rC r! rD r! rC r! a! aM a!", "r4 a7", "update"),
    Meeting("2.5-2 Co Do Co Mn, sent at once", "rC r! rD rC r! a! aM a!", "r3 a6", "update"),
    Meeting("2.5-2 Co Do Co Dn", "rC r! rD r! rC r! a! aD a!", "", "delete"),
    Meeting("2.5-3 Dn Mn Cn, the modifier is last", "aC a! b! aD bM a! aC a! b!", "a6 -", "insert", ("b delete",)),
    Meeting("2.5-3 Do Mn Cn", "aC a! b! r! aD bM a! r! b! aC a!", "a9 -", "insert delete insert", ("b delete",)),
    Meeting("2.5-6 an older value comes after the log was cleaned", "bM aM a! r! b!", "base a1", "update", ("b update",)),
    Meeting("2.5-6 an older value comes to who wrote the newer one", "bM rM r! b!", "base r1", "", ("b update",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def things(cluster, tmp_path_factory) -> Iterator[Fleet]:  # noqa: ANN001
    with shared_fleet(cluster, tmp_path_factory.mktemp("meetings")) as fleet:
        fleet.hub("create table things (id text primary key, a text, b text, n integer not null default 0)")
        fleet.track("things")
        fleet.hub("select tidemark.policy('things', 'n', 'sum')")
        for name in "abcr":
            fleet.device(name, "things")
        yield fleet


STATEMENTS = {
    "C": "insert into things (id, a) values (:id, :value)", "K": "insert into things (id, a, b) values (:id, :value, :value)",
    "M": "update things set b = :value where id = :id", "A": "update things set a = :value where id = :id",
    "S": "update things set n = n + 1 where id = :id", "D": "delete from things where id = :id",
    "R": "insert into things (id) values (:id)",
}  # fmt: skip


@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda meeting: meeting.demand)
def test_meetings(things: Fleet, meeting: Meeting) -> None:
    devices = {device.name: device for device in things.devices}
    audit = Audit(devices["r"], "things")
    key, told, steps = meeting.demand, [], meeting.script.split()
    if next(what for _, what in steps if what != "!") not in "CK":
        things.database.sql("insert into things values (%s, 'base', 'base', 0)", [key])
    things.settle()
    for place, (who, what) in enumerate([*steps, *(["r!", "a!", "b!", "c!"] * 2)]):
        if what != "!":
            later()
            with pytest.raises(sqlite3.IntegrityError) if what == "R" else nullcontext():
                devices[who].sql(STATEMENTS[what], {"id": key, "value": f"{who}{place}"})
            continue
        audit.forget()
        devices[who].sync()
        told += audit.told(key) if who == "r" else []
    things.assert_equal("things")
    row = [(a, b, n)[: 3 if n else 2] for a, b, n in things.database.sql("select a, b, n from things where id = %s", [key])]
    listed = set()
    for device in things.devices:
        for _, its, column, kind, mine, theirs in device.conflicts():
            if json.loads(its) == [key] and column != "n":
                listed.add(f"{device.name} {kind}")
                assert kind != "delete" or json.loads(mine or theirs)["id"] == key, "the row that was given up is listed whole"
    assert " ".join("-" if value is None else str(value) for values in row for value in values) == meeting.row
    assert (" ".join(told), tuple(sorted(listed))) == (meeting.told, meeting.listed)
    assert [device.pending() for device in things.devices] == [[]] * 4


# -- times that are chosen ------------------------------------------------------------------------------------

HEADER = {"table": "things", "key": [["id", "text"]], "columns": [["a", "text"], ["b", "text"]]}


@pytest.mark.parametrize("operation", ["u", "i"], ids=["with an earlier value", "two creations"])
def test_a_tie_goes_to_the_hub_on_every_device(things: Fleet, operation: str) -> None:
    """2.4: two writes of one millisecond; and those up to 10 ms beside it, which go to the later one."""
    reader, hand, span = things.devices[-1], Hand(things.bridge.url), range(-10, 11)
    keys = [f"tie {operation} {by:+d}" for by in span]
    create = "insert into things (id, a) select value, ? from json_each(?)"
    if operation == "u":
        reader.sql(create, ["base", json.dumps(keys)])
    things.settle()
    if operation == "u":
        reader.sql("update things set a = 'mine' where id in (select value from json_each(?))", [json.dumps(keys)])
    else:
        reader.sql(create, ["mine", json.dumps(keys)])
    (at,) = {at for (at,) in reader.sql("select changed_at from tidemark_pending")}
    at += reader.status()["clock_offset_ms"]
    wait_until(lambda: time.time() > at / 1000 + 0.03, "the last of the times to be over")
    hand.push(HEADER, *([0, operation, [key], ["theirs"], [0], at + by] for key, by in zip(keys, span)))
    things.settle()
    things.assert_equal("things")
    met = reader.sql("select key, mine_at - theirs_at, result from tidemark_conflicts where column_name = 'a'"
                     " and key like ?", [f'["tie {operation}%'])  # fmt: skip
    assert len(met) == len(keys) and 0 in {by for _, by, _ in met}
    for key, mine_is_later_by, result in met:
        assert result == ("mine" if mine_is_later_by > 0 else "theirs"), (key, mine_is_later_by)
        assert things.database.value("select a from things where id = %s", json.loads(key)) == result


@pytest.mark.parametrize("operation, row", [("u", ("base", "later")), ("d", None)], ids=["2.5-4 modification", "2.5-5 deletion"])
@pytest.mark.parametrize("reads_between", [True, False])
def test_an_entry_stamped_before_the_creation_it_follows(things: Fleet, operation: str, row: tuple, reads_between: bool) -> None:
    reader, creator = things.devices[-1], things.devices[0]
    key = f"stamped {operation} {reads_between}"
    things.settle()
    creator.sql("insert into things (id, a) values (?, 'base')", [key])
    creator.sync()
    if reads_between:
        reader.sync()
    Hand(things.bridge.url).push(HEADER, [0, operation, [key], *([["later"], [1]] if row else [None, None]), 1000])
    things.settle()
    (created_at,), (stamped_at,) = things.database.sql("select changed_at from tidemark.history('things', %s)", [key])
    assert stamped_at < created_at
    assert things.database.sql("select a, b from things where id = %s", [key]) == [row] * bool(row)
    things.assert_equal("things")
