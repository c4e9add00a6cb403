"""Definitions change while devices are away: nobody stops, and who gains a column gets its values."""

import json
import sqlite3
from pathlib import Path

import pytest

from support import Bridge, Device, Fault, FaultProxy, Fleet


@pytest.fixture
def shop(fleet: Fleet) -> Fleet:
    fleet.hub("create table products (id text primary key, name text, price numeric(6,2), stock smallint)",
              "create table other (id text primary key, note text)",
              "insert into products values ('a', 'apple', 1, 5), ('b', 'bread', 2, 6)")  # fmt: skip
    fleet.track("products", "other")
    return fleet


@pytest.fixture
def till(shop: Fleet) -> Device:
    return shop.device("till", "products", "other")


@pytest.fixture
def old(shop: Fleet) -> Device:
    """A device whose program is never updated."""
    return shop.device("old", "products", "other")


def problem(device: Device) -> tuple:
    return device.sql("select state, problem from tidemark_tables where table_name = 'products'")[0]


def others_go_on(shop: Fleet, *devices: Device) -> None:
    for device in devices:
        device.sql("insert into other values (?, 'x')", [device.name])
    shop.settle()
    shop.assert_equal("other")


def test_a_column_added_on_the_hub_first(shop: Fleet, till: Device, old: Device) -> None:
    till.sql("update products set price = '9' where id = 'a'")
    shop.hub("alter table products add column colour text default 'red'", "update products set colour = 'blue' where id = 'b'")
    shop.settle()
    assert "colour" in problem(till)[1] and problem(till)[0] == "ready"
    till.sql("alter table products add column colour text")
    shop.settle()
    assert problem(till) == ("ready", None)
    assert till.rows("products", "id, colour") == [("a", "red"), ("b", "blue")]
    till.sql("update products set colour = 'green' where id = 'a'")
    old.sql("update products set name = 'brown bread' where id = 'b'")
    others_go_on(shop, till, old)
    assert shop.database.sql("select id, name, price::text, colour from products order by id") == [
        ("a", "apple", "9.00", "green"), ("b", "brown bread", "2.00", "blue")]  # fmt: skip
    shop.assert_equal("products", devices=[till])


def test_a_column_added_on_the_device_first(shop: Fleet, till: Device, old: Device) -> None:
    till.plain_sql("alter table products add column colour text default 'red'")
    till.plain_sql("update products set colour = 'blue' where id = 'b'")
    till.sync()
    assert problem(till)[0] == "ready" and "colour" in problem(till)[1]
    till.sql("insert into products values ('c', 'cheese', '3', 1, 'yellow')")
    others_go_on(shop, till, old)
    shop.hub("alter table products add column colour text default 'red'")
    shop.settle()
    assert shop.database.sql("select id, colour from products order by id") == [("a", "red"), ("b", "blue"), ("c", "yellow")]
    assert problem(till) == ("ready", None)
    shop.assert_equal("products", devices=[till])


def test_a_prepared_file_that_lacks_a_column_syncs_once_it_has_it(shop: Fleet) -> None:
    device = shop.unconnected("prepared")
    device.plain_sql("create table products (id text primary key, name text, price text)")
    device.track("products")
    device.sql("insert into products values ('c', 'cheese', '3')")
    device.connect(shop.bridge.url)
    device.sync()
    state, why = problem(device)
    assert state == "refused" and '"stock"' in why
    device.plain_sql("alter table products add column stock smallint")
    device.sync()
    assert problem(device) == ("ready", None)
    shop.settle()
    shop.assert_equal("products", devices=[device])


def test_a_column_dropped_on_the_hub(shop: Fleet, till: Device, old: Device) -> None:
    till.sql("update products set stock = 50, name = 'Apfel' where id = 'a'")
    shop.hub("alter table products drop column stock")
    shop.settle()
    assert shop.database.sql("select * from products order by id")[0][1] == "Apfel"
    state, why = problem(till)
    assert state == "ready"
    assert why == ('column "stock" is missing on the hub: what is written there stays on this device')
    with pytest.raises(sqlite3.Error, match="error in trigger tidemark_"):
        till.sql("alter table products drop column stock")  # SQLite's word: a trigger names it
    till.sql("select tidemark_untrack('products')")
    till.sql("alter table products drop column stock")
    till.track("products")
    others_go_on(shop, till, old)
    assert problem(till) == ("ready", None)
    shop.assert_equal("products", devices=[till])


def test_what_is_pending_in_a_column_that_the_hub_drops_is_listed(shop: Fleet, till: Device) -> None:
    till.sql("update products set stock = 50, name = 'pear' where id = 'a'")
    till.sql("insert into products values ('n', 'new', '1', 9)")
    shop.hub("alter table products drop column stock")
    till.sync()
    assert till.sql("select kind, key, column_name, base, mine, state from tidemark_conflicts order by key") == [
        ("lost", '["a"]', "stock", 5, 50, "open"), ("lost", '["n"]', "stock", None, 9, "open")]  # fmt: skip
    assert shop.database.sql("select id, name from products order by id") == [("a", "pear"), ("b", "bread"), ("n", "new")]
    assert till.pending() == []
    assert till.sync()["pushed"] == 0


def test_a_column_renamed_on_the_hub(shop: Fleet, till: Device, old: Device) -> None:
    till.sql("update products set name = 'Apfel' where id = 'a'")
    shop.hub("alter table products rename column name to title", "update products set title = 'Brot' where id = 'b'")
    shop.settle()
    state, why = problem(till)
    assert state == "ready" and '"title"' in why
    till.plain_sql("alter table products rename column name to title")
    others_go_on(shop, till, old)
    state, why = problem(till)
    assert state == "refused"
    assert why == ('column "name" of table "products" is gone, and it was tracked. Run tidemark_untrack(\'products\')'
                   " and tidemark_track('products') to track the table as it is now.")  # fmt: skip
    till.plain_sql("alter table products rename column title to name")  # back again, and it goes on
    till.sync()
    assert problem(till)[0] == "ready"
    till.plain_sql("alter table products rename column name to title")
    till.sql("select tidemark_untrack('products')")
    till.track("products")
    shop.settle()
    assert till.sql("select key, mine, theirs from tidemark_conflicts") == [
        ('["a"]', "Apfel", None), ('["a"]', "Apfel", "apple"), ('["b"]', "bread", "Brot")]  # fmt: skip
    assert till.rows("products", "id, title") == shop.database.sql("select id, title from products order by id")
    assert problem(till) == ("ready", None)


def test_a_type_that_is_widened(shop: Fleet, till: Device, old: Device) -> None:
    till.sql("update products set stock = 7 where id = 'a'")
    shop.hub("alter table products alter column stock type bigint, alter column price type numeric",
             "update products set stock = 5000000000, price = 123456789.123456 where id = 'b'")  # fmt: skip
    others_go_on(shop, till, old)
    assert till.rows("products", "id, stock, price") == [("a", 7, "1.00"), ("b", 5000000000, "123456789.123456")]
    shop.assert_equal("products")


def test_constraints_that_are_added(shop: Fleet, till: Device, old: Device) -> None:
    """What a device wrote before it heard of them is refused by the hub, and listed."""
    till.sql("insert into products values ('c', null, '1', 1), ('d', 'apple', '1', 1), ('e', 'eggs', '1', 1)")
    shop.hub("alter table products alter column name set not null", "alter table products add unique (name)")
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (1, 2)
    assert till.sql("select json_extract(key, '$[0]'), sqlstate from tidemark_conflicts order by 1") == [("c", "23502"), ("d", "23505")]
    others_go_on(shop, till, old)
    till.sql("update products set name = 'name of ' || id where id in ('c', 'd')")
    shop.settle()
    shop.assert_equal("products")


def test_a_table_that_is_dropped(shop: Fleet, till: Device, old: Device) -> None:
    till.sql("update products set name = 'kept here' where id = 'a'")
    shop.hub("drop table products")
    others_go_on(shop, till, old)
    state, why = problem(till)
    assert state == "refused"
    assert why == 'the hub does not track a table "products"'
    assert till.rows("products", "id, name")[0] == ("a", "kept here")
    assert till.sql("select key, state from tidemark_pending") == [('["a"]', "pending")]
    shop.hub("create table products (id text primary key, name text, price numeric(6,2), stock smallint)",
             "insert into products values ('b', 'from head office', 2, 6)")  # fmt: skip
    shop.track("products")
    shop.settle()
    shop.assert_equal("products")
    assert dict(till.rows("products", "id, name")) == {"a": "kept here", "b": "from head office"}


@pytest.mark.parametrize(("columns", "row"), [
    ("code text primary key, name text", "'a', 'code'"),
    ("id text, name text, primary key (id, name)", "'a', 'wider key'"),
    ("id text primary key, name boolean", "'a', true"),
])  # fmt: skip
def test_a_table_that_comes_again_as_another(shop: Fleet, till: Device, columns: str, row: str) -> None:
    """Its rows are not taken for those of the old one, and what is here stays."""
    till.sql("update products set stock = 7 where id = 'a'")
    shop.hub("drop table products", f"create table products ({columns}, price numeric, stock integer)", f"insert into products values ({row}, 1, 1)")
    shop.track("products")
    till.sync()
    assert problem(till)[0] == "refused"
    assert till.rows("products", "id, name, stock") == [("a", "apple", 7), ("b", "bread", 6)]
    assert till.pending() == [("products", '["a"]', "update", "pending")]
    assert till.conflicts() == []


def test_a_push_that_is_made_before_the_device_hears_of_a_dropped_column(shop: Fleet, till: Device) -> None:
    till.sql("update products set stock = 50, name = 'pear' where id = 'a'")
    till.sql("insert into products values ('n', 'new', '1', 9)")
    shop.hub("alter table products drop column stock")
    assert till.push()["rejected"] == 2
    till.sync()
    assert till.pending() == []
    assert shop.database.sql("select id, name from products order by id") == [("a", "pear"), ("b", "bread"), ("n", "new")]
    assert till.sql("select kind, column_name, state from tidemark_conflicts where key = '[\"a\"]'") == [
        ("reject", "stock", "retried"), ("lost", "stock", "open")]  # fmt: skip


def test_a_push_that_is_made_while_its_table_is_untracked(shop: Fleet, till: Device) -> None:
    till.sql("update products set name = 'pear' where id = 'a'")
    shop.hub("select tidemark.untrack('products')")
    assert till.push()["rejected"] == 1
    till.sync()
    assert till.pending() == [("products", '["a"]', "update", "pending")]
    shop.track("products")
    till.sync()
    assert shop.database.value("select name from products where id = 'a'") == "pear"
    shop.assert_equal("products")


@pytest.mark.parametrize("sealed", [False, True], ids=["made after", "sealed before"])
def test_a_push_to_a_table_that_was_untracked_meanwhile(shop: Fleet, sealed: bool) -> None:
    """The log does not say what head office wrote then."""
    with FaultProxy(shop.bridge.port) as line:
        till = shop.device("till", "products", "other", url=line.url)
        till.sql("update products set name = 'pear' where id = 'a'")
        if sealed:
            line.next(*[Fault.UNAVAILABLE] * 20, path="POST /v1/log")
            with pytest.raises(sqlite3.OperationalError):
                till.push()
            line.heal()
        shop.hub("select tidemark.untrack('products')", "update products set name = 'quince', stock = 7 where id = 'a'")
        shop.track("products")
        till.push()
        assert till.sql("select key, column_name, mine, theirs from tidemark_conflicts") == [('["a"]', "name", "pear", "quince")]
        shop.settle()
        shop.assert_equal("products")
        assert shop.database.value("select stock from products where id = 'a'") == 7


def test_a_row_that_lacked_a_value_goes_when_the_column_is_there(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('n', 'new', '1', 9)")
    shop.hub("alter table products add column unit text not null default 'kg'", "alter table products alter column unit drop default")
    assert till.sync()["rejected"] == 1
    till.plain_sql("alter table products add column unit text not null default 'piece'")
    till.sync()
    assert till.pending() == []
    assert shop.database.sql("select id, unit from products order by id") == [("a", "kg"), ("b", "kg"), ("n", "piece")]
    shop.assert_equal("products")


def test_a_key_cannot_change(shop: Fleet) -> None:
    with pytest.raises(Exception, match="cannot be changed while it is tracked"):
        shop.hub("alter table products rename column id to sku")
    with pytest.raises(Exception, match="has no primary key"):
        shop.hub("alter table products drop constraint products_pkey")
    with pytest.raises(Exception, match="cannot be synced"):
        shop.hub("alter table products add column place point")


def test_a_column_that_comes_again_under_its_name(shop: Fleet, till: Device, old: Device) -> None:
    shop.hub("alter table products drop column stock, add column stock smallint default 77")
    shop.settle()
    assert till.rows("products", "id, stock") == [("a", 77), ("b", 77)]
    shop.assert_equal("products")
    shop.hub("begin; alter table products drop column stock; alter table products add column stock smallint; commit",
             "update products set stock = 1 where id = 'b'")  # fmt: skip
    shop.settle()
    assert till.rows("products", "id, stock") == [("a", None), ("b", 1)]
    shop.assert_equal("products")


def test_columns_that_an_index_only_includes_are_no_part_of_the_key(fleet: Fleet) -> None:
    fleet.hub("create table goods (id text, n int generated by default as identity, e varchar(9), m int, "
              "primary key (id) include (n, e), unique (m) include (n))",
              "insert into goods (id, e, m) values ('a', 'x', 1), ('b', 'y', 2)")  # fmt: skip
    fleet.track("goods")
    fleet.hub("select tidemark.policy('goods', 'n', 'sum')", "alter table goods alter e type varchar(5) using upper(e)")
    device = fleet.device("device", "goods")
    device.sql("update goods set n = n + 1, m = -m")
    device.sql("update goods set m = 3 + m")
    device.sql("insert into goods values ('c', 9, 'Z', 3)")
    fleet.hub("update goods set n = n + 10")
    fleet.settle()
    assert fleet.database.sql("select id, n, e, m from goods order by id") == [("a", 12, "X", 2), ("b", 13, "Y", 1), ("c", 9, "Z", 3)]
    fleet.assert_equal("goods")


def test_a_value_of_an_enum_that_is_renamed(fleet: Fleet) -> None:
    fleet.hub("create type mood as enum ('sad', 'ok')", "create table felt (id text primary key, m mood default 'ok')",
              "insert into felt values ('a', 'sad'), ('b', 'ok')")  # fmt: skip
    fleet.track("felt")
    device = fleet.device("device", "felt")
    device.sql("insert into felt values ('c', 'ok')")
    fleet.hub("alter type mood rename value 'ok' to 'fine'")
    assert device.sync()["rejected"] == 1  # what it wrote before it heard of the new name
    assert device.rows("felt", "id, m") == [("a", "sad"), ("b", "fine"), ("c", "ok")]
    device.sql("update felt set m = 'fine' where id = 'c'")
    fleet.settle()
    fleet.assert_equal("felt")


def test_what_was_written_without_a_trigger_is_loaded_once_it_is_back(shop: Fleet, till: Device) -> None:
    with pytest.raises(Exception, match="needs its trigger"):
        shop.hub("drop trigger tidemark_update on products")
    shop.hub("alter event trigger tidemark_after_drop disable", "drop trigger tidemark_update on products",
             "alter event trigger tidemark_after_drop enable always", "update products set name = 'missed' where id = 'a'")  # fmt: skip
    till.sql("update products set stock = 1 where id = 'a'")
    shop.track("products")
    shop.settle()
    assert till.rows("products", "id, name, stock") == [("a", "missed", 1), ("b", "bread", 6)]
    shop.assert_equal("products")


def test_a_policy_reaches_devices_and_goes_again(shop: Fleet, till: Device) -> None:
    def policies() -> tuple:
        return till.sql("select policies, deletes from tidemark_tables where table_name = 'products'")[0]

    shop.hub("select tidemark.policy('products', 'stock', 'sum')", "select tidemark.policy('products', 'update_wins')")
    till.sync()
    assert policies() == ('{"stock":"sum"}', "update_wins")
    assert till.value("select tidemark_policy('products', 'NAME', 'device')") == '{"name":"device","stock":"sum"}'
    assert till.value("select tidemark_policy('products', 'stock', 'latest')") == '{"name":"device"}'
    assert till.value("select tidemark_policy('products', 'stock', null)") == '{"name":"device","stock":"sum"}'
    till.sql("select tidemark_policy('products', null, 'delete_wins')")
    assert policies()[1] == "delete_wins"
    shop.hub("alter table products alter column stock type text")
    till.sync()
    assert json.loads(policies()[0]) == {"name": "device"}  # a text cannot be summed
    shop.hub("select tidemark.policy('products', 'stock', null)", "select tidemark.policy('products', null::text)")
    till.sql("select tidemark_policy('products', null, null)")
    till.sync()
    assert policies() == ('{"name":"device"}', "delete_wins")


def test_policies_hold_again_when_their_table_is_tracked_again(shop: Fleet, till: Device) -> None:
    shop.hub("select tidemark.policy('products', 'stock', 'sum')", "select tidemark.policy('products', 'update_wins')")
    till.sync()
    till.sql("update products set stock = stock - 1 where id = 'a'")
    shop.hub("select tidemark.untrack('products')", "update products set stock = 9 where id = 'a'")
    shop.track("products")
    shop.settle()
    assert till.sql("select policies, deletes from tidemark_tables where table_name = 'products'") == [('{"stock":"sum"}', "update_wins")]
    assert shop.database.value("select stock from products where id = 'a'") == 8
    shop.assert_equal("products")


def test_what_is_said_of_a_column_counts_more_than_what_is_said_of_its_table(shop: Fleet, till: Device) -> None:
    def in_force() -> tuple:
        policies, deletes = till.sql("select policies, deletes from tidemark_tables where table_name = 'products'")[0]
        return json.loads(policies or "{}"), deletes

    shop.database.sql("select tidemark.policy('products', 'stock', 'sum'), tidemark.policy('products', 'price', 'latest')")
    shop.database.sql("select tidemark.policy('products', 'hub'), tidemark.policy('products', 'update_wins')")
    till.sync()
    assert in_force() == ({"name": "hub", "stock": "sum"}, "update_wins")
    till.sql("select tidemark_policy('products', null, 'device')")
    assert in_force() == ({"name": "device", "stock": "sum"}, "update_wins")
    till.sql("select tidemark_policy('products', null, 'delete_wins')")
    till.sql("select tidemark_policy('products', 'stock', 'max')")
    assert in_force() == ({"name": "device", "stock": "max"}, "delete_wins")
    till.sql("select tidemark_policy('products', null, null)")
    assert in_force() == ({"name": "hub", "stock": "max"}, "update_wins")
    till.sql("select tidemark_policy('products', 'stock', null)")
    assert in_force() == ({"name": "hub", "stock": "sum"}, "update_wins")


def test_a_table_that_is_untracked_while_it_is_to_be_loaded(shop: Fleet, till: Device) -> None:
    shop.hub("alter table products add column colour text")
    till.sync()
    till.sql("alter table products add column colour text")
    shop.database.sql("select tidemark.untrack('products')")
    till.sql("insert into other values ('till', 'x')")
    till.sync()
    assert problem(till) == ("refused", 'the hub does not track a table "products"')
    shop.assert_equal("other")


def test_what_was_written_while_triggers_were_missing_is_listed(shop: Fleet, till: Device) -> None:
    """A migration that rebuilds the table takes its triggers away."""
    shop.hub("insert into products values ('c', 'cake', 3, 7), ('d', 'dates', 4, 8)")
    till.sync()
    till.sql("update products set name = 'logged' where id = 'a'")
    for statement in ("create table rebuilt (id text primary key, name text, price text, stock integer)",
                      "insert into rebuilt select * from products", "drop table products",
                      "alter table rebuilt rename to products", "update products set name = 'not logged' where id = 'b'",
                      "insert into products values ('e', 'eggs', 5, 9)", "delete from products where id = 'd'"):  # fmt: skip
        till.plain_sql(statement)
    shop.hub("update products set stock = 1 where id = 'c'", "delete from products where id = 'b'", "insert into products values ('b', 'bread', 2, 6)")
    till.sync()
    till.sync()
    shop.assert_equal("products")
    assert till.rows("products", "id, name") == [("a", "logged"), ("b", "bread"), ("c", "cake"), ("d", "dates")]
    assert problem(till) == ("ready", None)
    listed = till.sql("select kind, json_extract(mine, '$.name'), message like '%triggers%' from tidemark_conflicts order by key")
    assert listed == [("lost", "eggs", 1)]  # b came whole from the hub, after its own delete


@pytest.mark.parametrize("refused", [False, True])
def test_a_table_that_is_made_anew_and_empty_deletes_nothing_on_the_hub(shop: Fleet, till: Device, refused: bool) -> None:
    shop.hub("insert into products values ('c', 'cake', 3, 7)", "alter table products add check (price >= 0)")
    till.sync()
    till.sql("update products set name = 'changed', price = ? where id = 'a'", ["-1" if refused else "2"])
    if refused:
        till.sync()
    till.sql("insert into products values ('n', 'new', '1', 1)")
    till.sql("delete from products where id = 'c'")
    for statement in ("drop table products", "create table products (id text primary key, name text, price text, stock integer)"):
        till.plain_sql(statement)
    till.sync()
    till.sync()
    shop.assert_equal("products")
    assert till.rows("products", "id, name") == [("a", "apple"), ("b", "bread")]
    assert till.sql("select key, hint is not null from tidemark_conflicts where kind = 'lost' order by key") == [('["a"]', 1), ('["n"]', 1)]
    assert till.sql("select * from tidemark_conflicts where kind = 'reject' and state in ('open', 'waiting')") == []
    assert till.pending() == []


def test_a_row_changed_while_triggers_were_missing(shop: Fleet, till: Device) -> None:
    till.sql("drop trigger tidemark_update_1")
    till.sql("update products set name = 'not logged' where id = 'b'")
    till.sync()
    shop.assert_equal("products")
    ((kind, mine, theirs),) = till.sql("select kind, json_extract(mine, '$.name'), json_extract(theirs, '$.name') from tidemark_conflicts")
    assert (kind, mine, theirs) == ("lost", "not logged", "bread")
    till.sql("select tidemark_resolve(1, 'mine')")
    shop.settle()
    shop.assert_equal("products")
    assert till.rows("products", "name") == [("apple",), ("not logged",)]


def test_a_row_that_is_pending_and_changed_while_triggers_were_missing(shop: Fleet, till: Device) -> None:
    """Of the column that is pending nothing is listed, of the other one the row is."""
    till.sql("update products set stock = 1 where id in ('a', 'b')")
    till.sql("drop trigger tidemark_update_1")
    till.sql("update products set name = 'not logged' where id = 'b'")
    till.sync()
    shop.settle()
    shop.assert_equal("products")
    assert till.rows("products", "name, stock") == [("apple", 1), ("bread", 1)]
    assert till.sql("select key, json_extract(mine, '$.name') from tidemark_conflicts") == [('["b"]', "not logged")]


def test_a_table_that_is_made_anew_while_the_old_one_is_kept(shop: Fleet, till: Device) -> None:
    """The triggers go with the old one, and what is written to the new one is not logged."""
    till.sql("update products set stock = 1 where id = 'a'")
    for statement in ("alter table products rename to old_products", "create table products (id text primary key, name text, price text, stock integer)",
                      "insert into products select * from old_products", "update products set name = 'not logged' where id = 'a'",
                      "insert into products values ('new', 'not logged', '1', 1)", "delete from products where id = 'b'"):  # fmt: skip
        till.plain_sql(statement)
    till.sync()
    till.sync()
    shop.assert_equal("products")
    assert till.rows("products", "id, name, stock") == [("a", "apple", 1), ("b", "bread", 6)]
    listed = till.sql("select kind, key, json_extract(mine, '$.name') from tidemark_conflicts order by key")
    assert listed == [("lost", '["a"]', "not logged"), ("lost", '["new"]', "not logged")]
    till.sql("update products set name = 'logged' where id = 'a'")
    till.sql("update old_products set name = 'no concern of ours'")
    assert till.pending() == [("products", '["a"]', "update", "pending")]
    shop.settle()
    shop.assert_equal("products")


@pytest.mark.parametrize(("statements", "listed"), [
    (("rename column name to former", "add column name text"), [None, "mine"]),
    (("rename column name to former", "rename column price to name", "rename column former to price"), ["1.00", "2.00"]),
], ids=["added", "swapped"])  # fmt: skip
def test_a_column_that_has_got_the_name_of_another_on_the_device(
    shop: Fleet, till: Device, statements: tuple[str, ...], listed: list
) -> None:
    """The trigger follows the column that is renamed, and tells nothing of the other one."""
    for statement in statements:
        till.plain_sql(f"alter table products {statement}")
    if "mine" in listed:
        till.plain_sql("update products set name = 'mine' where id = 'b'")
    till.sync()
    till.sync()
    shop.assert_equal("products")
    assert problem(till)[0] == "ready"
    assert till.rows("products", "id, name, price") == [("a", "apple", "1.00"), ("b", "bread", "2.00")]
    assert till.sql("select kind, json_extract(mine, '$.name') from tidemark_conflicts order by key") == [("lost", name) for name in listed]
    till.sql("update products set name = 'logged' where id = 'b'")
    shop.settle()
    shop.assert_equal("products")
    assert shop.database.value("select name from products where id = 'b'") == "logged"


def test_a_column_that_is_renamed_on_the_device_and_back(shop: Fleet, till: Device) -> None:
    """The triggers have followed it all the way: nothing is loaded again."""
    till.plain_sql("alter table products rename column name to title")
    till.plain_sql("update products set title = 'logged' where id = 'a'")
    till.plain_sql("alter table products rename column title to name")
    report = till.sync()
    assert (report["pulled"], report["pushed"]) == (0, 1)
    shop.assert_equal("products")
    assert till.sql("select * from tidemark_conflicts") == []


def test_a_table_that_is_renamed_on_the_device(shop: Fleet, till: Device) -> None:
    till.sql("update products set name = 'before' where id = 'a'")
    till.sql("alter table products rename to goods")
    till.sql("update goods set name = 'after' where id = 'b'")
    till.sync()
    state, why = problem(till)
    assert state == "refused" and why.startswith('table "products" is now named "goods": rename it back, or')
    others_go_on(shop, till)
    till.sql("alter table goods rename to products")
    shop.settle()
    shop.assert_equal("products")
    assert till.rows("products", "name") == [("after",), ("before",)]
    assert till.sql("select * from tidemark_conflicts") == []


def test_a_column_of_the_key_in_another_case(fleet: Fleet) -> None:
    fleet.hub("create table things (id text primary key, name text)", "insert into things values ('a', 'A')")
    fleet.track("things")
    device = fleet.unconnected("device")
    device.sql("create table things (ID text primary key not null, Name text)")
    device.connect(fleet.bridge.url)
    device.track("things")
    device.sql("insert into things values ('b', 'B')")
    device.sql("update things set name = 'changed' where id = 'a'")
    assert device.sync()["rejected"] == 0
    fleet.settle()
    assert fleet.database.sql("select * from things order by id") == [("a", "changed"), ("b", "B")]


@pytest.mark.parametrize("pending", [True, False])
def test_a_column_of_the_key_that_is_renamed_on_the_device(shop: Fleet, till: Device, pending: bool) -> None:
    till.plain_sql("alter table products rename column id to sku")
    if pending:
        till.plain_sql("update products set stock = 50 where sku = 'a'")
    shop.hub("update products set stock = 60 where id = 'b'")
    till.sync()
    state, why = problem(till)
    assert state == "refused" and "sku" in why
    others_go_on(shop, till)
    till.plain_sql("alter table products rename column sku to id")
    till.sync()
    shop.settle()
    assert problem(till) == ("ready", None)
    shop.assert_equal("products")
    assert till.rows("products", "stock") == [(50 if pending else 5,), (60,)]


RENAMES = {"column": "alter table products rename column name to title", "table": "alter table products rename to goods"}


@pytest.mark.parametrize("statement", RENAMES.values(), ids=RENAMES)
def test_a_push_that_is_refused_after_its_table_was_made_another(shop: Fleet, statement: str) -> None:
    shop.hub("alter table products add check (price >= 0)")
    with FaultProxy(shop.bridge.port) as line:
        till = shop.device("till", "products", "other", url=line.url)
        till.sql("update products set price = '-1' where id = 'a'")
        line.next(*[Fault.LOSE_ANSWER] * 20, path="POST /v1/log")
        with pytest.raises(sqlite3.OperationalError):
            till.sync()
        line.heal()
        till.plain_sql(statement)
        others_go_on(shop, till)
        assert problem(till)[0] == "refused"
        ((kind, key, mine, state, hint),) = till.sql("select kind, key, mine, sqlstate, hint from tidemark_conflicts")
        assert (kind, key, state, "-1" in mine) == ("lost", '["a"]', "23514", True) and hint


@pytest.fixture
def many(fleet: Fleet) -> Fleet:
    fleet.hub("create table many (id text primary key, n integer, t text)",
              "insert into many select lpad(i::text, 4, '0'), i, repeat('x', 100) from generate_series(1, 100) i")  # fmt: skip
    fleet.track("many")
    return fleet


REBUILT = ("create table r (id text primary key, n integer, t text)", "insert into r select * from many", "drop table many",
           "alter table r rename to many")  # fmt: skip


@pytest.mark.parametrize("what", ["a refusal is settled", "the triggers are gone", "the hub makes it another"])
def test_a_half_loaded_table_is_loaded_from_its_beginning(many: Fleet, tmp_path: Path, what: str) -> None:
    """Rows that came before count as there: none is taken for lost, and none that the hub deletes meanwhile stays."""
    refused = what == "a refusal is settled"
    with Bridge(many.database.bridge_dsn(), tmp_path / "small.log", ("--page-bytes", "2000")) as small, FaultProxy(small.port) as line:
        till = many.unconnected("till")
        till.sql(f"create table many (id text primary key, n integer {'check (n <> 3)' if refused else ''}, t text)")
        till.connect(line.url)
        if what == "the hub makes it another":
            till.track("many")
            many.hub("select tidemark.new_epoch()")
        line.next(*[Fault.NONE] * 3, *[Fault.LOSE_ANSWER] * 20, path="GET /v1/tables/many/rows")
        with pytest.raises(sqlite3.OperationalError):
            till.sync() if what == "the hub makes it another" else till.track("many")
        line.heal()
        if refused:
            till.sql("select tidemark_resolve(1, 'theirs')")
        elif what == "the triggers are gone":
            for statement in REBUILT:
                till.plain_sql(statement)
        else:
            many.hub("alter table many alter column n type text")
            till.connect(line.url)
            with pytest.raises(sqlite3.OperationalError):
                till.track("nowhere")  # asks for the tables, and hears of it
            many.hub("delete from many where id = '0001'", "alter table many alter column n type integer using n::integer")
        till.sync()
        till.sync()
        assert till.sql("select key from tidemark_conflicts where kind = 'lost'") == ([('["0001"]',)] if "hub" in what else [])
        if refused:
            assert till.value("select count(*) from many") == 99
        else:
            many.assert_equal("many")


def test_a_column_is_gained_while_the_table_is_loaded_for_the_first_time(shop: Fleet, tmp_path: Path) -> None:
    """The load begins anew, and what was deleted on the hub meanwhile goes here too."""
    shop.hub("insert into products select 'row ' || i, repeat('x', 100), 1, 1 from generate_series(1, 100) i")
    with Bridge(shop.database.bridge_dsn(), tmp_path / "log", ("--page-bytes", "2000")) as small, FaultProxy(small.port) as line:
        device = shop.unconnected("device")
        device.connect(line.url)
        line.next(*[Fault.NONE] * 2, *[Fault.LOSE_ANSWER] * 20, path="GET /v1/tables/products/rows")
        with pytest.raises(sqlite3.OperationalError, match="no answer"):
            device.track("products")
        assert problem(device)[0] == "loading" and device.rows("products", "id")[0] == ("a",)
        device.sql("alter table products add column colour text")
        shop.hub("delete from products where id = 'a'", "alter table products add column colour text default 'red'")
        line.heal()
        device.sync()
        shop.assert_equal("products", devices=[device])


def test_a_row_that_a_constraint_refused_goes_when_its_column_is_dropped(shop: Fleet, till: Device) -> None:
    shop.hub("alter table products add check (price > 0)")
    till.sql("insert into products values ('n', 'new', '-1', 9)")
    till.sql("update products set price = '-2', name = 'pear' where id = 'a'")
    assert till.sync()["rejected"] == 2
    shop.hub("alter table products drop column price")
    till.sync()
    assert till.pending() == []
    assert shop.database.sql("select id, name from products order by id") == [("a", "pear"), ("b", "bread"), ("n", "new")]


@pytest.mark.parametrize("was, now, value, mine", [
    ("integer", "text", "1", 7), ("integer", "double precision", "1", 7), ("integer", "numeric(10,3)", "1", 7),
    ("real", "double precision", "0.1", 0.7), ("numeric(10,2)", "double precision", "1.50", "7.25"),
    ("timestamp", "timestamptz", "'2026-01-01 10:00'", "2026-05-05 10:00:00.000000"),
    ("date", "timestamp", "'2026-01-01'", "2026-05-05"),
])  # fmt: skip
def test_a_pending_change_stays_when_its_column_gets_a_wider_type(fleet: Fleet, was: str, now: str, value: str, mine: object) -> None:
    """The new form of the old value is nobody's change."""
    fleet.hub(f"create table t (id text primary key, n {was})", f"insert into t values ('a', {value}), ('b', {value})")
    fleet.track("t")
    till = fleet.unconnected("till")
    till.sql("create table t (id text primary key not null, n)")
    till.connect(fleet.bridge.url)
    till.track("t")
    till.sql("update t set n = ? where id = 'a'", [mine])
    till.sql("delete from t where id = 'b'")
    fleet.hub(f"alter table t alter column n type {now}")
    assert till.sync()["pushed"] == 2
    assert till.conflicts() == []
    fleet.settle()
    fleet.assert_equal("t")
    assert fleet.database.sql(f"select id, n = %s::{now} from t", [str(mine)]) == [("a", True)]
