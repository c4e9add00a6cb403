"""What happens on the devices of a history: programs write, people decide, lines and machines fail."""

import random
import shutil
import sqlite3
import threading
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Callable, Iterator

from ledger import SUMS, Tables, Write, writes_between
from running import database_was_away, keys_in, outcome, run, run_in
from shop import EXACT, TABLES, Dice
from support import Bridge, Database, Device, DeviceProcess, FaultProxy, wait_until
from support.compare import Shape, device_rows

# An application that keeps an index of its own. A row that a REPLACE deletes fires no trigger: it stays in the index.
_INDEX = """
create table index_of_names (id text primary key, name text);
create trigger index_insert after insert on products begin insert or replace into index_of_names values (new.id, new.name); end;
create trigger index_update after update on products begin
  delete from index_of_names where id = old.id;
  insert or replace into index_of_names values (new.id, new.name);
end;
create trigger index_delete after delete on products begin delete from index_of_names where id = old.id; end;
"""

Sale = tuple[int, str, int, Decimal]  # a number of its own, the counter, and by how much


@dataclass
class Till:
    """A device, and what its programs wrote."""

    device: Device
    writes: list[Write] = field(default_factory=list)
    backup: tuple[Device, int, int] | None = None  # a copy of the file, and how many writes and sales it has
    recursive_triggers: bool = False
    sales: list[Sale] = field(default_factory=list)
    has_index: bool = False
    identities: set[str] = field(default_factory=set)  # the hub's names for it
    copied_at: list[int] = field(default_factory=list)  # how many writes there were when the file was copied
    made: set[tuple] = field(default_factory=set)  # the rows that were made here before the hub was restored

    @property
    def name(self) -> str:
        return self.device.name


class Tills:
    """The actions on devices, of a History."""

    random: random.Random
    dice: Dice
    database: Database
    folder: Path
    prepared: Path
    bridge: Bridge
    line: FaultProxy
    shapes: dict[str, Shape]
    tills: list[Till]
    counts: Counter
    serial: Iterator[int]
    added: list[str]
    wanted: int
    faults_on: bool
    note: Callable[..., None]

    def join(self) -> None:
        """A new device loads what there is: one with an empty file, or more often one whose tables are tracked."""
        if len(self.tills) >= self.wanted:
            return self.write_on_device()
        device = Device(self.folder / f"till{len(self.tills)}.db")
        is_empty = self.random.random() < 0.25
        if not is_empty:
            shutil.copyfile(self.prepared, device.path)
        self.note(f"{device.name} joins with {'an empty' if is_empty else 'a prepared'} file")
        if self.random.random() < 0.5:
            device.plain_sql("pragma journal_mode = wal")
        wait_until(lambda: self.connected(device), f"{device.name} to enrol")
        till = Till(device, recursive_triggers=self.random.random() < 0.3, has_index=not is_empty and self.random.random() < 0.3)
        if till.has_index:
            device.connection.executescript(_INDEX)
        if is_empty:
            device.track(*TABLES)
        else:
            if self.random.random() < 0.5:
                self.add_columns(till)
            device.pull()
        self.tills.append(till)
        self.sync(self.tills[-1])

    def connected(self, device: Device) -> bool:
        """False where PostgreSQL was away and the bridge had not noticed."""
        try:
            device.connect(self.line.url)
        except sqlite3.OperationalError as error:
            assert database_was_away(error), f"connect failed: {error}"
            return False
        return True

    def write_on_device(self) -> None:
        """A transaction of a program on a device: one that has the extension, or one that has not."""
        till = self.random.choice(self.tills)
        before = self.tables_of(till)
        statements = self.dice.transaction(till.name, keys_in(before), on_device=True)
        is_plain = self.random.random() < 0.6
        connection = till.device.plain() if is_plain else till.device.connection
        connection.execute(f"pragma recursive_triggers = {int(till.recursive_triggers)}")
        error = run(connection.cursor(), statements)
        if is_plain:
            connection.close()
        self.note(f"{till.name} writes{' without the extension' if is_plain else ''}{outcome(error)}", statements)
        if error and not isinstance(error, sqlite3.IntegrityError):
            raise AssertionError(f"{till.name} could not write: {error!r}")
        till.writes += writes_between(before, self.tables_of(till))

    def count_on_device(self) -> None:
        """A sale: some counters go up or down. SQLite has no decimals, so the program reckons."""
        till = self.random.choice(self.tills)
        key, pieces, amount = self.dice.count()
        is_plain = self.random.random() < 0.6
        connection = till.device.plain() if is_plain else till.device.connection
        cursor = connection.cursor()
        cursor.execute("begin immediate")
        found = cursor.execute("select amount from counters where id = ?", (key,)).fetchone()
        if not found:  # a prepared file has not got head office's new column yet
            connection.execute("rollback")
            if is_plain:
                connection.close()  # left to Python it would stay open, and see the file replaced under it
            return
        (before,) = found
        cursor.execute(
            "update counters set pieces = pieces + ?, amount = ? where id = ?",
            (pieces, str(EXACT.add(Decimal(before), amount)), key),
        )
        cursor.execute("commit")
        if is_plain:
            connection.close()
        till.sales.append((next(self.serial), key, pieces, amount))
        self.note(f"{till.name} counts {key} by {pieces} and {amount}")

    def settle(self) -> None:
        """A person decides about a conflict, or has a refused row sent again."""
        till = self.random.choice(self.tills)
        open_ones = [
            (number, kind)
            for number, kind, table in till.device.sql("select id, kind, table_name from tidemark_conflicts where state in ('open', 'waiting') order by id")
            if not any(name == table for name, _ in SUMS)  # what it writes there is no sale
        ]
        if not open_ones:
            return self.write_on_device()
        number, kind = self.random.choice(open_ones)
        call = self.random.choice(("resolve(?, 'mine')", "resolve(?, 'theirs')", "dismiss(?)", "retry(?)"))
        before = self.tables_of(till)
        try:
            till.device.sql(f"select tidemark_{call}", [number])
            self.note(f"{till.name}: {call} of conflict {number}, {kind}")
            self.counts["settled"] += 1
        except sqlite3.Error as error:
            self.note(f"{till.name}: {call} of conflict {number}, {kind}: {error}")
            assert "Hint: " in str(error), f"{call} failed without a hint: {error}"
        if not (kind == "reject" and "theirs" in call):  # that takes a write back
            till.writes += writes_between(before, self.tables_of(till))

    def override_policy(self) -> None:
        """A device has a rule of its own, or none any more."""
        till = self.random.choice(self.tills)
        table, column, policy = self.dice.policy()
        till.device.sql("select tidemark_policy(?, ?, ?)", [table, column, policy])
        self.note(f"{till.name} has {policy} for {table}.{column}")

    def sync_one(self) -> None:
        self.sync(self.random.choice(self.tills))

    def sync(self, till: Till) -> None:
        """tidemark_sync, pull or push over a line that may be bad."""
        self.faults_on = True
        before = self.counts["faults"]
        call = self.random.choices(("sync", "pull", "push"), (8, 1, 1))[0]
        try:
            report = getattr(till.device, call)()
            self.note(f"{till.name} {call}: {report}")
        except sqlite3.DatabaseError as error:
            self.note(f"{till.name} {call} failed: {error}")
            if self.counts["restored hubs"] and "unknown token" in str(error):
                self.faults_on = False
                wait_until(lambda: self.connected(till.device), f"{till.name} to enrol")  # it came after the backup
                return
            assert "Hint: " in str(error), f"{call} failed without a hint: {error}"
            is_excused = self.counts["faults"] > before or database_was_away(error)
            assert is_excused, f"{call} failed and nothing was wrong with the line: {error}"
        finally:
            self.faults_on = False
            till.identities.add(till.device.identity())

    def kill_a_device(self) -> None:
        till = self.random.choice(self.tills)
        till.device.close()
        self.counts["kills"] += 1
        self.note(f"{till.name} is killed while it syncs")
        with DeviceProcess(till.device.path) as program:
            program.begin("select tidemark_sync()")
            threading.Event().wait(self.random.uniform(0, 0.02))
            program.kill()

    def kill_the_bridge(self) -> None:
        self.sync_while(self.random.choice(self.tills), "the bridge is killed", self.bridge.kill)
        self.bridge.start()

    def back_up(self) -> None:
        till = self.random.choice(self.tills)
        self.note(f"{till.name} is backed up")
        copy = till.device.copy_to(self.folder / f"{till.name}.backup")
        till.backup = (copy, len(till.writes), len(till.sales))
        till.copied_at.append(len(till.writes))

    def restore(self) -> None:
        candidates = [till for till in self.tills if till.backup]
        if not candidates:
            return self.write_on_device()
        till = self.random.choice(candidates)
        assert till.backup
        copy, count, sales = till.backup
        self.note(f"{till.name} is restored, without its last {len(till.writes) - count} writes")
        till.device.close()
        copy.copy_to(till.device.path)
        del till.writes[count:]
        del till.sales[sales:]
        self.counts["restores"] += 1

    def copy(self) -> None:
        """A device's file is copied to a new till, and both go on."""
        if len(self.tills) > 5:
            return self.write_on_device()
        till = self.random.choice(self.tills)
        copy = till.device.copy_to(self.folder / f"till{len(self.tills)}.db")
        self.note(f"{till.name} is copied to {copy.name}")
        till.copied_at.append(len(till.writes))
        self.tills.append(
            Till(copy, list(till.writes), None, till.recursive_triggers, list(till.sales), till.has_index,
                 set(till.identities), list(till.copied_at), set(till.made))  # fmt: skip
        )
        self.counts["copies"] += 1

    def write_with_a_wrong_clock(self) -> None:
        """A program on a machine whose clock is years off, or is set while it runs."""
        till = self.random.choice(self.tills)
        before = self.tables_of(till)
        till.device.close()
        transactions = [self.dice.transaction(till.name, keys_in(before), on_device=True) for _ in range(2)]
        with DeviceProcess(till.device.path, self.folder / f"{till.name}.clock") as program:
            for statements in transactions:
                program.set_clock(self.random.choice((0, 3, -3)) * 365 * 24 * 3600)
                plain = [(text, values) for text, values in statements if not any(isinstance(v, bytes) for v in values)]
                error = run_in(program, plain)
                self.note(f"{till.name} writes by a wrong clock{outcome(error)}", plain)
            till.writes += writes_between(before, self.tables_of(till))
            till.device.close()
            if self.random.random() < 0.3:
                error = run_in(program, [("select tidemark_sync()", ())], begin=False)
                self.note(f"{till.name} syncs by a wrong clock{outcome(error)}")
        till.identities.add(till.device.identity())

    def add_columns(self, till: Till) -> None:
        present = {name for (name,) in till.device.plain_sql("select name from pragma_table_info('counters')")}
        for column in self.added:
            if column not in present:
                till.device.plain_sql(f"alter table counters add column {column} text")
                self.note(f"{till.name} adds column {column}")

    def tables_of(self, till: Till) -> Tables:
        return {table: device_rows(till.device, shape) for table, shape in self.shapes.items()}

    def sync_while(self, till: Till, what: str, happens: Callable[[], None]) -> None:
        """A sync in the middle of which something happens at a random instant."""
        self.note(f"{what} while {till.name} syncs")
        self.counts["kills"] += 1
        timer = threading.Timer(self.random.uniform(0, 0.03), happens)
        timer.start()
        try:
            self.note(f"{till.name}: {till.device.sync()}")
        except sqlite3.DatabaseError as error:
            self.note(f"{till.name} failed: {error}")
            assert "Hint: " in str(error), f"sync failed without a hint: {error}"
        timer.join()
        till.identities.add(till.device.identity())
