"""A throwaway PostgreSQL cluster: its own data folder and socket, an unprivileged user, loopback only."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Sequence

import psycopg2

from . import process
from .waiting import wait_until

_SOCKET_PATH_BYTES = 107  # the most a Unix socket's address can hold
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "fsync": "off",  # a killed server loses nothing by it, only a machine without power does
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "max_prepared_transactions": "4",
    "jit": "off",
    "log_line_prefix": "%m [%p] %d ",
    "timezone": "UTC",
}


class Cluster:
    """One server. `folder` holds `data/` and `log`; where the server's user cannot enter it, the data
    is in a temporary folder instead, and `note` says so."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, detached: bool = False) -> None:
        self.folder = Path(folder)
        self.settings = _SETTINGS | (settings or {})
        self.detached = detached
        self.note = ""
        self.port = 0
        self._process: subprocess.Popen | None = None
        self._temporary: list[Path] = []
        self.user = "postgres" if os.geteuid() == 0 else None

    def __enter__(self) -> "Cluster":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- life ---------------------------------------------------------------------------------------

    def start(self) -> "Cluster":
        """Makes the cluster if it is new, and runs it."""
        if not self.port:
            self._prepare()
        self._run()
        return self

    def stop(self) -> None:
        """A fast shutdown. The data stays, what was temporary goes."""
        if self._process:
            process.end(self._process, signal.SIGINT, timeout_s=60)
            self._process = None
        for folder in self._temporary:
            shutil.rmtree(folder, ignore_errors=True)

    def kill(self) -> None:
        """kill -9 of the postmaster and of every backend."""
        assert self._process
        process.kill_family(self._process.pid)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Runs the server again on the same port, after a kill or a stop of the process."""
        if self._process:
            process.end(self._process, signal.SIGINT, timeout_s=60)
        self._run()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self._place("data")
        self.sockets = self._place("s", limit_bytes=_SOCKET_PATH_BYTES - len("/.s.PGSQL.65535.lock"))
        self.log = self.folder / "log"
        self.port = free_port()
        if not (self.data / "PG_VERSION").exists():
            self._initdb()

    def _place(self, name: str, limit_bytes: int = 4096) -> Path:
        """A folder that the server's user owns and can reach."""
        place = self.folder / name
        if self._can_enter(self.folder) and len(os.fsencode(place.absolute())) <= limit_bytes:
            place = place.absolute()
            place.mkdir(exist_ok=True)
        else:
            place = Path(tempfile.mkdtemp(prefix="tidemark-"))
            if name != "data" or not self.detached:
                self._temporary.append(place)
            if name == "data":
                self.note = f"user {self.user} cannot enter {self.folder}: the cluster's data is in {place}"
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(place, account.pw_uid, account.pw_gid)
        place.chmod(0o700)
        return place

    def _can_enter(self, folder: Path) -> bool:
        if not self.user:
            return True
        attempt = subprocess.run(["/usr/bin/test", "-x", folder.absolute()], cwd="/", **process.as_user(self.user))
        return attempt.returncode == 0

    def _initdb(self) -> None:
        command = [
            binary("initdb"), "--pgdata", self.data, "--username", "postgres", "--encoding", "UTF8",
            "--locale", "C.UTF-8", "--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-sync",
        ]  # fmt: skip
        made = subprocess.run(
            command, cwd="/", capture_output=True, text=True, env=process.plain_environment(),
            stdin=subprocess.DEVNULL, **process.as_user(self.user),
        )  # fmt: skip
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")

    def _run(self) -> None:
        command: list[object] = [binary("postgres"), "-D", self.data, "-k", self.sockets, "-p", self.port]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        self._process = process.start(command, self.log, self.user, self.detached)
        wait_until(self._is_ready, f"PostgreSQL on port {self.port} (log: {self.log})", timeout_s=60)

    def _is_ready(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once:\n{tail(self.log)}")
        try:
            self.connect("postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    # -- use ----------------------------------------------------------------------------------------

    def dsn(self, database: str, user: str = "postgres") -> str:
        """A connection string for libpq: through the socket, so only we and root get in."""
        return f"host={self.sockets} port={self.port} dbname={database} user={user}"

    def environment(self) -> dict[str, str]:
        """The variables by which psql, pg_regress and others find this server."""
        return {"PGHOST": str(self.sockets), "PGPORT": str(self.port), "PGUSER": "postgres"}

    def connect(self, database: str, user: str = "postgres") -> Any:
        """A connection that commits each statement."""
        connection = psycopg2.connect(self.dsn(database, user))
        connection.autocommit = True
        return connection

    def create_database(self, name: str | None = None, extension: bool = True) -> "Database":
        """A new database, with the extension in it."""
        name = name or f"hub_{secrets.token_hex(4)}"
        admin = self.connect("postgres")
        admin.cursor().execute(f'create database "{name}"')
        admin.close()
        database = Database(self, name)
        if extension:
            database.sql("create extension tidemark")
        return database

    def drop_database(self, name: str) -> None:
        """Drops a database and whoever is connected to it."""
        admin = self.connect("postgres")
        admin.cursor().execute(f'drop database if exists "{name}" with (force)')
        admin.close()


class Database:
    """One database of a cluster, and a connection that is renewed when the server was away."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self._connection: Any = None

    @property
    def dsn(self) -> str:
        return self.cluster.dsn(self.name)

    def bridge_dsn(self) -> str:
        """A connection string for a bridge: under a role that may call the hub's functions and read no table."""
        if not self.value("select 1 from pg_roles where rolname = 'bridge'"):
            self.sql("create role bridge login")
        self.sql("select tidemark.allow_bridge('bridge')")
        return self.cluster.dsn(self.name, "bridge")

    def connect(self, user: str = "postgres") -> Any:
        """A connection of its own."""
        return self.cluster.connect(self.name, user)

    @property
    def connection(self) -> Any:
        """The connection that is kept."""
        if self._connection is None or self._connection.closed:
            self._connection = self.connect()
        return self._connection

    def sql(self, statement: str, parameters: Sequence[object] | None = None) -> list[tuple]:
        """Runs one statement; its rows, if it has any."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, parameters: Sequence[object] | None = None) -> Any:
        """The first column of the first row; None if there is none."""
        rows = self.sql(statement, parameters)
        return rows[0][0] if rows else None

    def log_sequences(self) -> None:
        """After the database was made as a copy: PostgreSQL logs sequences ahead, in the original, so those of the
        copy would go back after a crash."""
        for (name,) in self.sql("select oid::regclass::text from pg_class where relkind = 'S'"):
            self.sql(f"select setval(%s, last_value, is_called) from {name}", [name])

    def reconnect(self) -> None:
        """Forgets the connection, after a kill of the server."""
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def drop(self) -> None:
        self.close()
        self.cluster.drop_database(self.name)


def binary(name: str) -> Path:
    """A program of the PostgreSQL that pg_config names."""
    folder = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
    return Path(folder, name)


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
