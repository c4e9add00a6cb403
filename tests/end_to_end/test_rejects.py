"""What the hub refuses: it stays, is listed on both sides, waits with what depends on it, and goes when it can."""

import json
import sqlite3

import pytest

from conformance import later
from support import Device, Fleet

SCHEMA = (
    "create table categories (id text primary key, parent text references categories, name text unique check (name <> ''))",
    "create table products (id text primary key, category text references categories, price numeric(10,2) check (price >= 0))",
    "create table stock (shop text, product text references products, quantity integer, primary key (shop, product))",
)


@pytest.fixture
def shop(fleet: Fleet) -> Fleet:
    fleet.hub(*SCHEMA)
    fleet.track("categories", "products", "stock")
    return fleet


@pytest.fixture
def till(shop: Fleet) -> Device:
    return shop.device("till", "categories", "products", "stock")


def states(device: Device) -> list[tuple]:
    return device.sql("select table_name, json_extract(key, '$[0]'), state from tidemark_pending order by 1, 2")


def open_rejects(device: Device) -> dict[str, int]:
    return dict(device.sql("select key, id from tidemark_conflicts where kind = 'reject' and state in ('open', 'waiting')"))


def test_a_reject_is_listed_on_both_sides(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('p', null, -1)")
    assert till.sync()["rejected"] == 1
    assert till.sql("select sqlstate, state, message like '%violates check constraint%' from tidemark_conflicts") == [
        ("23514", "open", 1)
    ]
    rows = shop.database.sql("select user_name, table_name, key, sqlstate, push from tidemark.rejects")
    assert rows == [("till", "products", ["p"], "23514", 1)]
    assert till.sync() | {"bytes_in": 0} == {"pulled": 0, "pushed": 0, "conflicts": 0, "rejected": 0, "cursor": "1",
                                             "bytes_in": 0, "bytes_out": 0}  # fmt: skip
    assert till.rows("products") == [("p", None, "-1")]

    till.sql("update products set price = 1 where id = 'p'")
    assert till.sync()["pushed"] == 1
    assert shop.database.sql("select * from tidemark.rejects") == []
    shop.settle()
    shop.assert_equal("products")


@pytest.mark.parametrize("hub", ["category = 'c'", "price = 3"], ids=["another column", "the same column"])
def test_a_refused_row_that_was_corrected_goes_also_if_the_hub_has_changed_it(shop: Fleet, till: Device, hub: str) -> None:
    shop.hub("insert into categories values ('c', null, 'c')", "insert into products values ('p', null, 1)")
    till.sync()
    till.sql("update products set price = -1 where id = 'p'")
    assert till.sync()["rejected"] == 1
    shop.hub(f"update products set {hub} where id = 'p'")
    later()
    till.sql("update products set price = 2 where id = 'p'")
    assert till.sync()["pushed"] == 1
    assert till.pending() == [] and open_rejects(till) == {}
    assert shop.database.value("select price from products") == 2
    shop.settle()
    shop.assert_equal("products")


def test_a_refused_row_that_a_change_of_the_hub_makes_another_goes_again(shop: Fleet, till: Device) -> None:
    """A sum that was too little is enough once more has come; what the hub leaves as it was is not asked for again."""
    shop.hub("alter table stock add check (quantity >= 0)", "select tidemark.policy('stock', 'quantity', 'sum')",
             "insert into products values ('p', null, 1)", "insert into stock values ('s', 'p', 1), ('t', 'p', 1)")  # fmt: skip
    shop.database.sql("alter table stock add column note text")
    till.sql("alter table stock add column note text")
    till.sync()
    till.sql("update stock set quantity = quantity - 3")
    assert till.sync()["rejected"] == 2
    shop.hub("update stock set quantity = 6 where shop = 's'", "update stock set note = 'n' where shop = 't'")
    assert [till.sync()["pushed"], till.sync()["rejected"]] == [1, 0]
    assert till.rows("stock") == [("s", "p", 3, None), ("t", "p", -2, "n")]
    assert states(till) == [("stock", "t", "rejected")] and list(open_rejects(till)) == ['["t","p"]']
    assert shop.database.sql("select quantity from stock order by shop") == [(3,), (1,)]


def test_what_refers_to_a_rejected_row_waits_and_goes_with_it(shop: Fleet, till: Device) -> None:
    till.sql("insert into categories values ('c', null, '')")
    till.sql("insert into products values ('p', 'c', 1)")
    till.sql("insert into stock values ('s', 'p', 5)")
    till.sql("insert into products values ('q', null, 1)")
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (1, 3)
    assert states(till) == [("categories", "c", "rejected"), ("products", "p", "waiting"), ("stock", "s", "waiting")]
    rejects = open_rejects(till)
    category, product = rejects['["c"]'], rejects['["p"]']
    hint = till.value("select hint from tidemark_conflicts where id = ?", [product])
    assert hint == f'It waits for row ["c"] of "categories" (conflict {category}), and goes when that goes.'
    assert till.status()["waiting"] == 2
    assert till.sync()["bytes_out"] == 0  # nothing is sent again

    till.sql("update categories set name = 'Tea' where id = 'c'")
    assert till.sync()["pushed"] == 3
    assert states(till) == []
    shop.settle()
    shop.assert_equal("categories", "products", "stock")
    assert shop.database.sql("select shop, product, quantity from stock") == [("s", "p", 5)]


def test_a_row_of_the_same_table_waits(shop: Fleet, till: Device) -> None:
    till.sql("insert into categories values ('b', null, '')")
    till.sql("insert into categories values ('a', 'b', 'child')")
    till.sync()
    assert states(till) == [("categories", "a", "waiting"), ("categories", "b", "rejected")]
    till.sql("update categories set name = 'parent' where id = 'b'")
    assert till.sync()["pushed"] == 2
    shop.settle()
    shop.assert_equal("categories")
    assert states(till) == []


def test_a_child_written_after_its_parent_was_rejected(shop: Fleet, till: Device) -> None:
    till.sql("insert into categories values ('c', null, '')")
    till.sync()
    till.sql("insert into products values ('p', 'c', 1)")
    till.sync()
    assert states(till) == [("categories", "c", "rejected"), ("products", "p", "waiting")]


def test_a_parent_that_is_given_up(shop: Fleet, till: Device) -> None:
    """The child then is refused for itself, and dangles."""
    till.sql("insert into categories values ('c', null, '')")
    till.sql("insert into products values ('p', 'c', 1)")
    till.sync()
    till.sql("select tidemark_resolve(?, 'theirs')", [open_rejects(till)['["c"]']])
    till.sync()
    assert till.rows("categories") == []
    assert states(till) == [("products", "p", "rejected")]
    till.sql("update products set category = null where id = 'p'")
    shop.settle()
    shop.assert_equal("products")
    assert states(till) == []


def test_retry_and_theirs(shop: Fleet, till: Device) -> None:
    shop.hub("insert into products values ('p', null, 5)")
    till.sync()
    till.sql("update products set price = -1 where id = 'p'")
    till.sync()
    (reject,) = open_rejects(till).values()
    till.sql("select tidemark_retry(?)", [reject])
    assert till.sync()["rejected"] == 1
    (reject,) = open_rejects(till).values()
    with pytest.raises(sqlite3.Error, match="still in the table"):
        till.sql("select tidemark_dismiss(?)", [reject])
    till.sql("select tidemark_resolve(?, 'theirs')", [reject])
    assert till.rows("products") == [("p", None, "5.00")]
    shop.settle()
    shop.assert_equal("products")


def test_one_bad_row_in_ten_thousand(shop: Fleet, till: Device) -> None:
    till.sql("with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)"
             " insert into products select 'p' || i, null, case i when 7777 then -1 else i end from n")  # fmt: skip
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (9999, 1)
    assert shop.database.sql("select count(*), count(distinct push) from tidemark.log where device is not null") == [(9999, 1)]
    assert json.loads(till.value("select key from tidemark_conflicts")) == ["p7777"]


BAD_ROWS = {"check": ("c", "x", -1), "foreign key": ("nowhere", "x", 1), "unique": ("c", "n5", 1)}


@pytest.mark.parametrize("refers_to_itself", [False, True], ids=["", "refers to itself"])
@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS)
def test_the_good_rows_are_not_written_again_for_a_bad_one(fleet: Fleet, bad: tuple, refers_to_itself: bool) -> None:
    parents = "items" if refers_to_itself else "parents"
    fleet.hub("create table parents (id text primary key)", "insert into parents values ('c')",
              f"create table items (id text primary key, parent text references {parents}, name text,"
              " price integer check (price >= 0))", "insert into items values ('c', null, 'c', 0)")  # fmt: skip
    fleet.track("parents", "items")
    till = fleet.device("till", "items")
    fleet.hub("alter table items add unique (name)",  # which the device does not have
              "create sequence tried",
              "create function count_tried() returns trigger language plpgsql as $$ begin perform nextval('tried'); return new; end; $$",
              "create trigger count_tried before insert on items for each row execute function count_tried()")  # fmt: skip
    till.sql("with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)"
             " insert into items select 'p' || i, case when ? and i % 10 then 'p' || (i - i % 10 + 10) else 'c' end, 'n' || i, i"
             " from n where i <> 7777", [refers_to_itself])  # fmt: skip
    till.sql("insert into items values ('p7777', ?, ?, ?)", bad)
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (9999, 1)
    assert fleet.database.sql("select last_value < 12000 from tried") == [(True,)]  # a sequence counts what is rolled back


# -- rows that refer to rows that are not there ---------------------------------------------------------------


def dangling(device: Device) -> list[tuple]:
    return device.sql("select table_name, key, column_name, mine, state, message, hint from tidemark_conflicts"
                      " where kind = 'dangling' order by id")  # fmt: skip


def test_a_parent_deleted_at_head_office_while_a_shop_adds_a_child(shop: Fleet, till: Device) -> None:
    shop.hub("insert into categories values ('c', null, 'Tea')")
    till.sync()
    shop.hub("delete from categories")
    till.sql("insert into products values ('p', 'c', 1)")
    assert till.sync()["rejected"] == 1
    assert dangling(till) == [
        ("products", '["p"]', "category", "c", "open", 'refers to row ["c"] of "categories", which is not there',
         'Insert that row into "categories", give "category" another value, or delete the row.')
    ]  # fmt: skip
    (found,) = json.loads(till.value("select tidemark_check()"))
    assert (found["table"], found["key"], found["parent"], found["parent_key"]) == ("products", ["p"], "categories", ["c"])
    with pytest.raises(sqlite3.Error, match="refers to a row that is not there"):
        till.sql("select tidemark_resolve(max(id), 'mine') from tidemark_conflicts where kind = 'dangling'")

    till.sql("insert into categories values ('c', null, 'Tea again')")
    till.sql("select tidemark_retry(id) from tidemark_conflicts where kind = 'reject'")
    shop.settle()
    shop.assert_equal("categories", "products")
    assert [row[4] for row in dangling(till)] == ["resolved"]
    assert till.value("select tidemark_check()") == "[]"


@pytest.mark.parametrize("drop", [False, True])
def test_a_reject_of_a_table_that_is_not_tracked_any_more(shop: Fleet, till: Device, drop: bool) -> None:
    till.sql("insert into products values ('p', null, -1)")
    till.sync()
    if drop:
        till.sql("drop table products")
        till.sync()
    else:
        till.sql("select tidemark_untrack('products', '{\"discard\":true}')")
        till.sql("delete from products")
    for choice in ("tidemark_resolve(1, 'theirs')", "tidemark_retry(1)"):
        with pytest.raises(sqlite3.Error, match="not tracked any more. Hint: Run tidemark_dismiss"):
            till.sql(f"select {choice}")
    till.sql("select tidemark_dismiss(1)")


def test_a_reject_from_before_the_table_was_tracked_anew_holds_nothing_back(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('p', null, -1)")
    till.sync()
    till.sql("select tidemark_untrack('products', '{\"discard\":true}')")
    till.sql("delete from products")
    till.track("products")
    for number in range(5):
        till.sql("insert into products values (?, null, 1)", [f"q{number}"])
    till.sync()
    assert states(till) == []
    shop.assert_equal("products")
    assert till.sql("select state from tidemark_conflicts") == [("open",)]


@pytest.mark.parametrize("at_head_office", [False, True])
def test_the_remedy_is_enough(shop: Fleet, till: Device, at_head_office: bool) -> None:
    """Once the row is there that the other refers to, that one goes, and what waits for it."""
    till.sql("insert into products values ('p', 'c', 1)")
    till.sql("insert into stock values ('s', 'p', 5)")
    assert till.sync()["rejected"] == 2
    assert "Insert that row" in dangling(till)[0][-1]
    if at_head_office:
        shop.hub("insert into categories values ('c', null, 'Tea')")
    else:
        till.sql("insert into categories values ('c', null, 'Tea')")
    assert till.sync()["rejected"] == 0
    assert states(till) == []
    assert open_rejects(till) == {}
    assert [row[4] for row in dangling(till)] == ["resolved"]
    shop.assert_equal("categories", "products", "stock")


def test_the_remedy_where_this_device_has_refused_the_parent(fleet: Fleet) -> None:
    """To insert it here would be to write over the hub's."""
    fleet.hub(*SCHEMA[:2])
    fleet.track("categories", "products")
    till = fleet.unconnected("till")
    till.sql("create table categories (id text primary key not null, parent text, name text check (length(name) < 5))")
    till.connect(fleet.bridge.url)
    till.track("categories", "products")
    fleet.hub("insert into categories values ('c', null, 'Coffee')", "insert into products values ('p', 'c', 1)")
    till.sync()
    (found,) = json.loads(till.value("select tidemark_check()"))
    assert found["remedy"] == "The hub has that row, and a constraint of this database refuses it: see the hint of conflict 1."
    fleet.hub("update categories set name = 'Tea'")
    till.sql("select tidemark_resolve(1, 'theirs')")
    till.sync()
    assert till.value("select tidemark_check()") == "[]"


def test_a_dismissed_one_is_not_listed_again(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('p', 'nowhere', 1)")
    till.sync()
    till.sql("select tidemark_dismiss(id) from tidemark_conflicts where kind = 'dangling'")
    till.sync()
    assert [row[4] for row in dangling(till)] == ["dismissed"]


def test_a_cascade_on_the_hub(shop: Fleet, till: Device) -> None:
    shop.hub("alter table stock drop constraint stock_product_fkey",
             "alter table stock add foreign key (product) references products on delete cascade",
             "insert into products values ('p', null, 1)", "insert into stock values ('s', 'p', 1)")  # fmt: skip
    till.sync()
    till.sql("update stock set quantity = 2")
    shop.hub("delete from products")
    shop.settle()
    shop.assert_equal("products", "stock")
    assert till.sql("select table_name, kind from tidemark_conflicts") == [("stock", "delete")]
    assert dangling(till) == []


def test_settled_conflicts_are_kept_for_a_time(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('p', null, -1)")
    till.sync()
    till.sql("insert into products values ('q', 'nowhere', 1)")
    till.sync()
    till.sql("select tidemark_dismiss(id) from tidemark_conflicts where kind = 'dangling'")
    assert till.value("select tidemark_configure('keep_conflicts', 0)") == '{"keep_conflicts":0}'
    till.sync()
    assert till.sql("select kind, state from tidemark_conflicts") == [("reject", "open"), ("reject", "open")]
    assert till.value("select tidemark_configure('keep_conflicts', null)") == '{"keep_conflicts":90}'
    for wrong in (-1, "many", 1.5):
        with pytest.raises(sqlite3.Error, match="whole number of days"):
            till.sql("select tidemark_configure('keep_conflicts', ?)", [wrong])


@pytest.mark.parametrize("with_product", [False, True])
def test_rows_that_refer_to_each_other_go_together(shop: Fleet, till: Device, with_product: bool) -> None:
    """The one was refused for want of its parent, and now its parent is a row that waits for it."""
    till.sql("insert into categories values ('a', 'nowhere', 'A')")
    if with_product:
        till.sql("insert into products values ('p', 'a', 1)")
    till.sync()
    till.sql("insert into categories values ('b', 'a', 'B')")
    till.sync()
    till.sql("update categories set parent = 'b' where id = 'a'")
    till.sync()
    assert shop.database.sql("select id, parent from categories order by id") == [("a", "b"), ("b", "a")]
    assert states(till) == []
    shop.assert_equal("categories", "products")


def test_a_row_that_is_released_while_another_push_is_read_back(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('p', null, -1)")
    till.sync()
    till.sql("insert into products values ('q', null, 1)")
    till.push()  # accepted, and not read back
    till.sql("select tidemark_retry(?)", [open_rejects(till)['["p"]']])
    assert states(till) == [("products", "p", "pending"), ("products", "q", "accepted")]
    till.sync()
    assert states(till) == [("products", "p", "rejected")]
    shop.hub("alter table products drop constraint products_price_check")
    till.sql("select tidemark_retry(?)", [open_rejects(till)['["p"]']])
    till.sync()
    assert states(till) == []
    shop.assert_equal("products")


def test_a_reject_ends_when_its_row_comes_from_the_hub(shop: Fleet, till: Device) -> None:
    till.sql("insert into categories values ('c', null, '')")
    till.sql("insert into products values ('p', 'c', 1)")
    till.sync()
    shop.hub("insert into categories values ('c', null, 'good')")
    till.sync()  # what waited for it goes now
    shop.settle()
    shop.assert_equal("categories", "products")
    assert till.sql(
        "select kind, state, (select count(*) from tidemark_pending) from tidemark_conflicts where table_name = 'categories'"
    ) == [("reject", "resolved", 0), ("update", "open", 0)]
    assert till.rows("products") == [("p", "c", "1.00")]
    assert open_rejects(till) == {}


@pytest.mark.parametrize("statement", ["delete from categories where id = 'c'", "update categories set parent = null where id = 'd'"])
def test_a_reject_ends_when_the_person_takes_the_change_back(shop: Fleet, till: Device, statement: str) -> None:
    shop.hub("insert into categories values ('d', null, 'old')")
    till.sync()
    till.sql("insert into categories values ('c', null, '')")
    till.sql("insert into products values ('p', 'c', 1)")
    till.sql("update categories set parent = 'nowhere' where id = 'd'")
    till.sync()
    assert set(open_rejects(till)) == {'["c"]', '["d"]', '["p"]'}
    till.sql(statement)
    till.sync()
    key = '["c"]' if "delete" in statement else '["d"]'
    assert till.sql("select state from tidemark_conflicts where key = ? and kind = 'reject'", [key]) == [("resolved",)]
    waits = till.value("select state from tidemark_conflicts where key = '[\"p\"]' and kind = 'reject' order by id desc")
    assert waits == ("open" if "delete" in statement else "waiting")  # sent again, and refused for its own sake


def test_a_reject_ends_when_the_hub_deletes_the_row(shop: Fleet, till: Device) -> None:
    shop.hub("insert into categories values ('d', null, 'old')")
    till.sync()
    till.sql("update categories set name = '' where id = 'd'")
    till.sync()
    shop.hub("delete from categories where id = 'd'")
    till.sync()
    assert open_rejects(till) == {}
    shop.settle()
    shop.assert_equal("categories")


@pytest.mark.parametrize("column, bad", [("price", "'99999999999'"), ("category", "'nowhere'")])
def test_what_a_policys_expression_gives_and_the_hub_refuses(shop: Fleet, till: Device, column: str, bad: str) -> None:
    shop.hub("insert into products values ('p', null, 1)", "insert into categories values ('c', null, 'c')")
    shop.database.sql("alter table products add column name text")
    till.sql("alter table products add column name text")
    shop.database.sql("select tidemark.policy('products', %s, %s)", [column, f"iif(:mine is null, null, {bad})"])
    till.sync()
    mine, theirs = ("2.00", "3.00") if column == "price" else ("c", "c2")
    shop.hub("insert into categories values ('c2', null, 'c2')", f"update products set {column} = '{theirs}' where id = 'p'")
    till.sql(f"update products set {column} = ?, name = 'mine' where id = 'p'", [mine])
    till.sync()
    shop.settle()
    shop.assert_equal("products")
    assert till.sql(f"select {column}, name from products") == [(theirs, "mine")]
    kind, name, result, message = till.sql("select kind, column_name, result, message from tidemark_conflicts")[0]
    assert (kind, name, result) == ("update", column, theirs)
    assert message.startswith("the hub refuses what the policy's expression gave: ")
    assert open_rejects(till) == {}


@pytest.mark.parametrize("left", ["update products set category = null, price = -1 where id = 'p'",
                                  "update products set category = 'other', price = -1 where id = 'p'"])  # fmt: skip
def test_a_parent_cannot_be_deleted_before_its_child_has_left_it(shop: Fleet, till: Device, left: str) -> None:
    shop.hub("insert into categories values ('c', null, 'c'), ('other', null, 'o')", "insert into products values ('p', 'c', 1)")
    till.sync()
    till.sql(left)
    till.sql("delete from categories where id = 'c'")
    assert till.sync()["rejected"] == 2
    rejects = open_rejects(till)
    assert states(till) == [("categories", "c", "waiting"), ("products", "p", "rejected")]
    product = rejects['["p"]']
    hint = till.value("select hint from tidemark_conflicts where id = ?", [rejects['["c"]']])
    assert hint == f'It waits for row ["p"] of "products" (conflict {product}), and goes when that goes.'
    till.sql("update products set price = 2 where id = 'p'")
    assert till.sync()["pushed"] == 2
    assert till.pending() == []
    shop.settle()
    shop.assert_equal("categories", "products")
    assert [key for (key,) in shop.database.sql("select id from categories")] == ["other"]


def test_rejects_that_refer_to_each_other_do_not_wait_for_each_other(fleet: Fleet) -> None:
    fleet.hub(
        "create table emp (id text primary key, dept text not null, name text check (name <> ''))",
        "create table dept (id text primary key, boss text not null references emp)",
        "alter table emp add foreign key (dept) references dept",
    )
    fleet.track("emp", "dept")
    till = fleet.device("till", "emp", "dept")
    till.sql("insert into dept values ('d', 'e')")
    till.sql("insert into emp values ('e', 'd', '')")
    till.sync()
    assert sorted(state for (state,) in till.sql("select state from tidemark_conflicts")) == ["open", "waiting"]


def test_settled_conflicts_are_kept_from_when_they_were_settled(shop: Fleet, till: Device) -> None:
    shop.hub("insert into categories values ('c', null, 'old')")
    till.sync()
    till.sql("update categories set name = 'mine' where id = 'c'")
    shop.hub("update categories set name = 'theirs' where id = 'c'")
    till.sync()
    till.sql("update tidemark_conflict set noticed_at = noticed_at - 100 * 86400000")
    till.sql("select tidemark_dismiss(1)")
    till.sync()
    assert till.value("select state from tidemark_conflicts") == "dismissed"


def raise_for(shop: Fleet, parent: str, statement: str) -> None:
    shop.hub("create sequence numbers",
             f"create function refuse() returns trigger language plpgsql as $$ begin if new.id = '{parent}' then {statement}; end if; return new; end $$",
             "create trigger refuse before insert on categories for each row execute function refuse()")  # fmt: skip


@pytest.mark.parametrize(
    "sqlstate, statement",
    [("55000", "perform currval('numbers')"), ("58P01", "perform pg_read_file('/nowhere')")]
    + [(code, f"raise exception 'no' using errcode = '{code}'") for code in ("08003", "25001", "53400", "55P04", "XX000")],
)
def test_what_a_trigger_of_the_hub_raises_for_one_row_holds_back_no_other(shop: Fleet, till: Device, sqlstate: str, statement: str) -> None:
    raise_for(shop, "bad", statement)
    till.sql("insert into categories values ('bad', null, 'bad'), ('good', null, 'good')")
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (1, 1)
    assert till.sql("select key, sqlstate from tidemark_conflicts") == [('["bad"]', sqlstate)]
    shop.hub("drop trigger refuse on categories")
    till.sql("select tidemark_retry(1)")
    shop.settle()
    shop.assert_equal("categories")


@pytest.mark.parametrize("sqlstate", ["55P03", "55006", "40001", "57014", "53100", "08006"])
def test_what_may_pass_is_no_reject(shop: Fleet, till: Device, sqlstate: str) -> None:
    raise_for(shop, "c", f"raise exception 'not now' using errcode = '{sqlstate}'")
    till.sql("insert into categories values ('c', null, 'c')")
    with pytest.raises(sqlite3.OperationalError, match="not now"):
        till.sync()
    assert till.conflicts() == []
    shop.hub("drop trigger refuse on categories")
    assert till.sync()["pushed"] == 1
    shop.settle()
    shop.assert_equal("categories")


@pytest.mark.parametrize("statement", ["insert into categories values ('new', null, 'new')", "update categories set name = 'other'",
                                       "delete from categories where id = 'c'"])  # fmt: skip
def test_what_a_trigger_of_the_hub_undoes_without_an_error(shop: Fleet, till: Device, statement: str) -> None:
    shop.hub("insert into categories values ('c', null, 'old')")
    till.sync()
    shop.hub("create function skip() returns trigger language plpgsql as $$ begin return null; end $$",
             "create trigger skip before insert or update or delete on categories for each row execute function skip()")  # fmt: skip
    till.sql(statement)
    till.sql("insert into products values ('p', null, 1)")
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (1, 1)
    ((kind, state, sqlstate, message),) = till.sql("select kind, state, sqlstate, message from tidemark_conflicts")
    assert (kind, state, sqlstate) == ("reject", "open", "27000")
    assert message == 'a trigger of table "categories" has undone the change without an error'
    assert till.sync()["bytes_out"] == 0
    shop.hub("drop trigger skip on categories")
    till.sql("select tidemark_retry(1)")
    shop.settle()
    shop.assert_equal("categories", "products")


@pytest.mark.parametrize("why", ["not tracked on the hub", "of another type", "not tracked here"])
def test_a_child_goes_when_its_parents_table_is_in_use_again(fleet: Fleet, why: str) -> None:
    fleet.hub("create table categories (id text primary key, n integer)",
              "create table products (id text primary key, category text references categories)")  # fmt: skip
    fleet.track("categories", "products")
    till = fleet.device("till", "categories", "products")
    if why == "not tracked here":
        till.sql("select tidemark_untrack('categories')")
    else:
        fleet.hub("select tidemark.untrack('categories')" if why == "not tracked on the hub" else
                  "alter table categories alter column n type text")  # fmt: skip
        till.sync()
    till.sql("insert into categories values ('c', 1)")
    till.sql("insert into products values ('p', 'c')")
    assert till.sync()["rejected"] == 1
    if why == "not tracked here":
        till.track("categories")
    elif why == "not tracked on the hub":
        fleet.track("categories")
    else:
        fleet.hub("alter table categories alter column n type integer using n::integer")
    till.sync()
    assert till.pending() == []
    assert open_rejects(till) == {}
    fleet.settle()
    fleet.assert_equal("categories", "products")


@pytest.mark.parametrize("statement", ["delete from c", "update c set code = 'B'"])
def test_a_parent_that_is_referred_to_by_a_unique_column_waits_for_its_child(fleet: Fleet, statement: str) -> None:
    fleet.hub("create table c (id text primary key, code text unique not null)",
              "create table p (id text primary key, code text references c (code), n integer check (n > 0))",
              "insert into c values ('1', 'A')", "insert into p values ('p', 'A', 1)")  # fmt: skip
    fleet.track("c", "p")
    till = fleet.device("till", "c", "p")
    till.sql("update p set code = null, n = -1")
    till.sql(statement)
    assert till.sync()["rejected"] == 2
    assert states(till) == [("c", "1", "waiting"), ("p", "p", "rejected")]
    till.sql("update p set n = 2")
    assert till.sync()["pushed"] == 2
    fleet.settle()
    fleet.assert_equal("c", "p")


def test_what_dangles_and_was_dismissed_goes_all_the_same_once_it_can(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('p', 'nowhere', 1)")
    till.sync()
    till.sql("select tidemark_dismiss(id) from tidemark_conflicts where kind = 'dangling'")
    shop.hub("insert into categories values ('nowhere', null, 'Tea')")
    till.sync()
    assert states(till) == []
    assert open_rejects(till) == {}
    assert [row[4] for row in dangling(till)] == ["resolved"]
    shop.settle()
    shop.assert_equal("categories", "products")


@pytest.mark.parametrize("choice", ["tidemark_resolve(1, 'theirs')", "tidemark_resolve(2, 'theirs')", "tidemark_retry(1)"])
def test_two_rejects_of_a_row_are_settled_together(shop: Fleet, till: Device, choice: str) -> None:
    till.sql("insert into products values ('p', null, -1)")
    till.sync()
    till.sql("select tidemark_untrack('products', '{\"discard\":true}')")
    till.track("products")
    till.sync()
    assert till.sql("select id, state from tidemark_conflicts") == [(1, "open"), (2, "open")]
    shop.hub("alter table products drop constraint products_price_check")
    till.sql(f"select {choice}")
    assert open_rejects(till) == {}
    shop.settle()
    assert till.pending() == []
    shop.assert_equal("products")


def test_a_device_that_was_revoked_has_no_rejects(shop: Fleet, till: Device) -> None:
    till.sql("insert into products values ('p', null, -1)")
    till.sync()
    shop.database.sql("select tidemark.revoke_device(%s::uuid)", [till.identity()])
    till.connect(shop.bridge.url)
    till.sql("update products set price = 1")
    till.sync()
    assert shop.database.sql("select * from tidemark.rejects") == []


def test_the_applications_triggers_see_that_an_expressions_value_gives_way(shop: Fleet, till: Device) -> None:
    shop.hub("insert into products values ('p', null, 1)")
    shop.database.sql("select tidemark.policy('products', 'price', %s)", ["iif(:mine is null, null, '99999999999')"])
    till.sync()
    till.sql("create table prices (id text primary key, price)")
    till.sql("create trigger note after update on products begin replace into prices values (new.id, new.price); end")
    till.sql("update products set price = '2.00' where id = 'p'")
    shop.hub("update products set price = 3 where id = 'p'")
    till.sync()
    assert till.sql("select * from prices") == [("p", "3.00")]
