"""One random history: what may happen in it, and how it is healed. What must be true in the end is in verdict.py."""

import itertools
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, Callable

from head_office import HeadOffice
from running import database_was_away
from shop import COUNTERS, TABLES, Dice, Statement
from support import Bridge, Database, Fault, FaultProxy, wait_until
from support.compare import shape_of
from tills import Sale, Till, Tills
from verdict import problems_of

FAULTS = [fault for fault in Fault if fault is not Fault.NONE]


class History(HeadOffice, Tills):
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
            (1, self.declare_policy),
            (1, self.override_policy),
        ]
        weights, choices = zip(*actions)
        return self.random.choices(choices, weights)[0]

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
            if number == 0:
                self.add_lost_columns()
            elif moved == 0:
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
