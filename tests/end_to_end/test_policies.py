"""What policies must stand beside the pairs (test_pairs.py): rows that come back on several devices, expressions that do
not end, devices that do not know the hub yet."""

import json

import pytest

from support import Device, Fleet


@pytest.fixture
def things(fleet: Fleet) -> Fleet:
    fleet.hub("create table things (id text primary key, amount integer, price numeric, note text)")
    fleet.track("things")
    fleet.hub("select tidemark.policy('things', 'amount', 'sum')")
    return fleet


def test_a_row_that_several_devices_insert_again_keeps_its_base(things: Fleet) -> None:
    """Each has the deleted row with a change of its own: the changes count, not what each has besides."""
    things.hub("select tidemark.policy('things', 'update_wins')", "insert into things values ('x', 10, 2.50, 'old')")
    one, two, three, four = (things.device(name, "things") for name in ("one", "two", "three", "four"))
    one.sql("delete from things")
    two.sql("update things set amount = amount - 2, price = '3.00'")
    three.sql("update things set amount = amount - 1, note = 'new'")
    four.sql("update things set amount = amount - 4")
    for device in (one, two, three, four):
        device.sync()
    things.settle()
    assert things.database.sql("select amount, price::text, note from things") == [(3, "3.00", "new")]
    things.assert_equal("things")
    assert {(column, state) for device in (three, four) for column, state in device.sql(
        "select column_name, state from tidemark_conflicts where kind = 'update'")} == {("amount", "merged")}  # fmt: skip


def test_a_row_that_both_sides_insert_again_keeps_its_base(things: Fleet) -> None:
    things.hub("select tidemark.policy('things', 'update_wins')", "insert into things values ('x', 10, 2.50, 'old')")
    till = things.device("till", "things")
    till.sql("update things set amount = amount - 1")
    things.hub("delete from things", "insert into things values ('x', 20, 4.00, null)")
    till.sync()
    things.settle()
    assert things.database.sql("select amount, price::text, note from things") == [(19, "4.00", None)]
    things.assert_equal("things")


def test_a_row_that_is_inserted_again_and_refused_keeps_its_base(things: Fleet) -> None:
    things.hub("select tidemark.policy('things', 'update_wins')", "insert into things values ('x', 10, 2.50, 'old')")
    till = things.device("till", "things")
    till.sql("update things set amount = amount - 1")
    things.hub("delete from things", "alter table things add constraint few check (amount > 9)")
    assert till.sync()["rejected"] == 1
    things.hub("insert into things values ('x', 20, 4.00, null)")
    till.sync()
    things.settle()
    assert things.database.sql("select amount, price::text, note from things") == [(19, "4.00", None)]
    things.assert_equal("things")


DIGITS = "(values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
FOR_EVER = ", ".join(f"{DIGITS} t{i}" for i in range(12))


@pytest.mark.parametrize(
    "expression, why",
    [
        (f"(select count(*) from {FOR_EVER}) || :mine", "it takes too long"),
        (f"(select sum(length(hex(randomblob(50000)))) from {FOR_EVER}) || :mine", "it takes too long"),
        ("zeroblob(2000000000) || :mine", "string or blob too big"),
        ("hex(randomblob(30000000)) || :mine", "string or blob too big"),
        ("instr(hex(zeroblob(20000000)), hex(zeroblob(8000000)) || '1') || :mine", "string or blob too big"),
        ("replace(hex(zeroblob(10000)), '0', hex(zeroblob(10000))) || :mine", "string or blob too big"),
    ],
    ids=["endless", "endless, with large values", "blob", "random text", "search", "replacement"],
)
def test_an_expression_that_is_endless_or_huge_stops_nothing(things: Fleet, expression: str, why: str) -> None:
    things.database.sql("select tidemark.policy('things', 'note', %s)", [expression])
    things.hub("insert into things values ('x', 1, 1, 'base'), ('y', 1, 1, 'base')")
    till = things.device("till", "things")
    till.sql("update things set note = 'mine', price = '2' where id = 'x'")
    things.hub("update things set note = 'theirs'")
    till.sync()
    things.settle()
    things.assert_equal("things")
    assert things.database.value("select note from things where id = 'x'") == "theirs"
    found = till.sql("select column_name, mine, result, message from tidemark_conflicts")
    assert found == [("note", "mine", "theirs", f"the expression failed: {why}")]
    assert till.pending() == []


def test_an_endless_expression_is_not_tried_for_each_of_many_rows(things: Fleet) -> None:
    things.database.sql("select tidemark.policy('things', 'note', %s)", [f"(select count(*) from {FOR_EVER}) || :mine"])
    things.hub("insert into things select i::text, 1, 1, 'base' from generate_series(1, 500) i")
    till = things.device("till", "things")
    till.sql("update things set note = 'mine'")
    things.hub("update things set note = 'theirs'")
    assert till.sync()["conflicts"] == 500
    found = dict(till.sql("select message, count(*) from tidemark_conflicts group by message"))
    assert found == {"the expression failed: it takes too long": 10, "the expression was not tried: it took too long for other rows": 490}
    things.assert_equal("things")


@pytest.mark.parametrize("size", [0, 1, 60_000, 3_000_000])
def test_an_expression_may_work_on_large_values(things: Fleet, size: int) -> None:
    things.hub("select tidemark.policy('things', 'note', 'upper(:theirs) || char(10) || replace(:mine, ''a'', ''b'')')")
    things.hub("insert into things values ('x', 1, 1, '')")
    till: Device = things.device("till", "things")
    till.sql("update things set note = ?", ["a" * size + "m"])
    things.database.sql("update things set note = %s", ["c" * size + "t"])
    till.sync()
    things.settle()
    assert things.database.value("select note from things") == "C" * size + "T\n" + "b" * size + "m"
    things.assert_equal("things")


def test_a_policy_may_be_declared_before_the_hub_is_known(things: Fleet) -> None:
    things.hub("select tidemark.policy('things', 'amount', null)", "insert into things values ('x', 10, 1, 'base')")
    till = things.unconnected("till")
    till.sql("create table things (id text primary key, amount integer, price text, note text)")
    till.track("things")
    for column, policy in (("amount", "sum"), ("price", "json"), ("note", "max")):
        answer = till.value("select tidemark_policy('things', ?, ?)", (column, policy))
        assert json.loads(answer)[column] == policy
    till.connect(things.bridge.url)
    till.sync()
    assert json.loads(till.value("select policies from tidemark_tables")) == {"amount": "sum", "note": "max"}
    till.sql("update things set amount = amount - 1")
    things.hub("update things set amount = amount - 2")
    till.sync()
    assert things.database.value("select amount from things") == 7
