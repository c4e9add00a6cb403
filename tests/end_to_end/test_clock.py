"""Who wrote later is told by the hub's clock: neither a slow line nor a wrong clock changes it."""

import json
from pathlib import Path

import pytest

from support import DeviceProcess, Fault, FaultProxy, Fleet, wait_until


def test_a_slow_answer_does_not_move_the_clock(fleet: Fleet) -> None:
    fleet.hub("create table t (id text primary key, n integer)")
    fleet.track("t")
    with FaultProxy(fleet.bridge.port, choose=lambda request: Fault.DELAY) as line:
        line.delay_s = 0.3
        a = fleet.device("a", "t", url=line.url)
        a.sync()
        a.sql("insert into t values ('x', 1)")
        a.sync()
        assert abs(a.status()["clock_offset_ms"]) < 50


YEAR_S = 365 * 24 * 3600


@pytest.fixture
def prices(fleet: Fleet) -> Fleet:
    fleet.hub("create table prices (id text primary key, price integer)", "insert into prices values ('a', 1), ('b', 1), ('c', 1), ('d', 1)")
    fleet.track("prices")
    return fleet


def price(fleet: Fleet, key: str) -> int:
    return fleet.database.value("select price from prices where id = %s", [key])


@pytest.mark.parametrize("wrong_by_s", [3 * YEAR_S, -3 * YEAR_S, 600, -600])
@pytest.mark.parametrize("syncs_first", [True, False], ids=["known", "not known yet"])
def test_a_wrong_clock_decides_nothing(prices: Fleet, tmp_path: Path, wrong_by_s: int, syncs_first: bool) -> None:
    """It is wrong from the beginning, or was set after the last contact."""
    till = prices.device("till", "prices")
    prices.settle()
    till.close()
    with DeviceProcess(till.path, tmp_path / "clock") as program:
        program.set_clock(wrong_by_s)
        if syncs_first:
            program.sql("select tidemark_sync()")
        program.sql("update prices set price = 20 where id = 'a'")
        wait_for_the_next_moment(prices)
        prices.hub("update prices set price = 30 where id in ('a', 'b')")
        wait_for_the_next_moment(prices)
        program.sql("update prices set price = 40 where id = 'b'")
        program.sql("select tidemark_sync()")
        offset = json.loads(program.sql("select tidemark_status()")[0][0])["clock_offset_ms"]
    assert abs(offset + wrong_by_s * 1000) < 5000
    prices.settle()
    assert (price(prices, "a"), price(prices, "b")) == (30, 40)


@pytest.mark.parametrize("wrong_by_s", [3 * YEAR_S, -3 * YEAR_S])
def test_a_clock_that_jumps_between_two_writes(prices: Fleet, tmp_path: Path, wrong_by_s: int) -> None:
    till = prices.device("till", "prices")
    prices.settle()
    till.close()
    with DeviceProcess(till.path, tmp_path / "clock") as program:
        program.sql("update prices set price = 20 where id = 'a'")
        wait_for_the_next_moment(prices)
        prices.hub("update prices set price = 30 where id in ('a', 'b', 'c')")
        wait_for_the_next_moment(prices)
        program.sql("update prices set price = 40 where id = 'b'")
        program.set_clock(wrong_by_s)
        program.sql("update prices set price = 50 where id = 'c'")
        program.sql("update prices set price = 50 where id = 'd'")
        wait_for_the_next_moment(prices)
        prices.hub("update prices set price = 60 where id = 'd'")
        program.sql("select tidemark_sync()")
    prices.settle()
    assert [price(prices, key) for key in "abcd"] == [30, 40, 50, 60]


def test_a_clock_that_was_wrong_for_a_while(prices: Fleet, tmp_path: Path) -> None:
    """It is right at both syncs. What was written meanwhile was made between what was written before and after."""
    till = prices.device("till", "prices")
    prices.settle()
    till.close()
    with DeviceProcess(till.path, tmp_path / "clock") as program:
        program.set_clock(3 * YEAR_S)
        program.sql("update prices set price = 20 where id = 'a'")
        program.set_clock(0)
        program.sql("update prices set price = 20 where id = 'b'")
        wait_for_the_next_moment(prices)
        prices.hub("update prices set price = 30 where id in ('a', 'b', 'c')")
        wait_for_the_next_moment(prices)
        program.sql("update prices set price = 40 where id = 'd'")
        program.set_clock(-3 * YEAR_S)
        program.sql("update prices set price = 40 where id = 'c'")
        program.set_clock(0)
        program.sql("select tidemark_sync()")
    prices.settle()
    assert [price(prices, key) for key in "abcd"] == [30, 30, 40, 40]


def test_what_stays_pending_keeps_its_time(prices: Fleet) -> None:
    """A pull reads the clock and leaves what is pending. The next one finds it older than that, and it is not wrong."""
    prices.hub("alter table prices add column note text")
    one, two = (prices.device(name, "prices") for name in ("one", "two"))
    prices.settle()
    one.sql("update prices set price = 20, note = 'mine' where id = 'a'")
    one.sql("update prices set price = 20 where id = 'b'")
    wait_for_the_next_moment(prices)
    two.sql("update prices set price = 30 where id in ('a', 'b')")
    for _ in range(10):  # longer ago than a clock may be wrong
        wait_for_the_next_moment(prices)
    prices.hub("update prices set note = 'theirs' where id = 'a'")
    one.pull()
    two.sync()
    prices.settle()
    assert [price(prices, key) for key in "ab"] == [30, 30]


def wait_for_the_next_moment(fleet: Fleet) -> None:
    """Lets the hub's clock move on by more than an answer may take: so exactly is the offset known."""
    now = fleet.database.value("select clock_timestamp() + interval '600 ms'")
    wait_until(lambda: fleet.database.value("select clock_timestamp() > %s", [now]), "the next moment")


def test_a_clock_that_was_wrong_at_the_last_sync(prices: Fleet, tmp_path: Path) -> None:
    """What that sync learned of the clocks is of no use once it is right again: neither for what is
    written then and pushed without a pull, nor for how old a conflict is."""
    till = prices.device("till", "prices")
    prices.settle()
    till.sql("update prices set price = 20 where id = 'a'")
    prices.hub("update prices set price = 30 where id = 'a'")
    till.sync()
    till.sql("select tidemark_dismiss(1)")
    till.sync()
    till.close()
    with DeviceProcess(till.path, tmp_path / "clock") as program:
        program.set_clock(-3 * YEAR_S)
        program.sql("select tidemark_sync()")
    till.push()
    assert till.sql("select state from tidemark_conflicts") == [("dismissed",)]
    till.sql("update prices set price = 20 where id = 'b'")
    wait_for_the_next_moment(prices)
    prices.hub("update prices set price = 30 where id = 'b'")
    till.push()
    prices.settle()
    assert price(prices, "b") == 30


def test_conflicts_have_the_times_of_the_hubs_clock(fleet: Fleet, tmp_path: Path) -> None:
    fleet.hub("create table t (id text primary key, sku text unique, n integer check (n > 0))")
    fleet.track("t")
    till = fleet.device("till", "t")
    till.close()
    with DeviceProcess(till.path, tmp_path / "clock") as program:
        program.set_clock(3 * YEAR_S)
        program.sql("select tidemark_sync()")
        program.sql("insert into t values ('a', 'tea', 1), ('b', null, -1)")
        fleet.hub("insert into t values ('c', 'tea', 1)")
        program.sql("select tidemark_sync()")
    now_ms = fleet.database.value("select extract(epoch from now())::float8 * 1000")
    times = dict(till.sql("select kind, mine_at from tidemark_conflicts"))
    assert sorted(times) == ["reject", "unique"]
    assert all(abs(time - now_ms) < 60_000 for time in times.values())
