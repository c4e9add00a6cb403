"""What must be true at the end of a history: of the log, of the sums, and of every device."""

from collections import Counter
from typing import TYPE_CHECKING

from ledger import Listed, Tables, unaccounted
from running import without
from shop import COUNTERS, EXACT, TABLES
from support.compare import differences, hub_rows, shape_of
from support.log_reader import Commit, LogReader, folded

if TYPE_CHECKING:
    from history import History, Till


def problems_of(history: "History") -> list[str]:
    """A line for each thing that is not as it must be."""
    commits = LogReader(history.bridge.url).commits()
    history.counts["commits"] += len(commits)
    problems = of_the_log(history, commits) + of_the_sums(history)
    history.shapes = {table: shape_of(history.database, table) for table in TABLES}
    hub = rows_of_hub(history)
    for till in history.tills:
        problems += of_a_till(history, till, commits, hub)
    return problems


def rows_of_hub(history: "History") -> Tables:
    return {table: hub_rows(history.database, shape) for table, shape in history.shapes.items()}


def of_the_log(history: "History", commits: list[Commit]) -> list[str]:
    hub = rows_of_hub(history)
    oracle = folded(commits)
    problems = [
        line
        for table, shape in history.shapes.items()
        for line in differences(shape, "hub", hub[table], "oracle", oracle.get(table, {}))
    ]
    pushes = Counter((commit.device, commit.push) for commit in commits if commit.device)
    problems += [f"push {push} of {device} is in the log {n} times" for (device, push), n in pushes.items() if n > 1]
    return problems


def of_the_sums(history: "History") -> list[str]:
    """Every sale counts once. One that a file was copied or restored with may count once for each of its
    lives, and one that was lost with a restored file may have been sent before."""
    if history.counts["copies"] or history.counts["restores"] or history.counts["restored hubs"]:
        return []
    wanted = dict(COUNTERS)
    for _, key, pieces, amount in [*history.sales_of_hub, *(sale for till in history.tills for sale in till.sales)]:
        wanted[key] = (wanted[key][0] + pieces, EXACT.add(wanted[key][1], amount))
    found = history.database.sql("select id, pieces, amount from counters order by id")
    history.counts["sales"] += sum(len(till.sales) for till in history.tills)
    return [f"counter {key}: {(pieces, amount)} instead of {wanted[key]}"
            for key, pieces, amount in found if (pieces, amount) != wanted[key]]  # fmt: skip


def of_a_till(history: "History", till: "Till", commits: list[Commit], hub: Tables) -> list[str]:
    listed = Listed(till.device)
    history.counts["conflicts"] += sum(len(conflicts) for conflicts in listed.conflicts.values())
    history.counts["rejects"] += len(listed.rejected)
    history.counts["writes"] += len(till.writes)
    problems = [f"{till.name} still has pending: {row}" for row in listed.waiting]
    for table, rows in history.tables_of(till).items():
        problems += differences(
            history.shapes[table],
            "hub", without(hub[table], table, listed.rejected),
            till.name, without(rows, table, listed.rejected),
        )  # fmt: skip
    lost = unaccounted(till.writes, listed, commits, till.identities, till.copied_at, forgotten_in(history, commits) | till.made)
    problems += [f"{till.name}: {line}" for line in lost]
    if till.has_index:
        stale = till.device.sql("select id, p.name, i.name from products p left join index_of_names i using (id) where p.name is not i.name")
        problems += [f"{till.name}: the application's triggers have not seen {row}" for row in stale]
    integrity = till.device.value("pragma integrity_check")
    return problems if integrity == "ok" else [*problems, f"{till.name}: {integrity}"]


def forgotten_in(history: "History", commits: list[Commit]) -> set[tuple]:
    """The rows that came into the log only after the hub was restored."""
    if history.restored_head is None:
        return set()
    known = {(change.table, change.key) for commit in commits if commit.seq <= history.restored_head for change in commit.changes}
    return {(change.table, change.key) for commit in commits for change in commit.changes} - known
