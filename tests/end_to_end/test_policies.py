"""What policies must stand beside the pairs (test_pairs.py): rows that come back on several devices."""

import pytest

from support import Fleet


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
