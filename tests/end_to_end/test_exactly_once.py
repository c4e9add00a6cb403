"""Each change reaches the hub exactly once, whatever is lost, repeated, killed, copied or restored.

The hub counts for itself: a trigger of its own notes every row that is inserted, changed or deleted.
"""

import random
import sqlite3
import threading
from collections import Counter
from pathlib import Path

import pytest

from support import Device, DeviceProcess, Fault, FaultProxy, Fleet, wait_until

SCHEMA = (
    "create table sales (id text primary key, till text, amount integer)",
    "create table audit (id text, operation text)",
    """create function note_change() returns trigger language plpgsql as $$
       begin
         insert into audit values (coalesce(new.id, old.id), lower(tg_op));
         return null;
       end $$""",
    "create trigger audit after insert or update or delete on sales for each row execute function note_change()",
)


@pytest.fixture
def sales(fleet: Fleet) -> Fleet:
    fleet.hub(*SCHEMA)
    fleet.track("sales")
    return fleet


def sell(device: Device, *ids: str, amount: int = 1) -> None:
    for key in ids:
        device.sql("insert into sales values (?, ?, ?)", (key, device.name, amount))


def audit(fleet: Fleet) -> Counter:
    """How often each (row, operation) happened on the hub."""
    return Counter(fleet.database.sql("select id, operation from audit"))


def inserted_once(*ids: str) -> Counter:
    return Counter((key, "insert") for key in ids)


def sync_somehow(device: Device) -> None:
    """Syncs until it works: what a program does that calls tidemark_sync() every minute."""

    def attempt() -> bool:
        try:
            device.sync()
        except sqlite3.OperationalError:
            return False
        return True

    wait_until(attempt, f"a sync of {device.name} that gets through")


def assert_all_equal(fleet: Fleet) -> None:
    fleet.settle()
    fleet.assert_quiet()
    fleet.assert_equal("sales")


# -- the line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.LOSE_REQUEST, Fault.DUPLICATE, Fault.CUT, Fault.CORRUPT,
                                   Fault.UNAVAILABLE, Fault.HTML, Fault.DELAY])  # fmt: skip
@pytest.mark.parametrize("times", [1, 3])
def test_a_push_over_a_bad_line(sales: Fleet, fault: Fault, times: int) -> None:
    with FaultProxy(sales.bridge.port) as line:
        a = sales.device("a", "sales", url=line.url)
        a.sync()
        sell(a, "1", "2")
        line.next(*[fault] * times, path="POST /v1/log")
        sync_somehow(a)
        sell(a, "3")
        sync_somehow(a)
        assert audit(sales) == inserted_once("1", "2", "3")
        assert_all_equal(sales)


def test_a_row_that_changes_after_the_answer_was_lost(sales: Fleet) -> None:
    with FaultProxy(sales.bridge.port) as line:
        a = sales.device("a", "sales", url=line.url)
        a.sync()
        sell(a, "1", "2", "3")
        line.next(*[Fault.LOSE_ANSWER] * 20, path="POST /v1/log")
        with pytest.raises(sqlite3.OperationalError):
            a.sync()
        a.sql("update sales set amount = 7 where id = '1'")
        a.sql("delete from sales where id = '2'")
        a.plain_sql("update sales set amount = 9 where id = '1'")
        line.heal()
        assert_all_equal(sales)
    assert sales.database.sql("select id, amount from sales order by 1") == [("1", 9), ("3", 1)]
    assert audit(sales) == inserted_once("1", "2", "3") + Counter([("1", "update"), ("2", "delete")])


def test_head_office_writes_while_the_answer_is_lost(sales: Fleet) -> None:
    with FaultProxy(sales.bridge.port) as line:
        a = sales.device("a", "sales", url=line.url)
        b = sales.device("b", "sales")
        sell(a, "1")
        line.next(*[Fault.LOSE_ANSWER] * 20, path="POST /v1/log")
        with pytest.raises(sqlite3.OperationalError):
            a.sync()
        sales.hub("update sales set amount = 50 where id = '1'")
        b.sync()
        b.sql("update sales set till = 'b' where id = '1'")
        b.sync()
        line.heal()
        assert_all_equal(sales)
    assert sales.database.sql("select * from sales") == [("1", "b", 50)]
    assert audit(sales)[("1", "insert")] == 1


def test_every_request_of_a_day_is_duplicated(sales: Fleet) -> None:
    with FaultProxy(sales.bridge.port, choose=lambda request: Fault.DUPLICATE) as line:
        a = sales.device("a", "sales", url=line.url)
        for number in range(10):
            sell(a, str(number))
            a.sync()
        assert audit(sales) == inserted_once(*map(str, range(10)))
        assert_all_equal(sales)


# -- processes that die ---------------------------------------------------------------------------------


def test_a_device_killed_after_its_push_was_delivered(sales: Fleet) -> None:
    with FaultProxy(sales.bridge.port) as line:
        a = sales.device("a", "sales", url=line.url)
        a.sync()
        sell(a, "1")
        a.close()
        program = DeviceProcess(a.path)
        line.delay_s = 60
        line.next(Fault.DELAY, path="POST /v1/log")
        program.begin("select tidemark_sync()")
        wait_until(lambda: audit(sales), "the push to arrive")
        program.kill()
        assert [state for *_, state in a.pending()] == ["sent"]
        assert_all_equal(sales)
    assert audit(sales) == inserted_once("1")


@pytest.mark.parametrize("seed", range(3))
def test_a_device_killed_at_random_instants(sales: Fleet, seed: int) -> None:
    dice = random.Random(seed)
    a = sales.device("a", "sales")
    a.sync()
    a.close()
    ids = []
    for turn in range(12):
        sales.hub(f"insert into sales select 'hub {turn} ' || i, 'hub', i from generate_series(1, 50) i")
        ids += [f"hub {turn} {i}" for i in range(1, 51)]
        with DeviceProcess(a.path) as program:
            for i in range(20):
                program.sql("insert into sales values (?, 'a', ?)", (f"a {turn} {i}", i))
                ids.append(f"a {turn} {i}")
            program.begin("select tidemark_sync()")
            pause(dice.uniform(0, 0.04))
            program.kill()
    assert_all_equal(sales)
    assert audit(sales) == inserted_once(*ids)


def test_a_bridge_killed_at_random_instants(sales: Fleet) -> None:
    dice = random.Random(1)
    a = sales.device("a", "sales")
    for turn in range(10):
        sell(a, *(f"{turn} {i}" for i in range(20)))
        killer = threading.Timer(dice.uniform(0, 0.02), sales.bridge.kill)
        killer.start()
        try:
            a.sync()
        except sqlite3.OperationalError as error:
            assert "Hint: " in str(error)
        killer.join()
        sales.bridge.start()
    assert_all_equal(sales)
    assert audit(sales) == inserted_once(*(f"{turn} {i}" for turn in range(10) for i in range(20)))


def test_postgresql_killed_at_random_instants(sales: Fleet) -> None:
    dice = random.Random(2)
    a = sales.device("a", "sales")
    cluster = sales.database.cluster
    for turn in range(6):
        sell(a, *(f"{turn} {i}" for i in range(20)))
        sales.database.reconnect()
        killer = threading.Timer(dice.uniform(0, 0.02), cluster.kill)
        killer.start()
        try:
            a.sync()
        except sqlite3.OperationalError as error:
            assert "Hint: " in str(error)
        killer.join()
        cluster.restart()
        sync_somehow(a)
    assert_all_equal(sales)
    assert audit(sales) == inserted_once(*(f"{turn} {i}" for turn in range(6) for i in range(20)))


def test_the_bridge_answers_what_it_has_begun_when_it_is_told_to_end(sales: Fleet) -> None:
    a = sales.device("a", "sales")
    a.sync()
    sell(a, "1")
    blocker = sales.database.connect()
    blocker.autocommit = False
    blocker.cursor().execute("lock table sales in exclusive mode")
    result: list[object] = []
    other = Device(a.path)
    caller = threading.Thread(target=lambda: result.append(attempt_push(other)))
    caller.start()
    wait_until(
        lambda: sales.database.value("select count(*) from pg_locks where not granted"), "the push to wait for the lock"
    )
    ender = threading.Thread(target=sales.bridge.stop)
    ender.start()
    blocker.rollback()
    caller.join()
    ender.join()
    assert result == [1]
    sales.bridge.start()
    assert_all_equal(sales)


def attempt_push(device: Device) -> object:
    with device:
        try:
            return device.push()["pushed"]
        except sqlite3.Error as error:
            return str(error)


# -- files that are copied ------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["in sync", "pending", "sealed", "accepted"])
def test_a_copied_file_becomes_a_device_of_its_own(sales: Fleet, tmp_path: Path, when: str) -> None:
    with FaultProxy(sales.bridge.port) as line:
        a = sales.device("a", "sales", url=line.url)
        a.sync()
        sell(a, "before")
        if when in ("in sync", "accepted"):
            a.push()
        if when == "in sync":
            a.sync()
        if when == "sealed":
            line.next(*[Fault.LOSE_ANSWER] * 20, path="POST /v1/log")
            with pytest.raises(sqlite3.OperationalError):
                a.push()
            line.heal()
        copy = a.copy_to(tmp_path / "copy.db")
        sales.devices.append(copy)

        sell(a, "a 1")
        a.sql("update sales set amount = 5 where id = 'before'")
        a.sync()
        sell(copy, "copy 1", "copy 2")
        copy.sync()
        sell(a, "a 2")
        sell(copy, "copy 3")
        sales.settle()

    sales.assert_equal("sales")
    counts = audit(sales)
    assert {key for key, operation in counts} == {"before", "a 1", "a 2", "copy 1", "copy 2", "copy 3"}
    assert all(counts[(key, "insert")] == 1 for key, _ in counts)
    assert sales.database.value("select amount from sales where id = 'before'") == 5
    assert all(device.pending() == [] for device in (a, copy))
    assert a.status()["device"] != copy.status()["device"]


@pytest.mark.parametrize("state", ["pending", "sealed", "accepted"])
def test_a_device_that_connects_anew_repeats_nothing(sales: Fleet, state: str) -> None:
    with FaultProxy(sales.bridge.port) as line:
        a = sales.device("a", "sales", url=line.url)
        a.sync()
        sell(a, "1", "2")
        if state == "sealed":
            line.next(*[Fault.LOSE_ANSWER] * 20, path="POST /v1/log")
            with pytest.raises(sqlite3.OperationalError):
                a.push()
        if state == "accepted":
            a.push()
    a.sql("select tidemark_disconnect()")
    a.sql("update sales set amount = 3 where id = '1'")
    a.connect(sales.bridge.url)
    sales.settle()
    sales.assert_equal("sales")
    assert a.pending() == []
    assert sales.database.sql("select id, amount from sales order by 1") == [("1", 3), ("2", 1)]
    assert all(audit(sales)[(key, "insert")] == 1 for key in ("1", "2"))


@pytest.fixture
def stock(fleet: Fleet) -> Fleet:
    fleet.hub("create table stock (id text primary key, n integer, note text)",
              "insert into stock values ('a', 10, 'x'), ('b', 10, 'x'), ('gone', 10, 'x')")  # fmt: skip
    fleet.track("stock")
    fleet.hub("select tidemark.policy('stock', 'n', 'sum')", "select tidemark.policy('stock', 'note', 'hub')")
    return fleet


def connect_anew(device: Device, fleet: Fleet, how: str) -> None:
    """By the address that it has."""
    url = device.status()["url"]
    if how == "revoked":
        fleet.hub(f"select tidemark.revoke_device('{device.identity()}')")
    else:
        device.sql("select tidemark_disconnect()")
    device.connect(url)


@pytest.mark.parametrize("how", ["disconnected", "revoked"])
@pytest.mark.parametrize("state", ["accepted", "answer lost", "request lost"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_sum_is_counted_once_when_its_device_connects_anew(stock: Fleet, how: str, state: str, times: int) -> None:
    """What was pushed under the former name is found in the log, or is known not to be there."""
    with FaultProxy(stock.bridge.port) as line:
        a = stock.device("a", "stock", url=line.url)
        b = stock.device("b", "stock")
        b.sql("update stock set n = n - 1 where id = 'a'")
        b.sync()
        a.sql("update stock set n = n - 1, note = 'sold' where id = 'a'")
        a.sql("insert into stock values ('new', 5, 'x')")
        a.sql("delete from stock where id = 'gone'")
        if state == "accepted":
            assert a.push()["pushed"] == 3
        else:
            fault = Fault.LOSE_ANSWER if state == "answer lost" else Fault.LOSE_REQUEST
            line.next(*[fault] * 20, path="POST /v1/log")
            with pytest.raises(sqlite3.OperationalError):
                a.push()
            line.heal()
        a.sql("update stock set n = n - 2, note = 'sold again' where id = 'a'")
        a.sql("update stock set n = n - 2 where id = 'new'")
        b.sql("update stock set n = n - 1 where id = 'b'")
        b.sync()
        for _ in range(times):
            connect_anew(a, stock, how)
        stock.settle()
    stock.assert_equal("stock")
    for device in (a, b):
        assert device.pending() == []
        assert device.sql("select * from tidemark_conflicts where state <> 'merged'") == []
    assert stock.database.sql("select * from stock order by id") == [("a", 6, "sold again"), ("b", 9, "x"), ("new", 3, "x")]


def test_what_the_hub_refused_while_the_answer_was_lost_goes_again(stock: Fleet) -> None:
    """The log has the push without what was refused of it, and does not say that it was."""
    stock.hub("alter table stock add check (n >= 0)")
    with FaultProxy(stock.bridge.port) as line:
        a = stock.device("a", "stock", url=line.url)
        a.sql("update stock set n = n - 3 where id = 'a'")
        a.sql("update stock set n = n - 30 where id = 'b'")
        line.next(*[Fault.LOSE_ANSWER] * 20, path="POST /v1/log")
        with pytest.raises(sqlite3.OperationalError):
            a.push()
        line.heal()
        connect_anew(a, stock, "disconnected")
    a.connect(stock.bridge.url)
    assert a.status()["pushes"][0]["state"] == "unknown"
    assert [state for *_, state in a.pending()] == ["sent", "sent"]
    assert a.sync()["rejected"] == 1
    assert a.pending() == [("stock", '["b"]', "update", "rejected")]
    assert stock.database.sql("select id, n from stock order by id") == [("a", 7), ("b", 10), ("gone", 10)]


@pytest.mark.parametrize("pending", [False, True])
def test_a_restored_file_loses_and_repeats_nothing(sales: Fleet, tmp_path: Path, pending: bool) -> None:
    a = sales.device("a", "sales")
    sell(a, "1")
    a.sync()
    if pending:
        sell(a, "at backup")
    backup = a.copy_to(tmp_path / "backup.db")
    sell(a, "after backup")
    a.sync()
    a.sql("update sales set amount = 8 where id = '1'")
    a.sync()
    backup.copy_to(a.path)

    sell(a, "after restore")
    sales.settle()

    sales.assert_quiet()
    sales.assert_equal("sales")
    ids = ["1", "after backup", "after restore"] + (["at backup"] if pending else [])
    assert audit(sales) == inserted_once(*ids) + Counter([("1", "update")])
    assert sales.database.value("select amount from sales where id = '1'") == 8


def pause(seconds: float) -> None:
    """Lets a random instant come: here the time is what is tested."""
    threading.Event().wait(seconds)
