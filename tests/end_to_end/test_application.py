"""What the application has in its file besides columns: ON CONFLICT clauses, and triggers that end the transaction."""

import sqlite3

import pytest

from support import Fleet


@pytest.mark.parametrize("with_trigger", [False, True], ids=["", "and a trigger"])
@pytest.mark.parametrize("clause", ["rollback", "replace", "ignore", "fail"])
def test_conflict_clauses_of_the_table_are_for_the_application(fleet: Fleet, clause: str, with_trigger: bool) -> None:
    fleet.hub("create table t (id text primary key, sku text unique, n integer)", "insert into t values ('a', 'A', 1), ('b', 'B', 1)")
    fleet.track("t")
    till = fleet.unconnected("till")
    till.sql(f"create table t (id text primary key not null on conflict {clause}, sku text unique on conflict {clause}, n integer)")
    till.connect(fleet.bridge.url)
    till.track("t")
    if with_trigger:
        till.sql("create table seen (id)")
        till.sql("create trigger seeing after insert on t begin insert into seen values (new.id); end")
    till.sql("insert into t values ('mine', 'NEW', 5)")
    till.sql("update t set n = 7 where id = 'a'")
    fleet.hub("insert into t values ('theirs', 'NEW', 6)", "update t set sku = 'C' where id = 'b'", "update t set sku = 'B' where id = 'a'")
    till.sync()
    fleet.settle()
    fleet.assert_equal("t")
    assert till.rows("t") == [("a", "B", 7), ("b", "C", 1), ("theirs", "NEW", 6)]
    assert till.sql("select kind, json_extract(mine, '$.id') from tidemark_conflicts") == [("unique", "mine")]
    if with_trigger and clause in ("replace", "fail"):
        assert ("theirs",) in till.rows("seen")


def test_not_null_on_conflict_replace_gives_no_row_of_the_hub_another_value(fleet: Fleet) -> None:
    fleet.hub("create table t (id text primary key, v text, n integer)", "insert into t values ('a', 'A', 1)")
    fleet.track("t")
    till = fleet.unconnected("till")
    till.sql("create table t (id text primary key not null, v text not null on conflict replace default 'd', n int not null on conflict ignore)")
    till.connect(fleet.bridge.url)
    till.track("t")
    fleet.hub("update t set v = null", "insert into t values ('b', 'B', null)")
    till.sync()
    assert till.rows("t") == [("a", "A", 1)]  # this database cannot hold what the hub has: listed
    assert till.sql("select kind, key, column_name from tidemark_conflicts order by key") == [
        ("constraint", '["a"]', None), ("constraint", '["b"]', None)]  # fmt: skip


@pytest.fixture
def stock(fleet: Fleet) -> Fleet:
    fleet.hub("create table stock (id text primary key, n integer, note text)", "insert into stock values ('a', 10, 'x'), ('bad', 1, 'x')")
    fleet.track("stock")
    fleet.hub("select tidemark.policy('stock', 'n', 'sum')")
    return fleet


ROLLING_BACK = {
    "raise": ("create trigger strict after update on stock when new.id = 'bad' begin select raise(rollback, 'not bad'); end",),
    "on conflict": ("create table seen (id unique on conflict rollback)", "insert into seen values ('bad')",
                    "create trigger strict after update on stock begin insert into seen values (new.id); end"),
}  # fmt: skip


@pytest.mark.parametrize("statements", ROLLING_BACK.values(), ids=ROLLING_BACK)
def test_a_trigger_that_rolls_back_stops_nothing(stock: Fleet, statements: tuple[str, ...]) -> None:
    """The page is applied again without it, whole: nothing is counted twice, nothing pending is lost."""
    till = stock.device("till", "stock")
    for statement in statements:
        till.sql(statement)
    till.plain_sql("update stock set n = n - 1, note = 'mine' where id = 'a'")
    if "seen" in statements[0]:
        till.sql("delete from seen where id = 'a'")
    stock.hub("update stock set n = n - 1, note = 'hub'")
    till.sync()
    stock.settle()
    stock.assert_equal("stock")
    assert [n for _, n, _ in till.rows("stock")] == [8, 0]
    assert till.sql("select mine, theirs, result in (mine, theirs) from tidemark_conflicts where column_name = 'note'") == [("mine", "hub", 1)]
    assert "stock" in till.value("select value from tidemark_meta where key = 'trigger_error'")


def test_a_trigger_that_rolls_back_where_a_row_is_lost(stock: Fleet) -> None:
    till = stock.device("till", "stock")
    till.sql("create trigger strict after delete on stock when old.id = 'bad' begin select raise(rollback, 'not bad'); end")
    stock.hub("select tidemark.untrack('stock')", "delete from stock where id = 'bad'", "select tidemark.track('stock')")
    till.sync()
    till.sync()
    stock.assert_equal("stock")
    assert till.sql("select kind, key from tidemark_conflicts") == [("lost", '["bad"]')]


def test_a_trigger_that_rolls_back_stops_a_resolve_and_says_why(stock: Fleet) -> None:
    stock.hub("alter table stock add check (note <> 'wrong')")
    till = stock.device("till", "stock")
    till.sql("update stock set note = 'wrong' where id = 'bad'")
    assert till.sync()["rejected"] == 1
    till.sql("create trigger strict after update on stock when new.id = 'bad' begin select raise(rollback, 'not bad'); end")
    with pytest.raises(sqlite3.Error, match="not bad"):
        till.sql("select tidemark_resolve(1, 'theirs')")
    assert till.rows("stock", "id, note") == [("a", "x"), ("bad", "wrong")]
    assert till.value("select state from tidemark_conflicts") == "open"
    till.sql("drop trigger strict")
    till.sql("select tidemark_resolve(1, 'theirs')")
    till.sync()
    stock.assert_equal("stock")


def test_a_trigger_that_rolls_back_while_the_table_is_loaded(stock: Fleet) -> None:
    till = stock.unconnected("till")
    till.sql("create table stock (id text primary key, n integer, note text)")
    till.sql("create trigger strict after insert on stock when new.id = 'bad' begin select raise(rollback, 'not bad'); end")
    till.connect(stock.bridge.url)
    till.track("stock")
    till.sync()
    stock.assert_equal("stock")
