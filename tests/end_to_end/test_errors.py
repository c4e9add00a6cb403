"""What a person can get wrong, and what a line can: one clear error with a hint, and nothing is changed."""

import re
import shutil
import sqlite3
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import psycopg2
import pytest

from support import Bridge, Database, Device, Fault, FaultProxy, Fleet, wait_until
from support.cluster import free_port
from support.device import open_with_extension
from support.paths import DEVICE_EXTENSION

NOTES = "create table notes (id uuid primary key default gen_random_uuid(), body text, n integer)"


@pytest.fixture
def notes(fleet: Fleet) -> Fleet:
    """A hub with one tracked table and three rows."""
    fleet.hub(NOTES, "insert into notes (body, n) select 'note ' || i, i from generate_series(1, 3) i")
    fleet.track("notes")
    return fleet


@pytest.fixture
def a(notes: Fleet) -> Device:
    """A device in sync that has one pending change."""
    device = notes.device("a", "notes")
    device.sync()
    device.sql("insert into notes (body) values ('mine')")
    return device


@contextmanager
def one_clear_error(device: Device, message: str) -> Iterator[None]:
    """The block ends with an error that has a hint; rows, schema and what is pending stay as they were."""
    before = everything_in(device)
    with pytest.raises(sqlite3.Error) as raised:
        yield
    assert re.search(message, str(raised.value), re.IGNORECASE), raised.value
    assert "Hint: " in str(raised.value), raised.value
    assert everything_in(device) == before


def everything_in(device: Device) -> dict:
    """Schema and rows, but for what the extension notes of its attempts."""
    tables = [name for (name,) in device.sql("select name from sqlite_schema where type = 'table' order by name")]
    user_tables = [name for name in tables if not name.startswith(("tidemark_", "sqlite_"))]
    is_set_up = "tidemark_pending" in [name for (name,) in device.sql("select name from sqlite_schema")]
    return {
        "schema": [sql for (sql,) in device.sql("select sql from sqlite_schema where name not like 'tidemark%'")],
        "rows": {table: device.rows(table) for table in user_tables},
        "pending": [row[:3] for row in device.pending()] if is_set_up else [],  # "pending" may become "sent"
        "tracked": device.sql("select table_name from tidemark_tables") if is_set_up else [],
    }


def gets_through(device: Device) -> bool:
    try:
        device.sync()
    except sqlite3.OperationalError:
        return False
    return True


# -- tables ---------------------------------------------------------------------------------------------


def test_an_unknown_table(notes: Fleet, a: Device) -> None:
    with one_clear_error(a, '"nowhere"'):
        a.track("nowhere")


def test_a_table_that_the_hub_does_not_track(notes: Fleet, a: Device) -> None:
    a.sql("create table mine_only (id text primary key)")
    with one_clear_error(a, '"mine_only"'):
        a.track("mine_only")


@pytest.mark.parametrize("name", ["tidemark_pending", "tidemark_log_1", "Tidemark_Notes", "sqlite_schema"])
def test_a_reserved_name(notes: Fleet, a: Device, name: str) -> None:
    with one_clear_error(a, "reserved"):
        a.track(name)


def test_a_column_missing_on_the_device_is_named(notes: Fleet) -> None:
    b = notes.unconnected("b")
    b.plain_sql("create table notes (id text primary key not null, body text)")
    b.connect(notes.bridge.url)
    with one_clear_error(b, '"n"'):
        b.track("notes")


def test_another_primary_key_is_refused(notes: Fleet) -> None:
    b = notes.unconnected("b")
    b.plain_sql("create table notes (id text, body text, n integer, primary key (id, n))")
    b.connect(notes.bridge.url)
    with one_clear_error(b, "primary key"):
        b.track("notes")


def test_more_tables_than_a_view_may_join(fleet: Fleet) -> None:
    """SQLite's limit is 500; here it is lowered, as an application may."""
    device = fleet.unconnected("device")
    device.connection.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 3)
    for number in range(4):
        device.sql(f"create table t{number} (id text primary key)")
    device.track("t0", "t1", "t2")
    with one_clear_error(device, "more than 3 tracked tables"):
        device.track("t3")
    device.sql("insert into t2 values ('x')")
    device.sql("insert into t3 values ('y')")
    assert device.pending() == [("t2", '["x"]', "insert", "pending")]
    device.sql("select tidemark_untrack('t0')")
    device.track("t3")
    assert device.pending() == [("t2", '["x"]', "insert", "pending"), ("t3", '["y"]', "insert", "pending")]


def test_sync_without_a_hub_says_connect(fleet: Fleet) -> None:
    b = fleet.unconnected("b")
    b.plain_sql("create table notes (id text primary key)")
    for call in (b.sync, b.pull, b.push):
        with one_clear_error(b, "connect"):
            call()
    with one_clear_error(b, "connect"):
        b.track("not_there_yet")


def test_tracking_before_connecting(notes: Fleet) -> None:
    b = notes.unconnected("b")
    b.plain_sql("create table notes (id text primary key not null, body text, n integer)")
    b.plain_sql("insert into notes values ('018ff383-3e37-7615-b764-c241f544e573', 'before tracking', 1)")
    b.track("notes")
    b.plain_sql("insert into notes values ('018ff383-3e37-7615-b764-c241f544e574', 'before connecting', 2)")
    b.connect(notes.bridge.url)
    notes.settle()
    notes.assert_quiet()
    notes.assert_equal("notes")
    assert notes.database.value("select count(*) from notes") == 5


@pytest.mark.parametrize("definition, target, message", [
    ("create table t (a integer)", "t", "primary key"),
    ("create view t as select 1 as id", "t", "view|not a table"),
    ("create unlogged table t (id integer primary key)", "nowhere", "nowhere"),
    ("create table t (id bigserial primary key)", "tidemark.tables", "not a table|system table"),
    ("create temp table t (id text primary key)", "t", "temporary"),
])  # fmt: skip
def test_the_hub_refuses_by_name(database: Database, definition: str, target: str, message: str) -> None:
    database.sql(definition)
    with pytest.raises(psycopg2.Error) as raised:
        database.sql("select tidemark.track(%s)", [target])
    assert re.search(message, str(raised.value), re.IGNORECASE), raised.value
    assert database.value("select count(*) from tidemark.tables") == 0


# -- a column that only one side has ----------------------------------------------------------------------


def test_a_column_added_on_the_hub_first(notes: Fleet, a: Device) -> None:
    b = notes.device("b", "notes")
    notes.settle()
    notes.hub("alter table notes add column colour text", "update notes set colour = 'red' where n = 1")
    a.sql("insert into notes (body) values ('before a knows')")
    notes.settle()
    notes.hub("update notes set n = 10 where n = 1")
    notes.settle()

    for device in (a, b):
        device.sql("alter table notes add column colour text")
        device.sync()
    a.sql("update notes set colour = 'blue' where n = 2")
    notes.settle()

    notes.assert_quiet()
    notes.assert_equal("notes")
    assert notes.database.value("select colour from notes where n = 2") == "blue"


def test_a_column_added_on_the_device_first(notes: Fleet, a: Device) -> None:
    b = notes.device("b", "notes")
    notes.settle()
    a.plain_sql("alter table notes add column colour text")
    a.plain_sql("update notes set colour = 'green' where n = 1")
    a.plain_sql("insert into notes (id, body, colour) values ('0199a3b4-0000-7000-8000-00000000c010', 'new', 'blue')")
    a.plain_sql("update notes set body = 'changed' where n = 2")
    b.sql("update notes set body = 'from b' where n = 3")
    notes.settle()  # the other columns sync
    assert notes.database.value("select body from notes where n = 2") == "changed"
    assert a.value("select body from notes where n = 3") == "from b"

    notes.hub("alter table notes add column colour text")
    b.sql("alter table notes add column colour text")
    notes.settle()

    notes.assert_equal("notes")
    assert notes.database.value("select colour from notes where n = 1") == "green"
    assert notes.database.value("select colour from notes where body = 'new'") == "blue"


# -- the line ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "nonsense", "htp://127.0.0.1:1", "http://", "file:///etc/passwd"])
def test_a_wrong_url(fleet: Fleet, url: str) -> None:
    b = fleet.unconnected("b")
    with one_clear_error(b, "url|address|scheme"):
        b.connect(url)


def test_a_host_that_does_not_exist(fleet: Fleet) -> None:
    b = fleet.unconnected("b")
    with one_clear_error(b, "resolve|host"):
        b.connect("http://no-such-host.invalid:8880")


def test_a_hub_that_is_down(notes: Fleet, a: Device) -> None:
    b = notes.unconnected("b")
    with one_clear_error(b, "connect|reach"):
        b.connect(f"http://127.0.0.1:{free_port()}")
    notes.bridge.kill()
    for call in (a.sync, a.pull, a.push):
        with one_clear_error(a, "connect|reach"):
            call()
    notes.bridge.start()
    notes.settle([a])
    notes.assert_equal("notes", devices=[a])


def test_postgresql_down(notes: Fleet, a: Device) -> None:
    notes.database.reconnect()
    notes.database.cluster.kill()
    with one_clear_error(a, "unavailable|later|down|database|connect"):
        a.sync()
    notes.database.cluster.restart()
    wait_until(lambda: gets_through(a), "a sync that gets through")
    notes.settle([a])
    notes.assert_equal("notes", devices=[a])


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.UNAVAILABLE, Fault.CUT, Fault.CORRUPT, Fault.LOSE_REQUEST])
@pytest.mark.parametrize("path", ["GET /v1/log", "POST /v1/log"])
def test_rubbish_on_the_line(notes: Fleet, fault: Fault, path: str) -> None:
    with FaultProxy(notes.bridge.port) as line:
        b = notes.device("b", "notes", url=line.url)
        b.sync()
        b.sql("insert into notes (body) values ('mine')")
        notes.hub("insert into notes (body) select repeat('a page of some size ', 9) from generate_series(1, 200)")
        call = b.pull if path.startswith("GET") else b.push

        line.next(*[fault] * 20, path=path)  # whatever it tries again
        before = b.rows("notes")
        with pytest.raises(sqlite3.Error) as raised:
            call()
        assert "Hint: " in str(raised.value), raised.value
        assert b.rows("notes") == before
        assert len(b.pending()) == 1

        line.heal()
        notes.settle([b])
        notes.assert_quiet([b])
        notes.assert_equal("notes", devices=[b])


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.CUT, Fault.CORRUPT, Fault.LOSE_ANSWER])
def test_rubbish_during_the_first_load(notes: Fleet, fault: Fault) -> None:
    notes.hub("insert into notes (body) select 'row ' || i from generate_series(1, 5000) i")
    with FaultProxy(notes.bridge.port) as line:
        b = notes.device("b", "notes", url=line.url)
        line.next(*[fault] * 3, path="GET /v1/tables/notes/rows")
        for _ in range(8):
            try:
                b.sync()
            except sqlite3.Error as error:
                assert "Hint: " in str(error)
        notes.settle([b])
    notes.assert_quiet([b])
    notes.assert_equal("notes", devices=[b])


def make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_a_certificate_that_does_not_verify(database: Database, tmp_path: Path) -> None:
    make_certificate(tmp_path)
    database.sql(NOTES)
    database.sql("select tidemark.track('notes')")
    options = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with Bridge(database.bridge_dsn(), tmp_path / "tls.log", options) as bridge, Device(tmp_path / "b.db") as b:
        with one_clear_error(b, "certificate"):
            b.connect(bridge.url)
        b.connect(bridge.url, ca=str(tmp_path / "cert.pem"))
        b.track("notes")
        b.sql("insert into notes (body) values ('by TLS')")
        b.sync()
        assert database.value("select body from notes") == "by TLS"


def test_connecting_again_keeps_what_is_said_of_the_way(notes: Fleet, a: Device, tmp_path: Path) -> None:
    """What is not said stays as it was: the certificate's authority, the time-out."""

    def kept() -> dict:
        return dict(a.sql("select key, value from tidemark_meta where key in ('ca', 'timeout', 'device')"))

    device = a.identity()
    options = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    make_certificate(tmp_path)
    old = str(shutil.copy(tmp_path / "cert.pem", tmp_path / "old.pem"))
    with Bridge(notes.database.bridge_dsn(), tmp_path / "tls.log", options) as bridge:
        a.connect(bridge.url, ca=old, timeout=50)
        a.connect(bridge.url)
        assert kept() == {"ca": old, "timeout": "50", "device": device}
        a.sync()
        make_certificate(tmp_path)
        bridge.restart()
        with one_clear_error(a, "certificate"):
            a.sync()
        a.connect(bridge.url, ca=str(tmp_path / "cert.pem"))
        assert kept() == {"ca": str(tmp_path / "cert.pem"), "timeout": "50", "device": device}
        a.sync()
    a.connect(notes.bridge.url, ca="")
    assert kept() == {"ca": "", "timeout": "50", "device": device}
    a.sync()


# -- who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user, secret", [("till", "wrong"), ("nobody", "secret"), ("till", ""), ("", "")])
def test_a_wrong_secret(notes: Fleet, user: str, secret: str) -> None:
    b = notes.unconnected("b")
    with one_clear_error(b, "secret|user"):
        b.connect(notes.bridge.url, user, secret)


def test_a_revoked_device_keeps_its_pending_changes(notes: Fleet, a: Device) -> None:
    notes.hub("select tidemark.revoke_device(id) from tidemark.devices")
    for call in (a.sync, a.pull, a.push):
        with one_clear_error(a, "revoked"):
            call()
    a.connect(notes.bridge.url)
    notes.settle([a])
    notes.assert_quiet([a])
    notes.assert_equal("notes", devices=[a])


def test_a_dropped_user(notes: Fleet, a: Device) -> None:
    notes.hub("select tidemark.drop_user('till')")
    with one_clear_error(a, "revoked|unauthorized|token|dropped"):
        a.sync()


def test_a_user_without_the_right(notes: Fleet) -> None:
    notes.hub("select tidemark.create_user('guest', 'secret')")
    b = notes.unconnected("b")
    with pytest.raises(sqlite3.Error, match="Hint: "):
        b.connect(notes.bridge.url, "guest")
        b.track("notes")
        b.sync()


# -- the file ---------------------------------------------------------------------------------------------


def test_a_read_only_file(notes: Fleet, a: Device) -> None:
    before = everything_in(a)
    connection = open_with_extension(a.path)
    connection.execute("pragma query_only = on")
    for call in ("tidemark_sync()", "tidemark_pull()", "tidemark_push()", "tidemark_untrack('notes', '{\"discard\":true}')"):
        with pytest.raises(sqlite3.Error, match="readonly|read-only"):
            connection.execute(f"select {call}")
    connection.close()
    assert everything_in(a) == before


def test_a_file_opened_read_only(notes: Fleet, a: Device) -> None:
    notes.hub("update notes set n = n + 1")
    before = everything_in(a)
    connection = sqlite3.connect(f"file:{a.path}?mode=ro", uri=True, isolation_level=None)
    connection.enable_load_extension(True)
    connection.load_extension(str(DEVICE_EXTENSION))
    assert connection.execute("select count(*) from notes").fetchone() == (4,)
    with pytest.raises(sqlite3.Error, match="readonly|read-only"):
        connection.execute("select tidemark_sync()")
    connection.close()
    assert everything_in(a) == before


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_locked_database_waits_for_the_busy_timeout(notes: Fleet, a: Device, journal: str) -> None:
    a.sql(f"pragma journal_mode = {journal}")
    notes.hub("update notes set n = n + 1")
    other = sqlite3.connect(a.path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    a.sql("pragma busy_timeout = 50")
    with pytest.raises(sqlite3.OperationalError, match="locked|busy"):
        a.sync()

    a.sql("pragma busy_timeout = 10000")
    other.execute("update notes set body = 'held' where n = 3")
    release = threading.Timer(0.3, lambda: other.execute("commit"))
    release.start()
    notes.settle([a])
    release.join()
    other.close()
    notes.assert_equal("notes", devices=[a])


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_network_call_inside_a_transaction_that_has_read(notes: Fleet, a: Device, journal: str) -> None:
    """To wait would not help: the lock in the way is the caller's own."""
    a.sql(f"pragma journal_mode = {journal}")
    a.sql("begin")
    a.sql("select count(*) from notes")
    if journal == "wal":
        a.sync()
    else:
        with pytest.raises(sqlite3.Error, match="without a write-ahead log.*Hint: COMMIT first") as raised:
            a.sync()
        assert not isinstance(raised.value, sqlite3.OperationalError)  # as SQLITE_BUSY is
    a.sql("commit")
    notes.settle([a])
    notes.assert_equal("notes", devices=[a])


def test_a_network_call_inside_the_callers_write_transaction(notes: Fleet, a: Device) -> None:
    a.sql("begin")
    a.sql("insert into notes (body) values ('not committed')")
    for call in (a.sync, a.pull, a.push):
        with one_clear_error(a, "transaction"):
            call()
    a.sql("rollback")
    notes.settle([a])
    notes.assert_equal("notes", devices=[a])
    assert notes.database.value("select count(*) from notes") == 4


def test_a_full_disk(notes: Fleet, a: Device) -> None:
    notes.hub("insert into notes (body) select repeat('x', 1000) from generate_series(1, 500)")
    before = everything_in(a)
    a.sql("pragma max_page_count = 1")  # at once as many as there are
    with pytest.raises(sqlite3.Error, match="full"):
        a.sync()
    assert everything_in(a)["rows"] == before["rows"]
    assert everything_in(a)["pending"] == before["pending"]
    a.sql("pragma max_page_count = 1000000")
    notes.settle([a])
    notes.assert_quiet([a])
    notes.assert_equal("notes", devices=[a])


def test_a_file_of_another_build(notes: Fleet, a: Device) -> None:
    a.sql("update tidemark_meta set value = '1' where key = 'version'")
    before = everything_in(a)
    for call in ("status()", "sync()", "track('notes')", "untrack('notes')", "connect('http://127.0.0.1:1', 'till', 'x')"):
        with pytest.raises(sqlite3.Error, match='another build of Tidemark .* version "1" .* needs "3". Hint: Sync once more'):
            a.sql(f"select tidemark_{call}")
    assert everything_in(a) == before


def test_calling_twice_does_no_harm(notes: Fleet, a: Device) -> None:
    a.connect(notes.bridge.url)
    a.track("notes")
    a.track("notes")
    a.sync()
    a.sync()
    a.sql("select tidemark_disconnect()")
    a.sql("select tidemark_disconnect()")
    a.connect(notes.bridge.url)
    notes.settle([a])
    notes.assert_equal("notes", devices=[a])
    a.sql("select tidemark_untrack('notes')")
    a.sql("select tidemark_untrack('notes')")
    a.sql("update notes set n = -1")
    a.track("notes")
    notes.settle([a])
    notes.assert_equal("notes", devices=[a])


def test_disconnect_and_untrack_leave_a_plain_file(notes: Fleet, a: Device) -> None:
    a.sync()
    a.sql("select tidemark_untrack('notes')")
    triggers = a.sql("select name from sqlite_schema where type = 'trigger'")
    assert triggers == []
    shutil.copy(a.path, a.path.with_suffix(".copy"))
    assert sqlite3.connect(a.path.with_suffix(".copy")).execute("select count(*) from notes").fetchone() == (4,)
