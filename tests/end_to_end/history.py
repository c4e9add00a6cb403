"""One random history: what happens in it, and how it is healed. What must be true in the end is in verdict.py."""

import itertools
import random
import shutil
import sqlite3
import threading
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Callable

import psycopg2

from ledger import SUMS, Tables, Write, writes_between
from running import database_was_away, keys_in, outcome, run, run_in
from shop import COUNTERS, EXACT, TABLES, Dice, Rows, Statement
from support import Bridge, Database, Device, DeviceProcess, Fault, FaultProxy, wait_until
from support.compare import device_rows, shape_of
from support.device import CLOCKS_CAN_BE_WRONG
from verdict import problems_of

FAULTS = [fault for fault in Fault if fault is not Fault.NONE]

Sale = tuple[int, str, int, Decimal]  # a number of its own, the counter, and by how much


@dataclass
class Till:
    """A device, and what its programs wrote."""

    device: Device
    writes: list[Write] = field(default_factory=list)
    backup: tuple[Device, int, int] | None = None  # a copy of the file, and how many writes and sales it has
    recursive_triggers: bool = False
    sales: list[Sale] = field(default_factory=list)
    identities: set[str] = field(default_factory=set)  # the hub's names for it
    copied_at: list[int] = field(default_factory=list)  # how many writes there were when the file was copied

    @property
    def name(self) -> str:
        return self.device.name


class History:
    """Plays one history on a fresh database. The same seed rolls the same dice."""

    def __init__(self, database: Database, folder: Path, seed: int, devices: int | None, prepared: Path) -> None:
        self.random = random.Random(seed)
        self.database = database
        self.folder = folder
        self.prepared = prepared
        self.dice = Dice(self.random)
        self.trace: list[str] = []
        self.counts: Counter = Counter()
        self.tills: list[Till] = []
        self.wanted = devices or self.random.randrange(2, 6)
        self.steps = self.random.randrange(25, 60)
        self.open_transaction: Any = None
        self.serial = itertools.count()
        self.sales_of_hub: list[Sale] = []
        self.added: list[str] = []  # columns of the table counters
        self.hub_backup = False
        self.restored_head: int | None = None  # the last commit that a restored hub had
        self.bad_line = self.random.choice((0, 0.05, 0.2))

    def __enter__(self) -> "History":
        self.shapes = {table: shape_of(self.database, table) for table in TABLES}
        self.bridge = Bridge(self.database.bridge_dsn(), self.folder / "bridge.log", ("--log-level", "debug", "--connections", "2")).start()
        self.line = FaultProxy(self.bridge.port, choose=self._fault)
        self.line.delay_s = 0.02
        self.faults_on = False
        self._dice_of_the_line = random.Random(self.random.random())
        return self

    def __exit__(self, *_: object) -> None:
        for till in self.tills:
            till.device.close()
        if self.open_transaction:
            self.open_transaction.close()
        self.line.stop()
        self.bridge.stop()
        self.database.close()
        if self.hub_backup:
            self.database.cluster.drop_database(f"{self.database.name}_backup")

    # -- playing ------------------------------------------------------------------------------------------

    def play(self) -> None:
        for key, (pieces, amount) in COUNTERS.items():
            self.database.sql("insert into counters values (%s, %s, %s)", [key, pieces, amount])
        self.write_on_hub(self.dice.opening("hub"))
        self.join()
        self.join()
        for _ in range(self.steps):
            self.step()()

    def step(self) -> Callable[[], None]:
        actions = [
            (40, self.write_on_device),
            (18, self.write_on_hub),
            (8, self.count_on_device),
            (2, self.count_on_hub),
            (28, self.sync_one),
            (6, self.join),
            (2, self.begin_on_hub),
            (2, self.kill_a_device),
            (1, self.kill_the_bridge),
            (0.4, self.kill_postgresql),
            (1, self.back_up),
            (1, self.restore),
            (0.5, self.copy),
            (2, self.write_with_a_wrong_clock),
            (1, self.add_a_column),
            (0.7, self.back_up_hub),
            (0.7, self.restore_hub),
            (3, self.settle),
        ]
        weights, choices = zip(*actions)
        return self.random.choices(choices, weights)[0]

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
        till = Till(device, recursive_triggers=self.random.random() < 0.3)
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

    def count_on_hub(self) -> None:
        key, pieces, amount = self.dice.count()
        self.database.sql(
            "update counters set pieces = pieces + %s, amount = amount + %s where id = %s", [pieces, amount, key]
        )
        self.sales_of_hub.append((next(self.serial), key, pieces, amount))
        self.note(f"the hub counts {key} by {pieces} and {amount}")

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

    def write_on_hub(self, statements: list[Statement] | None = None) -> None:
        statements = statements or self.dice.transaction("hub", self.keys_on_hub(), on_device=False)
        cursor = self.database.connection.cursor()
        error = run(cursor, [(text.replace("?", "%s"), values) for text, values in statements])
        self.note(f"the hub writes{outcome(error)}", statements)
        if error and not isinstance(error, (psycopg2.IntegrityError, psycopg2.DataError)):
            raise AssertionError(f"the hub could not write: {error!r}")

    def begin_on_hub(self) -> None:
        """A transaction at head office that stays open while others come and go; or the end of it."""
        if self.open_transaction:
            self.note("the hub commits what was open")
            self.open_transaction.commit()
            self.open_transaction.close()
            self.open_transaction = None
            return
        statements = self.dice.harmless_insert("hub")
        self.open_transaction = self.database.connect()
        self.open_transaction.autocommit = False
        for text, values in statements:
            self.open_transaction.cursor().execute(text.replace("?", "%s"), values)
        self.note("the hub begins, and leaves it open", statements)

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

    def kill_postgresql(self) -> None:
        if self.open_transaction:
            self.open_transaction.close()
            self.open_transaction = None
        self.database.close()
        cluster = self.database.cluster
        self.sync_while(self.random.choice(self.tills), "PostgreSQL is killed", cluster.kill)
        cluster.restart()

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
            Till(copy, list(till.writes), None, till.recursive_triggers, list(till.sales), set(till.identities),
                 list(till.copied_at))  # fmt: skip
        )
        self.counts["copies"] += 1

    def write_with_a_wrong_clock(self) -> None:
        """A program on a machine whose clock is years off, or is set while it runs."""
        if not CLOCKS_CAN_BE_WRONG:
            return self.write_on_device()
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

    def add_a_column(self) -> None:
        """Head office adds a column, and writes to it; some tills get it at once, the others in the end."""
        if len(self.added) >= 3:
            return self.write_on_hub()
        column = f"note{len(self.added)}"
        self.added.append(column)
        default = self.random.choice(("", " default 'as before'"))
        self.database.sql(f"alter table counters add column {column} text{default}")
        self.database.sql(f"update counters set {column} = %s where id = %s", [self.dice.unique("hub"), self.random.choice("abc")])
        self.note(f"the hub adds column {column}{default}")
        for till in self.tills:
            if self.random.random() < 0.4:
                self.add_columns(till)

    def add_columns(self, till: Till) -> None:
        present = {name for (name,) in till.device.plain_sql("select name from pragma_table_info('counters')")}
        for column in self.added:
            if column not in present:
                till.device.plain_sql(f"alter table counters add column {column} text")
                self.note(f"{till.name} adds column {column}")

    def back_up_hub(self) -> None:
        if self.hub_backup:
            return self.write_on_hub()
        self.note("the hub is backed up")
        self.as_admin(f"create database {self.database.name}_backup template {self.database.name} strategy file_copy")
        self.hub_backup = True

    def restore_hub(self) -> None:
        """The hub goes back to its backup. What it had accepted since is in nobody's log any more."""
        if not self.hub_backup:
            return self.write_on_hub()
        self.note("the hub is restored")
        name = self.database.name
        self.as_admin(f"drop database {name} with (force)", f"alter database {name}_backup rename to {name}")
        self.database.log_sequences()
        self.database.sql("select tidemark.new_epoch()")
        self.hub_backup = False
        self.counts["restored hubs"] += 1
        self.restored_head = self.database.value("select tidemark._head()")
        self.added = [name for (name,) in self.database.sql(
            "select attname from pg_attribute where attrelid = 'counters'::regclass and attname like 'note%' and attnum > 0")]  # fmt: skip
        for till in self.tills:
            till.writes.clear()
            till.backup = None

    def as_admin(self, *statements: str) -> None:
        """Statements on whole databases: nobody may be connected."""
        if self.open_transaction:
            self.begin_on_hub()
        self.bridge.stop()
        self.database.close()
        connection = self.database.cluster.connect("postgres")
        for statement in statements:
            connection.cursor().execute(statement)
        connection.close()
        self.bridge.start()

    # -- the end ------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """The line is good again; everybody syncs until nothing moves."""
        self.note("the line is good again")
        if self.open_transaction:
            self.begin_on_hub()
        for till in self.tills:
            self.add_columns(till)
        for number in range(15):
            moved = 0
            for till in self.tills:
                report = wait_until(lambda: self.sync_for_good(till), f"a sync of {till.name}")
                moved += report["pulled"] + report["pushed"]
            if moved == 0 and number > 0:
                return
        raise AssertionError("the devices still exchange changes after 15 rounds")

    def sync_for_good(self, till: Till) -> dict | None:
        """The report; None where PostgreSQL was away and the bridge had not noticed."""
        try:
            report = till.device.sync()
        except sqlite3.DatabaseError as error:
            if self.counts["restored hubs"] and "unknown token" in str(error):
                self.connected(till.device)
                return None
            assert database_was_away(error), f"sync failed in the end: {error}"
            return None
        self.note(f"{till.name} sync: {report}")
        till.identities.add(till.device.identity())
        return report

    def check(self) -> None:
        """Fails with what is not as it must be."""
        problems = problems_of(self)
        for problem in problems:
            self.note(f"!! {problem}")
        assert not problems, "\n  ".join(["", *problems[:30]])

    # -- small things -------------------------------------------------------------------------------------

    def tables_of(self, till: Till) -> Tables:
        return {table: device_rows(till.device, shape) for table, shape in self.shapes.items()}

    def keys_on_hub(self) -> Rows:
        return {
            table: self.database.sql(f"select {', '.join(f'{name}::text' for name in shape.key)} from {table} order by {table}")
            for table, shape in self.shapes.items()
        }  # fmt: skip

    def note(self, line: str, statements: list[Statement] | None = None) -> None:
        self.trace.append(line)
        self.trace += [f"    {text}  {values!r}" for text, values in statements or []]

    def _fault(self, _: object) -> Fault:
        """The line's choice for one request. Called by the proxy's threads."""
        if not self.faults_on or self._dice_of_the_line.random() >= self.bad_line:
            return Fault.NONE
        self.counts["faults"] += 1
        fault = self._dice_of_the_line.choice(FAULTS)
        self.note(f"    (the line: {fault.value})")
        return fault
