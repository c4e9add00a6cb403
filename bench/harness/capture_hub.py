"""What tracking costs head office: the same writes to the same table untracked, in one database."""

import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable

from report import Report
from support import process
from support.cluster import binary
from workshop import COLUMNS, Hub, Workshop

CLIENTS = 8
_TRANSACTION_ROWS = 1000
_UPDATE = "\\set place random(0, {last})\nupdate {table} set stock = stock + 1 where id = (select id from head_office where place = :place);\n"
_INSERT = (
    "\\set place random(0, {last})\ninsert into {table} (" + COLUMNS + ") "
    "select gen_random_uuid(), sku, name, description, price, currency, stock, category_id, active, updated_at "
    "from head_office where place = :place;\n"
)


def measure(workshop: Workshop, report: Report, repetitions: int) -> None:
    statements(workshop, Nobody(), True)  # warms up
    for repetition in range(repetitions):
        statements(workshop, report, repetition % 2 == 0)
    for repetition in range(repetitions):
        clients(workshop, report, repetition % 2 == 0)


def statements(workshop: Workshop, report: "Report | Nobody", plain_first: bool) -> None:
    """Bulk writes by one client: as one statement, and a thousand rows to a transaction."""
    for suffix, rows_at_once in (("", workshop.rows), (", 1,000 rows a transaction", _TRANSACTION_ROWS)):
        with workshop.hub() as hub:
            if rows_at_once < workshop.rows:
                hub.sql("set enable_hashjoin = off")  # a slice is looked up by key, not by a scan of both tables
                hub.sql("set enable_mergejoin = off")
            for name, statement in (
                ("insert", f"insert into {{table}} ({COLUMNS}) select {COLUMNS} from head_office where place >= %s and place < %s"),
                ("update 1 column", "update {table} t set price = t.price + 1 from head_office h "
                                    "where h.id = t.id and h.place >= %s and h.place < %s"),
            ):
                took = {}
                for table in ("plain", "products") if plain_first else ("products", "plain"):
                    hub.sql("checkpoint")
                    took[table] = timed(hub, lambda: in_slices(hub, statement.format(table=table), workshop.rows, rows_at_once))
                    hub.sql(f"vacuum analyze {table}")
                (ours, our_cpu), (floor, floor_cpu) = took["products"], took["plain"]
                report.pair("hub capture", name + suffix, "untracked", ours, floor, bar=2.0, rows=workshop.rows,
                            cpu=(our_cpu, floor_cpu))
            workshop.assert_same("hub capture", hub.digest("products"), hub.digest("plain"))
            logged = hub.sql("select count(*) from tidemark._change")[0][0]
            assert logged == 2 * workshop.rows, f"{logged} changes logged"


def in_slices(hub: Hub, statement: str, rows: int, rows_at_once: int) -> None:
    for start in range(0, rows, rows_at_once):
        hub.sql(statement, [start, start + rows_at_once])


def timed(hub: Hub, body: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the wall, and of the backend's processor time."""
    pid = hub.sql("select pg_backend_pid()")[0][0]
    cpu, wall = cpu_of(pid), time.monotonic()
    body()
    return time.monotonic() - wall, cpu_of(pid) - cpu


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def clients(workshop: Workshop, report: Report, plain_first: bool) -> None:
    """Transactions of one row by eight clients, while the log is put in order as by a busy bridge."""
    for name, script in (("update", _UPDATE), ("insert", _INSERT)):
        with workshop.hub() as hub:
            for table in ("plain", "products"):
                in_slices(hub, f"insert into {table} ({COLUMNS}) select {COLUMNS} from head_office where place >= %s and place < %s",
                          workshop.rows, workshop.rows)
                hub.sql(f"vacuum analyze {table}")
            hub.sql("select tidemark.sequence()")
            rate = {}
            for table in ("plain", "products") if plain_first else ("products", "plain"):
                hub.sql("checkpoint")
                with Sequencer(hub) if table == "products" else Nobody():
                    rate[table] = pgbench(hub, script.format(table=table, last=workshop.rows - 1), workshop.seconds)
            assert_log_is_whole(hub)
            report.pair("hub capture", f"{CLIENTS} clients, single-row {name}s", "untracked", rate["products"], rate["plain"],
                        bar=0.6, at_least=True, unit="tx/s")


def assert_log_is_whole(hub: Hub) -> None:
    """Every row of the table is as the log says."""
    hub.sql("select tidemark.sequence()")
    waiting = hub.sql("select count(*) from tidemark._inbox")[0][0]
    wrong = hub.sql(
        "select count(*) from products p full join (select distinct on (key) key::jsonb ->> 0 as id from tidemark.log "
        "where operation = 'insert') l on l.id = p.id::text where p.id is null or l.id is null")[0][0]
    stock = hub.sql(
        "select count(*) from (select distinct on (key) key::jsonb ->> 0 as id, (changed ->> 'stock')::int as stock "
        "from tidemark.log order by key, seq desc, n desc) l join products p on p.id::text = l.id "
        "where l.stock is distinct from p.stock")[0][0]
    if waiting or wrong or stock:
        raise AssertionError(f"the log differs from the table: {waiting} unnumbered, {wrong} keys, {stock} values")


def pgbench(hub: Hub, script: str, seconds: int) -> float:
    """Transactions per second."""
    file = hub.workshop.folder / "script.sql"
    file.write_text(script)
    made = subprocess.run(
        [binary("pgbench"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-f", file, hub.name],
        env=process.plain_environment() | hub.workshop.cluster.environment(), capture_output=True, text=True, check=True)
    return float(re.search(r"tps = ([\d.]+)", made.stdout)[1])


class Sequencer(threading.Thread):
    """Calls tidemark.sequence() ten times a second, as pulls of devices do."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub
        self._end = threading.Event()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()

    def run(self) -> None:
        connection = self._hub.database.connect()
        while not self._end.wait(0.1):
            connection.cursor().execute("select tidemark.sequence()")
        connection.close()


class Nobody:
    """Does nothing in a Sequencer's place, and forgets what a Report would keep."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def pair(self, *_: object, **__: object) -> None: ...
