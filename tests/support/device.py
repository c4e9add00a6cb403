"""A device: one SQLite file, opened with the extension or without it, here or in a process to kill."""

import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Sequence

from . import process
from .paths import DEVICE_EXTENSION, WRONG_CLOCK, require

Row = tuple


class Device:
    """The file at `path`. Keeps one connection with the extension open until close()."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.name = self.path.stem
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- connections --------------------------------------------------------------------------------

    def open(self) -> sqlite3.Connection:
        """A new connection with the extension loaded."""
        return open_with_extension(self.path)

    def plain(self) -> sqlite3.Connection:
        """A new connection of a program that has never heard of the extension."""
        return sqlite3.connect(self.path, isolation_level=None, timeout=10)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection that is kept."""
        if self._connection is None:
            self._connection = self.open()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- use ----------------------------------------------------------------------------------------

    def sql(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Runs one statement with the extension loaded."""
        return self.connection.execute(statement, parameters).fetchall()

    def value(self, statement: str, parameters: Sequence[object] = ()) -> Any:
        """The first column of the first row; None if there is none."""
        rows = self.sql(statement, parameters)
        return rows[0][0] if rows else None

    def plain_sql(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Runs one statement without the extension, on a connection of its own."""
        connection = self.plain()
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def connect(self, url: str, user: str = "till", secret: str = "secret", **options: object) -> Any:
        """tidemark_connect."""
        arguments: list[object] = [url, user, secret]
        if options:
            arguments.append(json.dumps(options))
        return self.value(f"select tidemark_connect({', '.join('?' * len(arguments))})", arguments)

    def track(self, *tables: str, **options: object) -> None:
        """tidemark_track of each table."""
        for table in tables:
            arguments = [table, json.dumps(options)] if options else [table]
            self.sql(f"select tidemark_track({', '.join('?' * len(arguments))})", arguments)

    def sync(self) -> dict:
        return json.loads(self.value("select tidemark_sync()"))

    def pull(self) -> dict:
        return json.loads(self.value("select tidemark_pull()"))

    def push(self) -> dict:
        return json.loads(self.value("select tidemark_push()"))

    def status(self) -> dict:
        return json.loads(self.value("select tidemark_status()"))

    def identity(self) -> str | None:
        """The hub's name for this device."""
        return self.value("select value from tidemark_meta where key = 'device'")

    def pending(self) -> list[Row]:
        """(table, key, operation, state) of each local change that the hub has not taken for good."""
        return self.sql("select table_name, key, operation, state from tidemark_pending order by 1, 2")

    def conflicts(self) -> list[Row]:
        """(table, key, column, kind, mine, theirs) of each open conflict."""
        return self.sql(
            "select table_name, key, column_name, kind, mine, theirs from tidemark_conflicts order by id"
        )

    def rows(self, table: str, columns: str = "*") -> list[Row]:
        """All rows of a table, in a fixed order."""
        found = self.sql(f"select {columns} from {quoted(table)}")
        return sorted(found, key=repr)

    def copy_to(self, path: Path) -> "Device":
        """A copy of the file as it is now, as a person would make it: the program is closed first."""
        self.close()
        for suffix in ("", "-wal", "-journal"):
            source = Path(f"{self.path}{suffix}")
            target = Path(f"{path}{suffix}")
            if source.exists():
                shutil.copyfile(source, target)
            else:
                target.unlink(missing_ok=True)
        Path(f"{path}-shm").unlink(missing_ok=True)
        return Device(path)


class DeviceProcess:
    """A program of its own that has the device's file open with the extension: it can be killed."""

    def __init__(self, path: Path, clock: Path | None = None) -> None:
        """`clock`: a file that says by how much the program's clock is wrong, now: see set_clock()."""
        program = Path(__file__).with_name("device_program.py")
        self._clock = clock
        self._process = subprocess.Popen(
            [*process.DIES_WITH_US, sys.executable, "-E", program, path, require(DEVICE_EXTENSION)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | (wrong_clock(clock) if clock else {}),
        )
        assert self._read() == "ready"

    def __enter__(self) -> "DeviceProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_clock(self, wrong_by_s: int) -> None:
        """Sets the program's clock, and no other, this many seconds ahead or behind."""
        assert self._clock
        with open(self._clock, "r+b") as file:  # in place: the program has it mapped
            file.write(struct.pack("q", wrong_by_s))

    def begin(self, statement: str, parameters: Sequence[object] = ()) -> None:
        """Starts a statement and does not wait for it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([statement, list(parameters)]) + "\n")
        self._process.stdin.flush()

    def finish(self) -> list[list]:
        """The rows of the statement that was begun; raises what it raised."""
        answer = self._read()
        if "error" in answer:
            raise sqlite3.OperationalError(answer["error"])
        return answer["rows"]

    def sql(self, statement: str, parameters: Sequence[object] = ()) -> list[list]:
        self.begin(statement, parameters)
        return self.finish()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def close(self) -> None:
        if self._process.returncode is None:
            assert self._process.stdin
            self._process.stdin.close()
            process.end(self._process, signal.SIGTERM)
        self._close_pipes()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise EOFError(f"the device's program ended with status {self._process.wait()}")
        return json.loads(line)

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # the reader was killed with a statement still in the buffer


def wrong_clock(file: Path) -> dict[str, str]:
    """The environment of a program whose clock is wrong by what the file says."""
    file.write_bytes(struct.pack("q", 0))
    preloaded = f"{os.environ.get('LD_PRELOAD', '')} {require(WRONG_CLOCK)}".strip()  # a sanitizer comes first
    return {"LD_PRELOAD": preloaded, "TIDEMARK_WRONG_CLOCK": str(file)}


def open_with_extension(path: Path | str) -> sqlite3.Connection:
    """A connection that commits each statement, with the extension loaded."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.enable_load_extension(True)
    connection.load_extension(str(require(DEVICE_EXTENSION)))
    connection.enable_load_extension(False)
    return connection


def quoted(name: str) -> str:
    """A name for SQL text."""
    return '"' + name.replace('"', '""') + '"'
