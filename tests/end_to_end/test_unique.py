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
    assert kinds(till) == [("update", "a")]


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


@pytest.fixture
def till(fleet: Fleet) -> Device:
    """A till of a hub that has a list of five places."""
    fleet.hub("create table places (id text primary key, place integer unique, name text)",
              "insert into places select 'p' || i, i, 'old' from generate_series(1, 5) i")  # fmt: skip
    fleet.track("places")
    return fleet.device("till", "places")


@pytest.mark.parametrize("renumbered", ["place", "place + 1", "6 - place"])
def test_what_is_pending_in_other_columns_of_a_list_that_head_office_renumbers(fleet: Fleet, till: Device, renumbered: str) -> None:
    """Each place is another row's for a moment, and nobody has two: there is nothing to set aside."""
    till.sql("update places set name = 'mine' where id <> 'p4'")
    till.sql("delete from places where id = 'p5'")
    fleet.hub("begin; update places set place = -place; update places set place = -place;"
              f" update places set place = -({renumbered}); update places set place = -place; commit")  # fmt: skip
    till.sync()
    fleet.settle()
    fleet.assert_equal("places")
    assert till.rows("places", "id, name") == [("p1", "mine"), ("p2", "mine"), ("p3", "mine"), ("p4", "old")]
    assert [kind for kind, _ in kinds(till)] in ([], ["delete"])


@pytest.mark.parametrize("place", ["place + 1", "place - 1", "6 - place", "case place when 5 then 1 else place + 1 end"])
def test_the_applications_triggers_see_values_that_are_passed_on(fleet: Fleet, till: Device, place: str) -> None:
    till.sql("create virtual table search using fts5 (name)")
    till.sql("insert into search (rowid, name) select rowid, name from places")
    till.sql("create trigger added after insert on places begin insert into search (rowid, name) values (new.rowid, new.name); end")
    till.sql("create trigger changed after update on places begin update search set name = new.name where rowid = new.rowid; end")
    till.sql("create trigger gone after delete on places begin delete from search where rowid = old.rowid; end")
    fleet.hub("begin; update places set place = -place; update places set place = -place;"
              f" update places set place = -({place}), name = 'new' || id; update places set place = -place; commit")  # fmt: skip
    till.sync()
    fleet.assert_equal("places")
    assert till.sql("select name from search except select name from places") == []
    assert till.value("select count(*) from search s join places p on p.rowid = s.rowid and p.name = s.name") == 5


def test_only_the_rows_of_a_partial_index_clash(fleet: Fleet) -> None:
    fleet.hub("create table members (id text primary key, email text, gone integer)",
              "create unique index on members (email) where gone = 0")  # fmt: skip
    fleet.track("members")
    till = fleet.unconnected("till")
    till.sql("create table members (id text primary key not null, email text, gone integer)")
    till.sql("create unique index members_email on members (email) where gone = 0")
    till.connect(fleet.bridge.url)
    till.track("members")
    till.sql("insert into members values ('1', 'x', 1), ('2', 'x', 0), ('4', 'x', 1)")
    fleet.hub("insert into members values ('3', 'x', 0)")
    till.sync()
    fleet.settle()
    fleet.assert_equal("members")
    assert till.rows("members", "id") == [("1",), ("3",), ("4",)]
    assert kinds(till) == [("unique", "2")]


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


def test_a_list_is_renumbered(fleet: Fleet) -> None:
    """A row is put in front of two thousand others in one push; nobody hears of what they held meanwhile."""
    count = 2000
    fleet.hub("create table places (id text primary key, place integer not null unique)",
              f"insert into places select 'p' || i, i from generate_series(1, {count}) i")  # fmt: skip
    fleet.track("places")
    till, other = fleet.device("till", "places"), fleet.device("other", "places")
    till.sql("begin")
    till.sql("update places set place = -place - 1")
    till.sql("update places set place = -place")
    till.sql("insert into places values ('first', 1)")
    till.sql("commit")
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (count + 1, 0)
    fleet.settle()
    fleet.assert_equal("places")
    assert other.value("select place from places where id = 'p7'") == 8
    assert fleet.database.sql("select count(*) from tidemark.log where device is not null") == [(count + 1,)]
    fleet.assert_quiet()


KEPT = "create table kept (id text primary key, value {type})"


@pytest.mark.parametrize(
    ("type", "a", "b"),
    [
        ("date not null unique", "2026-01-01", "2026-01-02"),
        ("time(0) not null unique", "08:00:00.000000", "09:00:00.000000"),
        ("timestamp not null unique", "2026-01-01 00:00:00.000000", "2026-01-02 00:00:00.000000"),
        ("timestamptz not null unique", "2026-01-01 00:00:00.000000+00", "2026-01-02 00:00:00.000000+00"),
        ("interval not null unique", "01:00:00", "02:00:00"),
        ("numeric(5,2) not null unique", "1.00", "2.00"),
        ("numeric not null unique", "1.5", "2.5"),
        ("bytea not null unique", b"a", b"b"),
        ("varchar(3) not null unique", "x", "y"),
        ("smallint not null unique check (value > 0)", 1, 2),
        ("integer unique check (value > 0)", 1, 2),
        ("integer unique nulls not distinct", 1, 2),
        ("text not null, other date not null default '2026-01-01', unique (value, other)", "x", "y"),
        ("integer not null check (value in (1, 2)), unique (value) deferrable initially deferred", 1, 2),
    ],
)
def test_a_swap_of(fleet: Fleet, type: str, a: object, b: object) -> None:
    fleet.hub(KEPT.format(type=type))
    fleet.track("kept")
    till, other = fleet.device("till", "kept"), fleet.device("other", "kept")
    till.sql("insert into kept (id, value) values ('a', ?), ('b', ?)", [a, b])
    till.sync()
    swap(till, a, b)
    assert till.sync()["rejected"] == 0
    fleet.settle()
    fleet.assert_equal("kept")
    assert other.sql("select id, value from kept order by id") == [("a", b), ("b", a)]
    fleet.assert_quiet()


def swap(device: Device, a: object, b: object) -> None:
    """Two updates, whatever the device did meanwhile."""
    device.sql("begin")
    device.sql("delete from kept where id in ('a', 'b')")
    device.sql("insert into kept (id, value) values ('a', ?), ('b', ?)", [b, a])
    device.sql("commit")


def test_a_swap_that_the_hub_has_no_way_for(fleet: Fleet) -> None:
    """Neither row can hold another value meanwhile. Values that only move on by one need none."""
    fleet.hub(KEPT.format(type="integer not null unique check (value between 1 and 4)"))
    fleet.track("kept")
    till = fleet.device("till", "kept")
    till.sql("insert into kept values ('a', 1), ('b', 2), ('c', 3)")
    till.sync()
    swap(till, 1, 2)
    assert till.sync()["rejected"] == 2
    (hint,) = till.sql("select distinct hint from tidemark_conflicts where sqlstate = '23505'")[0]
    assert "DEFERRABLE INITIALLY DEFERRED" in hint
    till.sql("begin")
    till.sql("delete from kept")
    till.sql("insert into kept values ('a', 2), ('b', 3), ('c', 4)")
    till.sql("commit")
    till.sync()
    fleet.settle()
    fleet.assert_equal("kept")
    assert till.rows("kept") == [("a", 2), ("b", 3), ("c", 4)]


FAMILY = (
    "create table categories (id text primary key, name text not null unique)",
    "create table products (id text primary key, category text not null references categories on update cascade)",
    "insert into categories values ('c1', 'Tea')",
    "insert into products values ('p1', 'c1'), ('p2', 'c1')",
)
MADE_AGAIN = ("update categories set id = 'c2' where id = 'c1'", "update products set category = 'c2'")
REPLACED = (
    "update categories set name = 'old' where id = 'c1'",
    "insert into categories values ('c2', 'Tea')",
    "update products set category = 'c2'",
    "delete from categories where id = 'c1'",
)


@pytest.mark.parametrize("statements", [MADE_AGAIN, REPLACED], ids=["key changed", "replaced"])
def test_a_parent_under_another_key(fleet: Fleet, statements: tuple[str, ...]) -> None:
    """The new row needs the old one's name, the old one cannot go while it has children, and these need the new one."""
    fleet.hub(*FAMILY)
    fleet.track("categories", "products")
    till, other = (fleet.device(name, "categories", "products") for name in ("till", "other"))
    for statement in ("begin", *statements, "commit"):
        till.sql(statement)
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (4, 0)
    fleet.settle()
    fleet.assert_equal("categories", "products")
    assert other.rows("products") == [("p1", "c2"), ("p2", "c2")]
    assert fleet.database.sql("select operation, changed ->> 'name' from tidemark.log where table_name = 'categories' and device is not null") == [
        ("insert", "Tea"),
        ("delete", None),
    ]
    fleet.assert_quiet()


def test_a_parent_under_another_key_with_a_child_that_the_device_does_not_know(fleet: Fleet) -> None:
    """Then the old row stays, with its name, and all the rest is refused."""
    fleet.hub(*FAMILY, "create table notes (id text primary key, category text references categories)",
              "insert into notes values ('n', 'c1')")  # fmt: skip
    fleet.track("categories", "products")
    till = fleet.device("till", "categories", "products")
    for statement in ("begin", *MADE_AGAIN, "insert into categories values ('c3', 'Coffee')", "commit"):
        till.sql(statement)
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (1, 4)
    assert fleet.database.sql("select * from categories order by id") == [("c1", "Tea"), ("c3", "Coffee")]
    assert fleet.database.sql("select * from products order by id") == [("p1", "c1"), ("p2", "c1")]


def test_two_tables_that_refer_to_each_other(fleet: Fleet) -> None:
    fleet.hub("create table departments (id text primary key, boss text)",
              "create table people (id text primary key, department text not null references departments)",
              "alter table departments add foreign key (boss) references people")  # fmt: skip
    fleet.track("departments", "people")
    till, other = (fleet.device(name, "departments", "people") for name in ("till", "other"))
    till.sql("insert into departments values ('d1', 'p1'), ('d2', 'p1'), ('d3', 'nobody')")
    till.sql("insert into people values ('p1', 'd1'), ('p2', 'd2'), ('p3', 'd3')")
    report = till.sync()
    assert (report["pushed"], report["rejected"]) == (4, 2)
    other.sync()
    assert other.rows("departments") == [("d1", "p1"), ("d2", "p1")]
    assert other.rows("people") == [("p1", "d1"), ("p2", "d2")]
    till.sql("update departments set boss = 'p3' where id = 'd3'")
    fleet.settle()
    fleet.assert_equal("departments", "people")
    assert till.pending() == []


def test_a_swap_of_values_that_other_rows_follow(fleet: Fleet) -> None:
    """ON UPDATE CASCADE: what the parents hold for a moment reaches the children, and must not leave them without a parent."""
    fleet.hub("create table parents (id text primary key, code text unique)",
              "create table children (id text primary key, code text references parents (code) on update cascade)",
              "insert into parents values ('1', 'x'), ('2', 'y')", "insert into children values ('1', 'x'), ('2', 'y')")  # fmt: skip
    fleet.track("parents", "children")
    till, other = (fleet.device(name, "parents", "children") for name in ("till", "other"))
    till.sql("begin")
    till.sql("update parents set code = 'between' where id = '1'")
    till.sql("update parents set code = 'x' where id = '2'")
    till.sql("update parents set code = 'y' where id = '1'")
    till.sql("commit")
    assert till.sync()["rejected"] == 0
    fleet.settle()
    fleet.assert_equal("parents", "children")
    assert other.rows("children") == [("1", "y"), ("2", "x")]
