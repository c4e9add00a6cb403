"""UNIQUE values that several sides take, pass on or swap: no sync fails, nothing is lost, all databases are equal."""

import json

import pytest

from support import Device, Fleet


@pytest.fixture
def products(fleet: Fleet) -> Fleet:
    fleet.hub("create table products (id text primary key, sku text unique, name text)")
    fleet.track("products")
    return fleet


def kinds(device: Device) -> list[tuple]:
    return device.sql("select kind, json_extract(key, '$[0]') from tidemark_conflicts order by id")


def test_a_row_that_passes_its_value_on_and_is_made_again(products: Fleet) -> None:
    """In one transaction of the hub the row's key changes and a row of the old key is inserted."""
    products.hub("insert into products values ('a', 's1', 'first')")
    till = products.device("till", "products")
    till.sql("update products set name = 'mine' where id = 'a'")
    products.hub("begin; update products set id = 'b' where id = 'a'; insert into products values ('a', 's2', 'again'); commit")
    till.sync()
    products.settle()
    products.assert_equal("products")
    assert till.rows("products") == [("a", "s2", "again"), ("b", "s1", "first")]
    assert kinds(till) == [("unique", "a")]


def test_an_accepted_change_of_a_row_that_is_set_aside(products: Fleet) -> None:
    """What the hub has accepted stays, although a later change of the row clashes before it is read back."""
    products.hub("insert into products values ('a', null, 'a'), ('b', null, 'b')")
    till, other = products.device("till", "products"), products.device("other", "products")
    till.sync()
    other.sql("update products set sku = 's9' where id = 'b'")
    other.sync()
    till.sql("update products set sku = 's1' where id = 'a'")
    assert till.push()["pushed"] == 1  # accepted, not read back
    till.sql("update products set sku = 's9' where id = 'a'")
    till.sync()
    products.settle()
    products.assert_equal("products")
    assert till.rows("products") == [("a", "s1", "a"), ("b", "s9", "b")]
    assert kinds(till) == [("unique", "a")]
    assert json.loads(till.value("select mine from tidemark_conflicts"))["sku"] == "s9"


def test_a_rejected_change_that_is_given_up_leaves_what_was_accepted(products: Fleet) -> None:
    products.hub("insert into products values ('a', null, 'a')", "alter table products add check (name <> 'bad')")
    till = products.device("till", "products")
    till.sql("update products set name = 'bad' where id = 'a'")
    assert till.push()["rejected"] == 1
    till.sql("update products set sku = 's1', name = 'good' where id = 'a'")
    assert till.push()["pushed"] == 1
    till.sql("update products set name = 'bad' where id = 'a'")
    assert till.push()["rejected"] == 1
    till.sql("select tidemark_resolve(max(id), 'theirs') from tidemark_conflicts where state = 'open'")
    products.settle()
    products.assert_equal("products")
    assert till.rows("products") == [("a", "s1", "good")]


def test_two_shops_create_the_same_sku(products: Fleet) -> None:
    one, two = products.device("one", "products"), products.device("two", "products")
    one.sql("insert into products values ('1', 'tea', 'of one')")
    two.sql("insert into products values ('2', 'tea', 'of two')")
    one.sync()
    two.sync()
    products.settle()
    products.assert_equal("products")
    assert two.rows("products") == [("1", "tea", "of one")]
    assert kinds(two) == [("unique", "2")]


SWAP = (
    "update products set sku = 'between' where id = 'a'",
    "update products set sku = 'sa' where id = 'b'",
    "update products set sku = 'sb' where id = 'a'",
)


def test_a_swap_at_head_office(products: Fleet) -> None:
    products.hub("insert into products values ('a', 'sa', ''), ('b', 'sb', '')")
    till = products.device("till", "products")
    products.hub("begin; " + "; ".join(SWAP) + "; commit")
    products.settle()
    assert till.rows("products") == [("a", "sb", ""), ("b", "sa", "")]
    products.assert_quiet()


def test_a_swap_on_a_device(products: Fleet) -> None:
    products.hub("insert into products values ('a', 'sa', ''), ('b', 'sb', '')")
    till, other = products.device("till", "products"), products.device("other", "products")
    for statement in ("begin", *SWAP, "commit"):
        till.sql(statement)
    products.settle()
    products.assert_equal("products")
    assert other.rows("products") == [("a", "sb", ""), ("b", "sa", "")]
    products.assert_quiet()


@pytest.mark.parametrize("cycle", [False, True], ids=["chain", "cycle"])
def test_many_values_move_on_by_one(products: Fleet, cycle: bool) -> None:
    """Row i takes the value of row i + 1; the last takes the first's, or one that was free."""
    count = 30
    products.hub(f"insert into products select 'p' || i, 's' || i, '' from generate_series(0, {count - 1}) i")
    till, other = products.device("till", "products"), products.device("other", "products")
    till.sql("begin")
    till.sql("update products set sku = 'x' || sku")
    till.sql(
        f"update products set sku = 's' || case when id = 'p{count - 1}' and {int(cycle)} then 0 else substr(id, 2) + 1 end"
    )
    till.sql("commit")
    products.settle()
    products.assert_equal("products")
    assert other.value("select sku from products where id = 'p3'") == "s4"
    products.assert_quiet()
