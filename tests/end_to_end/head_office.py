"""What happens on the hub of a history: head office writes, changes its schema, and is restored from a backup."""

import random
from collections import Counter
from typing import Any, Callable, Iterator

import psycopg2

from running import outcome, run
from shop import Dice, Rows, Statement
from support import Bridge, Database
from support.compare import Shape
from tills import Sale, Till


class HeadOffice:
    """The actions on the hub, of a History."""

    random: random.Random
    dice: Dice
    database: Database
    bridge: Bridge
    shapes: dict[str, Shape]
    tills: list[Till]
    counts: Counter
    serial: Iterator[int]
    added: list[str]
    sales_of_hub: list[Sale]
    open_transaction: Any
    hub_backup: bool
    restored_head: int | None
    note: Callable[..., None]
    sync_while: Callable[..., None]
    add_columns: Callable[[Till], None]

    def write_on_hub(self, statements: list[Statement] | None = None) -> None:
        statements = statements or self.dice.transaction("hub", self.keys_on_hub(), on_device=False)
        cursor = self.database.connection.cursor()
        error = run(cursor, [(text.replace("?", "%s"), values) for text, values in statements])
        self.note(f"the hub writes{outcome(error)}", statements)
        if error and not isinstance(error, (psycopg2.IntegrityError, psycopg2.DataError)):
            raise AssertionError(f"the hub could not write: {error!r}")

    def count_on_hub(self) -> None:
        key, pieces, amount = self.dice.count()
        self.database.sql(
            "update counters set pieces = pieces + %s, amount = amount + %s where id = %s", [pieces, amount, key]
        )
        self.sales_of_hub.append((next(self.serial), key, pieces, amount))
        self.note(f"the hub counts {key} by {pieces} and {amount}")

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

    def kill_postgresql(self) -> None:
        if self.open_transaction:
            self.open_transaction.close()
            self.open_transaction = None
        self.database.close()
        cluster = self.database.cluster
        self.sync_while(self.random.choice(self.tills), "PostgreSQL is killed", cluster.kill)
        cluster.restart()

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

    def declare_policy(self) -> None:
        """Head office changes a rule; devices hear of it with their next pull."""
        table, column, policy = self.dice.policy()
        self.database.sql("select tidemark.policy(%s, %s, %s)", [table, column, policy or "latest"])
        self.note(f"the hub declares {policy or 'latest'} for {table}.{column}")

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
            till.made |= {write.place for write in till.writes if write.operation == "insert"}
            till.writes.clear()
            till.backup = None

    def add_lost_columns(self) -> None:
        """A till may have a column that the restored hub has not, and that its table was refused for when it first met it."""
        for till in self.tills:
            refused = till.device.sql("select 1 from tidemark_tables where table_name = 'counters' and state = 'refused'")
            for (column,) in till.device.sql("select name from pragma_table_info('counters') where name like 'note%'") if refused else []:
                if column not in self.added:
                    self.added.append(column)
                    self.database.sql(f"alter table counters add column {column} text")
                    self.note(f"the hub adds column {column}, which {till.name} has")
        for till in self.tills:
            self.add_columns(till)

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

    def keys_on_hub(self) -> Rows:
        return {
            table: self.database.sql(f"select {', '.join(f'{name}::text' for name in shape.key)} from {table} order by {table}")
            for table, shape in self.shapes.items()
        }  # fmt: skip
