"""What one transaction wrote is seen at once or not at all, on both sides, whatever its size."""

import sqlite3
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest

from support import Bridge, Device, Fault, FaultProxy, Fleet, wait_until

ROWS = 2000


@pytest.fixture
def accounts(fleet: Fleet) -> Fleet:
    fleet.hub("create table accounts (id text primary key, parent text references accounts, amount integer not null)",
              f"insert into accounts select 'a' || i, null, 10 from generate_series(1, {ROWS}) i")  # fmt: skip
    fleet.track("accounts")
    return fleet


@pytest.fixture
def small_pages(accounts: Fleet, tmp_path: Path) -> Iterator[Bridge]:
    """A bridge whose pages are far smaller than the commits."""
    with Bridge(accounts.database.bridge_dsn(), tmp_path / "small.log", ("--page-bytes", "5000")) as bridge:
        yield bridge


def watch(total: Callable[[], int]) -> tuple[threading.Event, set[int], threading.Thread]:
    """Asks for the total again and again until told to stop."""
    stop, seen = threading.Event(), set()

    def look() -> None:
        while not stop.is_set():
            seen.add(total())

    thread = threading.Thread(target=look)
    thread.start()
    return stop, seen, thread


def test_a_commit_of_the_hub_appears_at_once(accounts: Fleet, small_pages: Bridge) -> None:
    """Money moves between all rows in one transaction; a reader beside the sync never sees part of it."""
    till = accounts.device("till", "accounts", url=small_pages.url)
    till.plain_sql("pragma journal_mode = wal")
    till.sync()

    def total() -> int:
        return till.plain_sql("select sum(amount) from accounts")[0][0]

    accounts.hub("update accounts set amount = amount + case when substr(id, 2)::int % 2 = 0 then 7 else -7 end")
    stop, seen, thread = watch(total)
    pulled = till.sync()["pulled"]
    stop.set()
    thread.join()
    assert pulled == ROWS
    assert seen == {ROWS * 10}
    accounts.assert_equal("accounts")


def test_a_commit_that_came_in_part_is_not_shown(accounts: Fleet, small_pages: Bridge) -> None:
    with FaultProxy(small_pages.port) as line:
        till = accounts.device("till", "accounts", url=line.url)
        till.sync()
        accounts.hub("update accounts set amount = 0")
        line.next(Fault.NONE, Fault.NONE, *[Fault.LOSE_ANSWER] * 20, path="GET /v1/log")
        with pytest.raises(Exception, match="no answer"):
            till.sync()
        assert till.value("select count(*) from tidemark_page") > 0
        assert till.value("select count(*) from accounts where amount = 0") == 0
        line.heal()
        till.sync()
    accounts.assert_equal("accounts")


def test_a_commit_too_large_to_be_held_is_stored_on_its_way(fleet: Fleet) -> None:
    fleet.hub("create table scans (id integer primary key, image text)")
    fleet.track("scans", keys="given")
    till = fleet.device("till", "scans")
    fleet.hub("insert into scans select i, repeat('scan ' || i, 1000000) from generate_series(1, 12) i")  # some 80 MB
    till.plain_sql("pragma journal_mode = wal")

    def stored() -> int:
        return till.plain_sql("select count(*) from tidemark_page")[0][0]

    stop, seen, thread = watch(stored)
    assert till.sync()["pulled"] == 12
    stop.set()
    thread.join()
    assert max(seen) > 0
    assert till.value("select count(*) from tidemark_page") == 0
    fleet.assert_equal("scans")


def test_a_child_that_comes_pages_before_its_parent(accounts: Fleet, small_pages: Bridge) -> None:
    """In key order of the first load, and in one commit; foreign keys are on."""
    accounts.hub("update accounts set parent = 'z' where false",
                 "insert into accounts values ('z', null, 0)",
                 "update accounts set parent = 'z' where id like 'a%'",
                 "begin; set constraints all deferred; insert into accounts values ('zz', 'z', 1); commit")  # fmt: skip
    till = accounts.device("till", "accounts", url=small_pages.url)
    till.sql("pragma foreign_keys = on")
    till.sync()
    accounts.assert_equal("accounts")
    assert till.value("select tidemark_check()") == "[]"
    accounts.hub("begin; insert into accounts values ('y', null, 1); update accounts set parent = 'y'; delete from accounts where id = 'z'; commit")
    till.sync()
    accounts.assert_equal("accounts")
    assert till.sql("pragma foreign_key_check") == []


def test_a_column_that_is_gained_shows_no_half_of_a_commit(accounts: Fleet, small_pages: Bridge) -> None:
    """Its values come in pages, read at different moments; the line breaks between two."""
    with FaultProxy(small_pages.port) as line:
        till = accounts.device("till", "accounts", url=line.url)
        till.plain_sql("alter table accounts add column note text")
        till.sql("insert into accounts (id, amount, note) values ('mine', 0, 'of mine')")
        till.sql("delete from accounts where id = 'a1'")
        accounts.hub("alter table accounts add column note text default 'n'",
                     "update accounts set amount = amount + case when substr(id, 2)::int % 2 = 0 then 7 else -7 end, note = 'moved'")  # fmt: skip
        line.next(*[Fault.NONE] * 2, *[Fault.LOSE_ANSWER] * 20, path="GET /v1/tables/accounts/rows")
        with pytest.raises(sqlite3.OperationalError, match="no answer"):
            till.sync()
        assert till.value("select state from tidemark_tables") == "loading"
        assert till.value("select count(*) from accounts where note = 'moved'") > 0
        assert till.value("select sum(amount) from accounts") == ROWS * 10 - 10
        line.heal()
        accounts.settle()
    accounts.assert_equal("accounts")
    assert till.sql("select kind, key from tidemark_conflicts") == [("delete", '["a1"]')] * 2  # each of the two commits
    assert till.value("select note from accounts where id = 'mine'") == "of mine"


def test_a_table_that_is_tracked_later_is_of_the_same_moment(fleet: Fleet) -> None:
    fleet.hub("create table a (id text primary key, amount integer)", "create table b (id text primary key, amount integer)",
              "insert into a values ('a', 10)", "insert into b values ('b', 10)")  # fmt: skip
    fleet.track("a", "b")
    till = fleet.device("till", "a")
    fleet.hub("begin; update a set amount = 5; update b set amount = 15; commit")
    till.track("b")
    assert till.value("select sum(amount) from (select amount from a union all select amount from b)") == 20


def test_a_push_appears_at_once_on_the_hub(accounts: Fleet) -> None:
    till = accounts.device("till", "accounts")
    till.sql("update accounts set amount = amount + case when substr(id, 2) % 2 = 0 then 7 else -7 end")
    reader = accounts.database.connect()

    def total() -> int:
        cursor = reader.cursor()
        cursor.execute("select sum(amount) from accounts")
        return cursor.fetchone()[0]

    stop, seen, thread = watch(total)
    assert till.sync()["pushed"] == ROWS
    wait_until(lambda: len(seen) > 0, "a look at the hub")
    stop.set()
    thread.join()
    reader.close()
    assert seen == {ROWS * 10}
    accounts.assert_equal("accounts")


def test_rows_of_one_push_are_one_commit(accounts: Fleet) -> None:
    till: Device = accounts.device("till", "accounts")
    till.sql("update accounts set amount = 1")
    till.sync()
    assert accounts.database.sql("select count(distinct seq), count(*) from tidemark.log where device is not null") == [(1, ROWS)]
