"""UNIQUE values that the hub's rows take from each other while a device loads them: pages of rows are of different
moments, so a value may come twice, and no row may be missing for it."""

import json
import sqlite3
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from support import Bridge, Device, Fault, FaultProxy, Fleet

SMALL_PAGES = ("--page-bytes", "2000")
ROWS = 60
# By rows of the first page and of later ones; n is the number of the row.
MOVES = {
    "swapped": ("update big set n = -{0} where id = '{0:03}'", "update big set n = {0} where id = '{1:03}'",
                "update big set n = {1} where id = '{0:03}'"),
    "passed on": ("update big set n = -{0} where id = '{0:03}'", "update big set n = {0} where id = '{1:03}'"),
    "passed on and back": ("update big set n = -{0} where id = '{0:03}'", "update big set n = {0} where id = '{1:03}'",
                           "update big set n = {1} where id = '{1:03}'", "update big set n = {0} where id = '{0:03}'"),
    "left behind": ("delete from big where id = '{0:03}'", "update big set n = {0} where id = '{1:03}'"),
}  # fmt: skip


class Meddler:
    """A line on which the hub writes just before a page of rows is asked for."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.plans: dict[int, Callable[[], None]] = {}  # by the page, 1 … of the coming load
        self.pages = 0
        self.log_is_cut = False
        self.bridge = Bridge(fleet.database.bridge_dsn(), folder / "small.log", SMALL_PAGES)
        self.bridge.__enter__()
        self.line = FaultProxy(self.bridge.port, self.meddle)

    def meddle(self, request: Any) -> Fault:
        if "/rows" in request.path:
            self.pages += 1
            self.plans.pop(self.pages, lambda: None)()
        return Fault.LOSE_ANSWER if self.log_is_cut and "/v1/log" in request.path else Fault.NONE

    def load(self, plans: dict[int, Callable[[], None]], load: Callable[[], Any]) -> None:
        self.plans, self.pages = plans, 0
        load()
        assert not self.plans, "the load had fewer pages"


@pytest.fixture
def meddler(fleet: Fleet, tmp_path: Path) -> Iterator[Meddler]:
    made = Meddler(fleet, tmp_path)
    yield made
    made.line.stop()
    made.bridge.__exit__(None, None, None)


def make_big(fleet: Fleet, unique: str = "unique") -> None:
    fleet.hub(f"create table big (id text primary key, n integer {unique}, t text)",
              f"insert into big select lpad(i::text, 3, '0'), i, repeat('x', 100) from generate_series(1, {ROWS}) i")  # fmt: skip
    fleet.track("big")


def moved(fleet: Fleet, move: str, *pairs: tuple[int, int]) -> Callable[[], None]:
    return lambda: fleet.hub(*(step.format(*pair) for pair in pairs for step in MOVES[move]))


def connected(fleet: Fleet, name: str, meddler: Meddler) -> Device:
    device = fleet.unconnected(name)
    device.connect(meddler.line.url)
    return device


def assert_nothing_missing(fleet: Fleet) -> None:
    fleet.settle()
    fleet.assert_equal("big")
    fleet.assert_quiet()
    for device in fleet.devices:
        assert device.value("select count(*) from tidemark_displaced") == 0


@pytest.mark.parametrize("move", MOVES)
def test_first_loads_of_three_devices(fleet: Fleet, meddler: Meddler, move: str) -> None:
    make_big(fleet)
    for i in range(3):
        device = connected(fleet, f"d{i}", meddler)
        # Two moves: the values of the first page, and of a page in the middle.
        plans = {3: moved(fleet, move, (1 + i, ROWS - i)), 4: moved(fleet, move, (20 + i, ROWS - 10 - i))}
        meddler.load(plans, lambda device=device: device.track("big"))
        fleet.assert_equal("big", devices=[device])
    assert_nothing_missing(fleet)


@pytest.mark.parametrize("move", [move for move in MOVES if move != "left behind"])  # a row that is gone is listed as lost
def test_loading_again(fleet: Fleet, meddler: Meddler, move: str) -> None:
    """With changes pending on the row that gives its value away, and on the one that takes it."""
    make_big(fleet)
    till, other = connected(fleet, "till", meddler), connected(fleet, "other", meddler)
    for device in (till, other):
        device.track("big")
    fleet.hub("select tidemark.new_epoch()")
    till.sql("update big set t = 'mine' where id in ('002', '059')")
    meddler.load({3: moved(fleet, move, (1, 60)), 4: moved(fleet, move, (2, 59))}, till.sync)
    other.sync()
    assert_nothing_missing(fleet)
    assert other.sql("select t from big where id in ('002', '059')") == [("mine",), ("mine",)]


def test_the_line_breaks_before_the_log_is_read(fleet: Fleet, meddler: Meddler) -> None:
    """What is pending on a row that is out of the table meanwhile stays what it is, and goes once the log is read."""
    make_big(fleet)
    till = connected(fleet, "till", meddler)
    till.track("big")
    fleet.hub("select tidemark.new_epoch()")
    till.sql("update big set t = 'mine' where id = '001'")

    def cut() -> None:
        moved(fleet, "swapped", (1, 60), (2, 59))()
        meddler.log_is_cut = True

    with pytest.raises(sqlite3.OperationalError):
        meddler.load({3: cut}, till.sync)
    assert till.sql("select json_extract(key, '$[0]'), operation, state from tidemark_pending") == [("001", "update", "pending")]
    assert till.sql("select * from tidemark_conflicts") == []
    assert till.value("select count(*) from big") == ROWS - 2
    till.sql("insert into big values ('002', -7, 'again')")  # the application makes it anew
    meddler.log_is_cut = False
    till.push()
    fleet.settle()
    fleet.assert_equal("big")
    assert till.sql("select t from big where id in ('001', '002') order by id") == [("mine",), ("again",)]
    assert till.pending() == []


def test_rows_that_are_gone_from_the_hub_are_lost(fleet: Fleet) -> None:
    """Their unique values are other rows' by now."""
    fleet.hub("create table big (id text primary key, n integer unique, t text)", "insert into big values ('a', 1, 'x'), ('b', 2, 'y')")
    fleet.track("big")
    till = fleet.device("till", "big")
    fleet.hub("select tidemark.untrack('big')", "update big set id = 'c' where id = 'a'", "select tidemark.track('big')",
              "select tidemark.new_epoch()")  # fmt: skip
    till.sync()
    fleet.assert_equal("big")
    (found,) = till.sql("select kind, key, mine from tidemark_conflicts")
    assert found[:2] == ("lost", '["a"]') and json.loads(found[2]) == {"id": "a", "n": 1, "t": "x"}


def test_what_is_unique_on_the_device_alone(fleet: Fleet, meddler: Meddler) -> None:
    """Then the two rows do clash: the load ends all the same, and one of them is listed."""
    make_big(fleet, unique="")
    fleet.hub(f"update big set n = 1 where id = '0{ROWS}'")
    till = fleet.unconnected("till")
    till.sql("create table big (id text primary key not null, n integer unique, t text)")
    till.connect(meddler.line.url)
    till.track("big")
    assert till.value("select count(*) from big") == ROWS - 1
    assert till.sql("select kind, state from tidemark_conflicts") == [("unique", "open")]
    assert (till.sync()["pulled"], till.value("select count(*) from tidemark_displaced")) == (0, 0)
    fleet.hub("select tidemark.new_epoch()")
    till.sync()
    assert till.value("select count(*) from big") == ROWS - 1
    assert till.sync()["pulled"] == 0
