"""What every part needs: a throwaway cluster, databases that start alike, a bridge, device files, and the
proof that two databases hold the same rows."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from support.bridge import Bridge
from support.cluster import Cluster, Database

# PostgreSQL's defaults, fsync and all, but for room: no timed checkpoint falls into one of two neighbours.
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
}

HEAD_OFFICE, SHOP = 1, 2  # seeds of two catalogues with nothing in common

COLUMNS = "id, sku, name, description, price, currency, stock, category_id, active, updated_at"
_SHAPE = """(
  id          uuid primary key,
  sku         text not null,
  name        text not null,
  description text not null,
  price       numeric(10,2) not null,
  currency    text not null,
  stock       integer not null,
  category_id uuid not null,
  active      boolean not null,
  updated_at  timestamptz not null)"""
_CANONICAL = {
    "price": "price::text",
    "active": "active::int",
    "updated_at": "to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')",
}


class Workshop:
    def __init__(self, folder: Path, build: Path, rows: int, seconds: int) -> None:
        self.folder = folder
        self.rows = rows
        self.seconds = seconds
        self.program = build / "bench" / "tidemark_bench_device"
        self.extension = build / "sqlite_extension" / "tidemark.so"
        self._count = 0

    def __enter__(self) -> "Workshop":
        self.cluster = Cluster(self.folder / "cluster", SETTINGS).start()
        self._make_template()
        self._make_device_templates()
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.stop()

    # -- the hub ------------------------------------------------------------------------------------

    def hub(self) -> "Hub":
        """A database with both catalogues in tables of their own, `products` tracked and `plain` not,
        both empty."""
        self._count += 1
        return Hub(self, f"hub{self._count}")

    def _make_template(self) -> None:
        template = self.cluster.create_database("template_hub")
        for table in ("products", "plain"):
            template.sql(f"create table {table} {_SHAPE}")
        for table, seed in (("head_office", HEAD_OFFICE), ("shop", SHOP)):
            template.sql(f"create table {table} {_SHAPE}")
            template.sql(f"alter table {table} drop constraint {table}_pkey, add place integer primary key")
            printed = subprocess.Popen([self.program, "print", "--rows", str(self.rows), "--seed", str(seed)],
                                       stdout=subprocess.PIPE)
            with template.connect() as connection, connection.cursor() as cursor:
                cursor.copy_expert(f"copy {table} (place, {COLUMNS}) from stdin", printed.stdout)
            assert printed.wait() == 0
        template.sql("select tidemark.track('products')")
        template.sql("select tidemark.create_user('till', 'secret')")
        template.sql("select tidemark.grant('till')")
        template.sql("vacuum analyze")
        template.close()

    # -- devices ------------------------------------------------------------------------------------

    def device(self, name: str, kind: str) -> Path:
        """A new file: `tracked` without any hub to reach, `plain` with the same table, or `empty`."""
        path = self.new_file(name)
        if kind != "empty":
            shutil.copyfile(self.folder / f"{kind}.db", path)
        return path

    def new_file(self, name: str) -> Path:
        self._count += 1
        return self.folder / f"{name}{self._count}.db"

    def _make_device_templates(self) -> None:
        tracked = self.folder / "tracked.db"
        with self.hub() as hub:
            hub.connect(tracked)
        with sqlite3.connect(tracked) as source, sqlite3.connect(self.folder / "plain.db") as plain:
            self.ddl = source.execute("select sql from sqlite_master where name = 'products'").fetchone()[0]
            plain.execute(self.ddl)
        source.close()
        plain.close()

    def run(self, command: str, file: Path, **options: object) -> list[dict]:
        """Runs the program of the hot loops on a file; what its steps took."""
        arguments = [self.program, command, "--file", file]
        for name, value in options.items():
            arguments += [f"--{name}", value]
        made = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)
        if made.returncode != 0:
            raise RuntimeError(f"{arguments} failed: {made.stderr}")
        return [json.loads(line) for line in made.stdout.splitlines()]

    def call(self, file: Path, function: str) -> tuple[dict, dict]:
        """Calls a function of the extension; what it took, and what it said."""
        took, said = self.run("call", file, extension=self.extension, sql=f"select {function}")
        return took, said

    # -- proof --------------------------------------------------------------------------------------

    def device_digest(self, file: Path) -> tuple[int, str]:
        connection = sqlite3.connect(file)
        rows = connection.execute(f"select {COLUMNS} from products order by id")
        digest, count = hashlib.sha256(), 0
        for row in rows:
            digest.update("\t".join(map(str, row)).encode() + b"\n")
            count += 1
        connection.close()
        return count, digest.hexdigest()

    def assert_same(self, what: str, *digests: tuple[int, str]) -> None:
        if len(set(digests)) != 1 or digests[0][0] == 0:
            raise AssertionError(f"{what}: the databases differ: {digests}")


class Hub:
    """One database of the cluster, gone at the end of the scope."""

    def __init__(self, workshop: Workshop, name: str) -> None:
        self.workshop = workshop
        self.name = name

    def __enter__(self) -> "Hub":
        admin = self.workshop.cluster.connect("postgres")
        admin.cursor().execute(f"create database {self.name} template template_hub strategy file_copy")
        admin.close()
        self.database = Database(self.workshop.cluster, self.name)
        self._bridge: Bridge | None = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._bridge:
            self._bridge.stop()
        self.database.drop()

    @property
    def bridge(self) -> Bridge:
        """Its bridge, started when first asked for."""
        if self._bridge is None:
            log = self.workshop.folder / f"{self.name}.bridge.log"
            self._bridge = Bridge(self.database.dsn, log).start()
        return self._bridge

    def sql(self, statement: str, parameters: Any = None) -> list[tuple]:
        return self.database.sql(statement, parameters)

    def connect(self, file: Path, track: bool = True) -> None:
        """Connects a device's file."""
        self.workshop.call(file, f"tidemark_connect('{self.bridge.url}', 'till', 'secret')")
        if track:
            self.workshop.call(file, "tidemark_track('products')")

    def digest(self, table: str = "products") -> tuple[int, str]:
        """As Workshop.device_digest gives it."""
        columns = ", ".join(_CANONICAL.get(name, name) for name in COLUMNS.split(", "))
        sink = _Digest()
        with self.database.connect() as connection, connection.cursor() as cursor:
            cursor.copy_expert(f"copy (select {columns} from {table} order by id) to stdout", sink)
        return sink.lines, sink.hash.hexdigest()


class _Digest:
    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.lines = 0

    def write(self, data: bytes) -> None:
        self.hash.update(data)
        self.lines += data.count(b"\n")


def file_bytes(file: Path) -> int:
    """The size of a database that has no WAL left."""
    wal = Path(f"{file}-wal")
    assert not wal.exists() or wal.stat().st_size == 0, f"{wal} is not empty"
    return os.path.getsize(file)


def used_bytes(file: Path) -> int:
    """The same without the pages that are free, which later writes fill."""
    connection = sqlite3.connect(file)
    pages, free, size = (connection.execute(f"pragma {name}").fetchone()[0]
                         for name in ("page_count", "freelist_count", "page_size"))
    connection.close()
    return (pages - free) * size
