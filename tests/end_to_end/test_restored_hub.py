"""A hub that is put back to yesterday's backup: devices notice, load again, and lose nothing silently."""

import json
import sqlite3

import pytest

from support import Bridge, Device, Fault, FaultProxy, Fleet


@pytest.fixture
def shop(fleet: Fleet) -> Fleet:
    fleet.hub("create table products (id text primary key, name text, stock integer not null default 0)",
              "insert into products values ('a', 'apple', 10), ('b', 'bread', 10)")  # fmt: skip
    fleet.track("products")
    fleet.hub("select tidemark.policy('products', 'stock', 'sum')")
    return fleet


def as_admin(fleet: Fleet, *statements: str) -> None:
    fleet.bridge.stop()
    fleet.database.close()
    connection = fleet.database.cluster.connect("postgres")
    connection.autocommit = True
    for statement in statements:
        connection.cursor().execute(statement)
    connection.close()
    fleet.bridge.start()


def back_up(fleet: Fleet) -> None:
    name = fleet.database.name
    as_admin(fleet, f"create database {name}_backup template {name}")


def restore(fleet: Fleet) -> None:
    name = fleet.database.name
    as_admin(fleet, f"drop database {name} with (force)", f"alter database {name}_backup rename to {name}")


def lost(device: Device) -> list[tuple]:
    return device.sql("select key, json_extract(mine, '$.name') from tidemark_conflicts where kind = 'lost' and state = 'open' order by 1")


def grow(fleet: Fleet, commits: int) -> None:
    """The restored hub goes on, beyond what the devices have read of the other one."""
    for number in range(commits):
        fleet.hub(f"insert into products values ('new {number}', 'after the restore', 0)")


@pytest.mark.parametrize("grows", [False, True], ids=["shorter", "longer than before"])
def test_devices_load_again_and_keep_what_they_have(shop: Fleet, grows: bool) -> None:
    one, two = shop.device("one", "products"), shop.device("two", "products")
    shop.settle()
    back_up(shop)
    one.sql("insert into products values ('c', 'made after the backup', 3)")
    shop.hub("update products set name = 'Brot' where id = 'b'", "insert into products values ('d', 'by head office', 4)")
    shop.settle()
    two.sql("update products set name = 'Apfel' where id = 'a'")  # pending when the hub goes down
    two.sql("update products set name = 'C' where id = 'c'")
    two.sql("insert into products values ('e', 'only on two', 5)")
    restore(shop)
    if grows:
        grow(shop, 10)
        shop.hub("select tidemark.new_epoch()")  # nobody else could tell
    shop.settle()
    shop.assert_equal("products")
    names = dict(shop.database.sql("select id, name from products where id not like 'new%'"))
    assert names == {"a": "Apfel", "b": "bread", "c": "C", "e": "only on two"}
    assert lost(one) == [('["c"]', "made after the backup"), ('["d"]', "by head office")]
    assert lost(two) == [('["d"]', "by head office")]  # c was pending there, and is sent as a new row

    two.sql("select tidemark_resolve(id, 'mine') from tidemark_conflicts where kind = 'lost'")
    shop.settle()
    shop.assert_equal("products")
    assert shop.database.sql("select name from products where id = 'd'") == [("by head office",)]


def test_a_row_that_only_the_device_knows_tells_of_the_restore(shop: Fleet) -> None:
    """The restored hub has grown as long as it was, and nobody ran new_epoch(): the push tells."""
    one = shop.device("one", "products")
    shop.settle()
    back_up(shop)
    shop.hub("insert into products values ('c', 'forgotten', 1)", "insert into products values ('d', 'forgotten too', 1)")
    shop.settle()
    restore(shop)
    grow(shop, 2)
    one.sql("update products set name = 'still here' where id = 'c'")
    one.sync()
    shop.assert_equal("products")
    assert shop.database.sql("select name from products where id in ('c', 'd')") == [("still here",)]
    assert lost(one) == [('["d"]', "forgotten too")]


def test_a_push_that_the_hub_has_forgotten_tells_of_the_restore(shop: Fleet) -> None:
    one = shop.device("one", "products")
    shop.settle()
    identity = one.identity()
    back_up(shop)
    one.sql("insert into products values ('c', 'forgotten', 1)")
    shop.settle()
    restore(shop)
    grow(shop, 2)
    one.sql("update products set name = 'Apfel' where id = 'a'")
    one.sync()
    shop.assert_equal("products")
    assert lost(one) == [('["c"]', "forgotten")]
    assert one.identity() == identity


def push_without_an_answer(till: Device, line: FaultProxy, fault: Fault) -> None:
    line.next(*[fault] * 20, path="POST /v1/log")
    with pytest.raises(sqlite3.OperationalError):
        till.push()
    line.heal()


@pytest.mark.parametrize("sealed", [False, True], ids=["made after the restore", "sealed before it"])
def test_a_push_to_a_hub_that_has_grown_past_the_cursor(shop: Fleet, sealed: bool) -> None:
    """What the restored hub wrote is not after the cursor: only the epoch tells."""
    with FaultProxy(shop.bridge.port) as line:
        till = shop.device("till", "products", url=line.url)
        back_up(shop)
        grow(shop, 2)
        till.sync()
        till.sql("update products set name = 'mine' where id = 'a'")
        if sealed:
            push_without_an_answer(till, line, Fault.UNAVAILABLE)
        restore(shop)
        shop.hub("update products set name = 'theirs' where id = 'a'", "select tidemark.new_epoch()")
        grow(shop, 2)
        shop.database.sql("select tidemark.sequence()")
        till.push()
        assert till.sql("select key, column_name, mine, theirs from tidemark_conflicts where kind = 'update'") == [
            ('["a"]', "name", "mine", "theirs")]  # fmt: skip
        shop.settle()
        shop.assert_equal("products")


def test_a_push_that_was_taken_before_the_new_epoch_is_answered_after_it(shop: Fleet) -> None:
    with FaultProxy(shop.bridge.port) as line:
        till = shop.device("till", "products", url=line.url)
        till.sql("update products set stock = stock - 1 where id = 'a'")
        push_without_an_answer(till, line, Fault.LOSE_ANSWER)
        shop.hub("select tidemark.new_epoch()")
        assert till.sync()["pushed"] == 1
        shop.settle()
        shop.assert_equal("products")
    assert shop.database.value("select stock from products where id = 'a'") == 9


@pytest.mark.parametrize("backed_up", ["before the push", "after the push"])
def test_a_sum_is_counted_once(shop: Fleet, backed_up: str) -> None:
    """The push was accepted and not read back when the hub was restored: to before it, or to after it."""
    till = shop.device("till", "products")
    shop.settle()
    shop.hub("update products set name = 'Apfel' where id = 'a'")
    if backed_up == "before the push":
        shop.database.sql("select tidemark.sequence()")
        back_up(shop)
    till.sql("update products set stock = stock - 1 where id = 'a'")
    assert till.push()["pushed"] == 1
    till.sql("update products set stock = stock - 2 where id = 'a'")
    if backed_up == "after the push":
        back_up(shop)
    shop.hub("update products set stock = stock + 100 where id = 'b'")
    restore(shop)
    shop.hub("select tidemark.new_epoch()")
    shop.settle()
    shop.assert_equal("products")
    assert shop.database.sql("select id, stock from products order by id") == [("a", 7), ("b", 10)]


@pytest.mark.parametrize("has_new_epoch", [False, True])
def test_a_push_of_a_former_name_that_the_hub_has_forgotten_goes_again(shop: Fleet, has_new_epoch: bool) -> None:
    """It was accepted and not read back; the device connects anew, and to a hub that is restored to before it."""
    till = shop.device("till", "products")
    shop.settle()
    shop.database.sql("select tidemark.sequence()")
    back_up(shop)
    till.sql("update products set stock = stock - 1 where id = 'a'")
    till.sql("insert into products values ('c', 'new', 1)")
    assert till.push()["pushed"] == 2
    till.sql("select tidemark_disconnect()")
    restore(shop)
    if has_new_epoch:
        shop.hub("select tidemark.new_epoch()")
    till.connect(shop.bridge.url)
    shop.settle()
    shop.assert_equal("products")
    assert shop.database.sql("select id, stock from products order by id") == [("a", 9), ("b", 10), ("c", 1)]


def test_a_device_that_enrolled_after_the_backup(shop: Fleet) -> None:
    """The restored hub does not know its token: it says so, and connecting again keeps what is pending."""
    back_up(shop)
    till = shop.device("till", "products")
    till.sql("insert into products values ('c', 'pending', 1)")
    restore(shop)
    with pytest.raises(Exception, match="unauthorized"):
        till.sync()
    assert [row[3] for row in till.pending()] == ["pending"]
    till.connect(shop.bridge.url)
    shop.settle()
    shop.assert_equal("products")
    assert ("c", "pending", 1) in till.rows("products")


def test_the_bridge_goes_on(shop: Fleet) -> None:
    """A restart of PostgreSQL alone is no restore: nothing is loaded again."""
    till = shop.device("till", "products")
    shop.settle()
    epoch = till.status()["epoch"]
    shop.database.close()
    shop.database.cluster.restart()
    shop.bridge.restart()
    assert isinstance(shop.bridge, Bridge)
    shop.hub("update products set name = 'x'")
    assert till.sync()["pulled"] == 2
    assert till.status()["epoch"] == epoch
    assert json.loads(till.value("select tidemark_check()")) == []


def test_a_device_that_the_backup_does_not_know_enrols_again_and_loads_first(shop: Fleet) -> None:
    """A table that is to be loaded, here for a new column, is asked for before the log that would tell."""
    back_up(shop)
    till = shop.device("till", "products")
    shop.hub("update products set name = 'Brot' where id = 'b'")
    till.sync()
    till.sql("update products set name = 'Apfel' where id = 'a'")
    restore(shop)
    shop.hub("select tidemark.new_epoch()", "alter table products add column note text")
    till.plain_sql("alter table products add column note text")
    with pytest.raises(Exception, match="unknown token"):
        till.sync()
    till.connect(shop.bridge.url)
    till.sync()
    shop.settle()
    assert shop.database.value("select name from products where id = 'a'") == "Apfel"
    shop.assert_equal("products")
