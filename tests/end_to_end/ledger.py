"""What the programs on the devices wrote, and whether each write can be found again in the end."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from shop import POLICIES
from support import Device
from support.compare import Key, Row
from support.log_reader import Commit, changes_of

Tables = dict[str, dict[Key, Row]]

SUMS = {(table, column) for table, column, policy in POLICIES if policy == "sum"}  # they travel as differences


@dataclass(frozen=True)
class Write:
    """The net effect of one committed local transaction on one row."""

    table: str
    key: Key
    operation: str  # insert, update, delete
    values: Row  # the columns that it set

    @property
    def place(self) -> tuple[str, Key]:
        return self.table, self.key

    def __str__(self) -> str:
        return f"{self.operation} {self.table} {list(self.key)} {self.values}"


def writes_between(before: Tables, after: Tables) -> list[Write]:
    """The writes that lead from one state of the tables to another."""
    writes = []
    for table in after:
        old, new = before[table], after[table]
        writes += [Write(table, key, "delete", {}) for key in old.keys() - new.keys()]
        writes += [Write(table, key, "insert", new[key]) for key in new.keys() - old.keys()]
        for key in old.keys() & new.keys():
            changed = {column: value for column, value in new[key].items() if value != old[key][column]}
            if changed:
                writes.append(Write(table, key, "update", changed))
    return writes


class Listed:
    """What a device says of the changes that did not simply go through."""

    def __init__(self, device: Device) -> None:
        self.rejected = {
            (table, key_of(key)) for table, key, _, state in device.pending() if state in ("rejected", "waiting")
        }  # fmt: skip
        self.waiting = [row for row in device.pending() if row[3] not in ("rejected", "waiting")]
        self.conflicts: dict[tuple[str, Key], list[tuple]] = defaultdict(list)
        for table, key, column, kind, mine, _ in device.conflicts():
            self.conflicts[(table, key_of(key))].append((column, kind, mine))

    def has_conflict(self, place: tuple[str, Key], column: str | None = None) -> bool:
        """Is there a conflict of the whole row, or of this column?"""
        return any(not named or named == column for named, _, _ in self.conflicts.get(place, []))


def key_of(text: str) -> Key:
    return tuple(json.loads(text))


def unaccounted(
    writes: list[Write], listed: Listed, commits: list[Commit], identities: set[str], copied_at: list[int],
    forgotten: set[tuple[str, Key]],
) -> list[str]:  # fmt: skip
    """The local writes that are neither in the log, nor superseded by a later one, nor listed.

    `identities` are the device's names on the hub: a row that one of its own pushes deleted, with its parent,
    has no trace of what else the push set in it. `copied_at` are the numbers of writes there were when the
    file was copied: from there on another file may send what this one takes back. `forgotten` are rows that a restored
    hub did not have, or that this device had made before: a deletion finds nothing of its own there, and another device
    that has the row may send it later.
    """
    deleted_by_itself = {
        (change.table, change.key)
        for commit in commits
        if commit.device in identities
        for change in commit.changes
        if change.operation == "d"
    }
    logged: dict[tuple[str, Key], set[tuple[str, Any]]] = defaultdict(set)
    for change in changes_of(commits):
        place = (change.table, change.key)
        logged[place] |= {("", change.operation)} | {(name, value) for name, value in change.values.items()}

    lines = []
    later: dict[tuple[str, Key], set[str]] = defaultdict(set)  # the columns set by later writes; "" = deleted
    for number, write in reversed(list(enumerate(writes))):
        superseded, in_log = later[write.place], logged[write.place]
        is_listed = write.place in listed.rejected or listed.has_conflict(write.place)
        if "" in superseded or is_listed or write.place in deleted_by_itself:
            pass  # the whole row is accounted for
        elif write.operation != "delete":
            lines += missing_parts(write, superseded, in_log, listed)
        elif superseded or not in_log or ("", "d") in in_log or write.place in forgotten:
            pass  # the deletion is told, or there is nothing to tell
        elif not never_sent(writes[:number], write, in_log, copied_at):
            lines.append(f"nobody knows of: {write}")
        superseded |= {""} if write.operation == "delete" else set(write.values)
    return lines


def never_sent(
    earlier: list[Write], deletion: Write, in_log: set[tuple[str, Any]], copied_at: list[int]
) -> bool:
    """Was the row that was deleted made here and never sent from here? Then nothing was to be told to anybody."""
    made = [n for n, write in enumerate(earlier) if write.place == deletion.place and write.operation == "insert"]
    if not made:
        return False
    was_copied = any(made[-1] < count <= len(earlier) for count in copied_at)
    return was_copied or not set(earlier[made[-1]].values.items()) <= in_log


def missing_parts(write: Write, superseded: set[str], in_log: set[tuple[str, Any]], listed: Listed) -> list[str]:
    missing = [
        column
        for column, value in write.values.items()
        if (write.table, column) not in SUMS and column not in superseded and (column, value) not in in_log and not listed.has_conflict(write.place, column)
    ]
    return [f"nobody knows of {', '.join(missing)} of: {write}"] if missing else []
