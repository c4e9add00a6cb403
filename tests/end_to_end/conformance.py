"""What the conformance tests share: a fleet that a whole file uses, and a device by hand that chooses its times."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from support import Bridge, Cluster, Device, Fleet, wait_until
from support.log_reader import LogReader


SMALL_PAGES = ("--page-bytes", "1000")
BASE = ("insert into notes (id, title, n) values ('x', 'one', 1), ('y', 'one', 2), ('z', 'two', 2)",
        "insert into places values ('v', 2, 'k')")  # fmt: skip


@contextmanager
def shared_fleet(cluster: Cluster, folder: Path) -> Iterator[Fleet]:
    """A hub, its bridge and devices to be made, for many cases that keep to rows of their own."""
    database = cluster.create_database()
    database.sql("select tidemark.create_user('till', 'secret')")
    database.sql("select tidemark.grant('till')")
    with Bridge(database.bridge_dsn(), folder / "bridge.log") as bridge:
        fleet = Fleet(database, bridge, folder)
        yield fleet
        fleet.close()
    database.drop()


@contextmanager
def newcomer(fleet: Fleet, url: str = "", *tables: str) -> Iterator[Device]:
    """A device for one case."""
    device = fleet.device(f"new {len(list(fleet.folder.glob('*.db')))}", *tables, url=url)
    try:
        yield device
    finally:
        device.close()
        fleet.devices.remove(device)


def head(fleet: Fleet) -> int:
    """The number of the log's last commit."""
    fleet.database.sql("select tidemark.sequence()")
    return fleet.database.value("select coalesce(max(seq), 0) from tidemark.log")


SCHEMA = (
    "create table notes (id text primary key, title text, n integer, body bytea, at timestamptz)",
    "create table places (v text, b integer, a text, primary key (a, b))",
    "create table folders (id uuid primary key default tidemark.uuid(), name text)",
    "create table files (id uuid primary key default tidemark.uuid(), folder uuid references folders, name text)",
)
TABLES = ("notes", "places", "folders", "files")


@contextmanager
def notes_fleet(cluster: Cluster, folder: Path) -> Iterator[Fleet]:
    """Four tables and three devices, which also have drafts of their own; what the third reads comes in small pages."""
    with shared_fleet(cluster, folder) as fleet:
        fleet.hub(*SCHEMA)
        fleet.track(*TABLES)
        with Bridge(fleet.database.bridge_dsn(), folder / "small.log", SMALL_PAGES) as small:
            for name, url in (("one", ""), ("two", ""), ("small", small.url)):
                fleet.device(name, *TABLES, url=url).sql("create table drafts (id text)")
            yield fleet
            fleet.close()


def empty(fleet: Fleet, *statements: str) -> Fleet:
    """Takes what an earlier case has left, and writes what the next one begins with."""
    fleet.hub(*(f"delete from {table}" for table in reversed(TABLES)), *statements)
    fleet.settle()
    return fleet


class Audit:
    """What a device's own triggers are told while it syncs."""

    def __init__(self, device: Device, table: str) -> None:
        self.device = device
        device.sql("create table if not exists audit (id text, operation text)")
        for operation, row in (("insert", "new"), ("update", "new"), ("delete", "old")):
            device.sql(f"create trigger if not exists audit_{operation} after {operation} on {table} begin"
                       f" insert into audit values ({row}.id, '{operation}'); end")  # fmt: skip

    def forget(self) -> None:
        self.device.sql("delete from audit")

    def told(self, key: str) -> list[str]:
        return [operation for (operation,) in self.device.sql("select operation from audit where id = ?", [key])]


class Hand(LogReader):
    """A device that is written by hand from docs/protocol.md, and gives its changes the times that it wants."""

    pushes = 0

    def push(self, header: dict, *changes: list) -> dict:
        """One push of changes to one table: [0, OPERATION, KEY, VALUES, COLUMNS, AT]."""
        self.pushes += 1
        status = self.get("/v1/status")
        body = {"push": self.pushes, "epoch": status["epoch"], "cursor": str(status["head"]), "tables": [header], "changes": changes}
        answer = self._request("/v1/log", self.authorization, body)
        assert answer["rejected"] == [], answer
        return answer


def later() -> None:
    """Lets this machine's clock move on, so that what is written next is written later."""
    now_s = time.time()
    wait_until(lambda: time.time() > now_s + 0.004, "the next moment")


def write(device: Device, *keys: str) -> None:
    """A note for each key, each later than the one before."""
    for key in keys:
        device.sql("insert into notes (id, title) values (?, ?)", (key, f"title of {key}"))
        later()
