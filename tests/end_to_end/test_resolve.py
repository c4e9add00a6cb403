"""What a person's decision about a conflict writes, and that it never takes back what others have written since."""

import json
import sqlite3

import pytest

from support import Device, Fleet

PRODUCTS = "create table products (id text primary key, sku text unique, stock integer, name text not null default '')"


@pytest.fixture
def products(fleet: Fleet) -> Fleet:
    fleet.hub(PRODUCTS, "insert into products values ('a', 's0', 10, 'Tee')")
    fleet.track("products")
    return fleet


def own_table(fleet: Fleet, definition: str) -> Device:
    """A device whose table was made by the application, with constraints of its own."""
    device = fleet.unconnected("till")
    device.sql(definition)
    device.connect(fleet.bridge.url)
    device.track("products")
    return device


def conflicts(device: Device, columns: str) -> list[tuple]:
    return device.sql(f"select {columns} from tidemark_conflicts order by id")


def test_a_row_that_was_set_aside_gets_back_only_what_was_pending(products: Fleet) -> None:
    products.database.sql("select tidemark.policy('products', 'stock', 'sum')")
    till, other = products.device("till", "products"), products.device("other", "products")
    till.sql("update products set sku = 'tea' where id = 'a'")
    products.hub("insert into products values ('b', 'tea', 1, 'other')")
    till.sync()
    assert conflicts(till, "kind, base, state") == [("unique", '{"sku":"s0"}', "open")]
    other.sql("update products set stock = stock - 4, name = 'new name' where id = 'a'")
    other.sync()
    with pytest.raises(sqlite3.IntegrityError, match="conflict 1 cannot be written: UNIQUE.* Hint: Change what is in the way"):
        till.sql("select tidemark_resolve(1, 'mine')")
    products.hub("update products set sku = 'tea2' where id = 'b'")
    till.sync()
    till.sql("select tidemark_resolve(1, 'mine')")
    products.settle()
    products.assert_equal("products")
    assert till.rows("products") == [("a", "tea", 6, "new name"), ("b", "tea2", 1, "other")]


def test_a_sum_of_a_row_that_was_set_aside_counts_on_top(products: Fleet) -> None:
    products.database.sql("select tidemark.policy('products', 'stock', 'sum')")
    till, other = products.device("till", "products"), products.device("other", "products")
    till.sql("update products set sku = 'tea', stock = stock - 2 where id = 'a'")
    products.hub("insert into products values ('b', 'tea', 1, 'other')")
    till.sync()
    other.sql("update products set stock = stock - 4 where id = 'a'")
    other.sync()
    products.hub("update products set sku = 'tea2' where id = 'b'")
    till.sync()
    till.sql("select tidemark_resolve(1, 'mine')")
    products.settle()
    products.assert_equal("products")
    assert other.rows("products", "id, sku, stock") == [("a", "tea", 4), ("b", "tea2", 1)]


def test_theirs_does_not_take_the_hub_back(products: Fleet) -> None:
    products.database.sql("select tidemark.policy('products', 'name', 'ask')")
    till = products.device("till", "products")
    till.sql("update products set name = 'mine' where id = 'a'")
    products.hub("update products set name = 'theirs' where id = 'a'")
    till.sync()
    products.hub("update products set name = 'theirs since' where id = 'a'")
    till.sync()
    till.sql("select tidemark_resolve(1, 'theirs')")
    assert till.sync()["pushed"] == 0
    assert till.rows("products", "name") == [("theirs since",)]


def test_a_delete_that_won_does_not_delete_the_row_again(products: Fleet) -> None:
    till = products.device("till", "products")
    till.sql("update products set name = 'mine' where id = 'a'")
    products.hub("delete from products where id = 'a'")
    till.sync()
    products.hub("insert into products values ('a', 's1', 1, 'anew')")
    till.sync()
    till.sql("select tidemark_resolve(1, 'theirs')")
    assert till.sync()["pushed"] == 0
    assert till.rows("products") == [("a", "s1", 1, "anew")]


def test_a_value_of_a_row_that_is_gone(products: Fleet) -> None:
    products.database.sql("select tidemark.policy('products', 'name', 'ask')")
    till = products.device("till", "products")
    till.sql("update products set name = 'mine' where id = 'a'")
    products.hub("update products set name = 'theirs' where id = 'a'")
    till.sync()
    products.hub("delete from products where id = 'a'")
    till.sync()
    with pytest.raises(sqlite3.InterfaceError, match="the row of conflict 1 is gone. Hint: Insert it anew"):
        till.sql("select tidemark_resolve(1, 'mine')")
    till.sql("select tidemark_dismiss(1)")
    assert till.rows("products") == []


def test_a_value_of_a_column_that_is_gone(products: Fleet) -> None:
    till = products.device("till", "products")
    till.sql("update products set name = 'mine' where id = 'a'")
    products.hub("update products set name = 'theirs' where id = 'a'")
    till.sync()
    products.hub("alter table products rename column name to title")
    till.sql("alter table products rename column name to title")
    till.sync()
    with pytest.raises(sqlite3.InterfaceError, match='table "products" is refused. Hint: select problem from tidemark_tables'):
        till.sql("select tidemark_resolve(1, 'mine')")
    till.sql("select tidemark_untrack('products')")
    till.track("products")
    with pytest.raises(sqlite3.InterfaceError, match='column "name" of conflict 1 is gone. Hint: Write the value where'):
        till.sql("select tidemark_resolve(1, 'mine')")
    till.sql("select tidemark_dismiss(1)")
    assert till.rows("products", "title") == [("theirs",)]


def test_a_value_of_a_column_or_a_key_that_is_gone(products: Fleet) -> None:
    till = products.device("till", "products")
    till.sql("update products set name = 'mine', sku = 'of mine' where id = 'a'")
    products.hub("update products set name = 'theirs', sku = 'of theirs' where id = 'a'", "alter table products drop column name")
    till.sync()
    by_column = dict(till.sql("select column_name, id from tidemark_conflicts where kind = 'update'"))
    till.sql("select tidemark_untrack('products')")
    till.sql("alter table products drop column name")
    till.track("products")
    with pytest.raises(sqlite3.InterfaceError, match='column "name" of conflict . is gone. Hint: Write the value'):
        till.sql("select tidemark_resolve(id, 'mine') from tidemark_conflicts where column_name = 'name'")
    till.sql("select tidemark_untrack('products')")
    till.sql("drop table products")
    products.hub("drop table products", "create table products (id text, sku text, stock integer, primary key (id, sku))")
    products.track("products")
    till.track("products")
    with pytest.raises(sqlite3.InterfaceError, match='table "products" has another primary key now'):
        till.sql("select tidemark_resolve(?, 'mine')", [by_column["sku"]])
    assert till.rows("products") == []


def test_a_row_that_a_constraint_of_the_device_refuses(products: Fleet) -> None:
    till = own_table(products, "create table products (id text primary key not null, sku text, stock integer,"
                               " name text not null, check (stock < 100))")  # fmt: skip
    products.hub("update products set stock = 200 where id = 'a'")
    till.sync()
    ((theirs,),) = conflicts(till, "theirs")
    assert json.loads(theirs) == {"id": "a", "sku": "s0", "stock": 200, "name": "Tee"}
    with pytest.raises(sqlite3.InterfaceError, match="has no side of this device's"):
        till.sql("select tidemark_resolve(1, 'mine')")
    products.hub("update products set stock = 50, name = 'since' where id = 'a'")
    till.sql("select tidemark_resolve(1, 'theirs')")
    assert till.sync()["pushed"] == 0
    products.assert_equal("products")
    assert conflicts(till, "kind, state") == [("constraint", "resolved")]


def test_a_row_that_an_index_of_the_device_refuses(products: Fleet) -> None:
    till = own_table(products, "create table products (id text primary key not null, sku text, stock integer, name text not null unique)")
    products.hub("insert into products values ('b', 's1', 1, 'Tee')")
    till.sync()
    assert conflicts(till, "kind, mine is null") == [("unique", 1)]
    with pytest.raises(sqlite3.InterfaceError, match="has no side of this device's"):
        till.sql("select tidemark_resolve(1, 'mine')")
    till.sql("select tidemark_resolve(1, 'theirs')")
    assert till.sync()["pushed"] == 0  # asked for again, and refused again
    assert conflicts(till, "kind, state") == [("unique", "resolved"), ("unique", "open")]
    products.hub("update products set name = 'Kaffee' where id = 'b'", "delete from products where id = 'a'")
    till.sql("select tidemark_resolve(2, 'theirs')")
    till.sync()
    products.assert_equal("products")


def test_a_conflict_of_a_table_that_is_not_tracked_any_more(products: Fleet) -> None:
    till = products.device("till", "products")
    till.sql("update products set name = 'mine' where id = 'a'")
    products.hub("update products set name = 'theirs' where id = 'a'")
    till.sync()
    till.sql("select tidemark_untrack('products')")
    with pytest.raises(sqlite3.OperationalError, match="not tracked any more. Hint: Run tidemark_dismiss"):
        till.sql("select tidemark_resolve(1, 'mine')")
    assert till.value("select tidemark_dismiss(1)") == 1


# -- keys that are two on the hub and one on the device ---------------------------------------------------


@pytest.fixture
def till(products: Fleet) -> Device:
    return own_table(products, "create table products (id text primary key not null collate nocase, sku text, stock integer, name text)")


def test_two_keys_of_the_hub_that_are_one_here(products: Fleet, till: Device) -> None:
    products.hub("insert into products values ('A', 's1', 1, 'Tea')")
    till.sync()
    ((kind, key, mine, message),) = conflicts(till, "kind, key, mine, message")
    assert (kind, key, mine) == ("unique", '["a"]', None)
    assert "same key by the collation" in message
    assert till.rows("products", "id") == [("A",)]
    till.sql("update products set stock = 2")
    assert till.sync()["pushed"] == 1
    assert products.database.sql("select id, stock from products order by id") == [("A", 2), ("a", 10)]


def test_a_pending_row_makes_room_for_a_key_that_is_the_same_here(products: Fleet, till: Device) -> None:
    till.sql("insert into products values ('ABC', null, 1, 'of the till')")
    products.hub("insert into products values ('abc', null, 2, 'of the hub')")
    till.sync()
    assert conflicts(till, "kind, key, json_extract(mine, '$.name')") == [("unique", '["ABC"]', "of the till")]
    assert products.database.sql("select id from products order by id") == [("a",), ("abc",)]
    products.assert_equal("products")


def test_resolving_is_about_the_row_of_that_very_key(products: Fleet, till: Device) -> None:
    till.sql("insert into products values ('ABC', null, 1, 'of the till')")
    products.hub("insert into products values ('abc', null, 2, 'of the hub')")
    till.sync()
    with pytest.raises(sqlite3.IntegrityError, match="conflict 1 cannot be written: UNIQUE"):
        till.sql("select tidemark_resolve(1, 'mine')")
    assert till.rows("products", "id, name") == [("a", "Tee"), ("abc", "of the hub")]


def test_a_pending_update_of_a_key_that_another_displaces(products: Fleet, till: Device) -> None:
    till.sql("update products set name = 'mine' where id = 'a'")
    products.hub("insert into products values ('A', 's1', 1, 'Tea')")
    till.sync()
    assert products.database.sql("select id, name from products order by id") == [("A", "Tea"), ("a", "Tee")]
    assert conflicts(till, "kind, key, mine is null") == [("unique", '["a"]', 0), ("unique", '["a"]', 1)]


def test_a_key_that_is_written_otherwise(products: Fleet, till: Device) -> None:
    products.hub("update products set id = 'A'")
    till.sync()
    products.assert_equal("products")
    assert conflicts(till, "*") == []


def test_the_applications_triggers_see_what_is_given_up_and_what_is_lost(products: Fleet) -> None:
    """An index that the application keeps by triggers is as the table in the end."""
    products.hub("alter table products add check (stock > 0)", "insert into products values ('b', 's1', 10, 'Mate')")
    till = products.device("till", "products")
    till.sql("create table found (name text, id text)")
    till.sql("insert into found select name, id from products")
    till.sql("create trigger came after insert on products begin insert into found values (new.name, new.id); end")
    till.sql("create trigger went after delete on products begin delete from found where id = old.id; end")
    till.sql("create trigger changed after update on products begin update found set name = new.name where id = new.id; end")
    till.sql("update products set name = 'bad', stock = -1 where id = 'a'")
    till.sql("insert into products values ('n', 's2', -1, 'new')")
    till.sync()
    for (reject,) in till.sql("select id from tidemark_conflicts where kind = 'reject'"):
        till.sql("select tidemark_resolve(?, 'theirs')", [reject])
    assert till.sql("select id, name from found order by id") == till.rows("products", "id, name")
    products.hub("select tidemark.untrack('products')", "delete from products where id = 'b'")
    products.track("products")
    products.settle()
    products.assert_equal("products")
    assert till.sql("select id, name from found order by id") == [("a", "Tee")]
