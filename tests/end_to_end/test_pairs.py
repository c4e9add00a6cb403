"""What a device did to a row times what the hub did to it times the policy: every pair, each against an oracle.

One row for each pair, all in one table; both sides write while they do not hear of each other, and one sync
brings them together. The oracle below is written from docs/reconciliation.md, not from the code.
"""

import json
from dataclasses import dataclass
from typing import Any, Callable

import pytest

from support import Device, Fleet

Row = tuple[Any, Any] | None  # (amount, note), or no row


@dataclass(frozen=True)
class Policy:
    name: str  # as tidemark.policy takes it; of the column amount
    type: str  # of the column on the hub
    base: Any
    mine: Any
    theirs: Any
    both: Any  # what both may write
    rows: str = "delete_wins"
    merge: Callable[[Any, Any, Any, bool], Any] | None = None  # (base, mine, theirs, mine is later) -> result
    sums: bool = False


def latest(_: Any, mine: Any, theirs: Any, mine_is_later: bool) -> Any:
    return mine if mine_is_later else theirs


def merged_json(base: Any, mine: Any, theirs: Any, mine_is_later: bool) -> Any:
    """Objects by key; anything else goes to the later one."""
    sides = [json.loads(side) if isinstance(side, str) else side for side in (base, mine, theirs)]
    b, m, t = [side if isinstance(side, dict) else {} for side in sides]
    result = {}
    for key in {**t, **m}:
        present = [side.get(key) for side in (b, m, t)]
        if present[1] == present[0]:
            chosen = present[2]
        elif present[2] == present[0] or present[1] == present[2]:
            chosen = present[1]
        else:
            chosen = present[1] if mine_is_later else present[2]
        if chosen is not None:
            result[key] = chosen
    return json.dumps(result)


def merged_text(base: Any, mine: Any, theirs: Any, mine_is_later: bool) -> Any:
    """The texts below differ by whole lines in fixed places; without a base the later one counts."""
    if base is None:
        return mine if mine_is_later else theirs
    lines = []
    for b, m, t in zip(*(side.split("\n") for side in (base, mine, theirs))):
        lines.append(t if m == b else m if t == b or m == t else m if mine_is_later else t)
    return "\n".join(lines)


NUMBERS = {"type": "integer", "base": 10, "mine": 13, "theirs": 7, "both": 12}
POLICIES = [
    Policy("latest", **NUMBERS, merge=latest),
    Policy("hub", **NUMBERS, merge=lambda b, m, t, later: t),
    Policy("device", **NUMBERS, merge=lambda b, m, t, later: m),
    Policy("ask", **NUMBERS, merge=lambda b, m, t, later: t),
    Policy("sum", **NUMBERS, merge=lambda b, m, t, later: t + m - (b or 0), sums=True),
    Policy("sum", "numeric(40,4)", "10.5000", "13.2500", "7.0000", "12.0000", sums=True,
           merge=lambda b, m, t, later: f"{float(t) + float(m) - float(b or 0):.4f}"),
    Policy("max", **NUMBERS, merge=lambda b, m, t, later: max(m, t)),
    Policy("min", **NUMBERS, merge=lambda b, m, t, later: min(m, t)),
    Policy("ifnull(:base, 0) * 10000 + :mine * 100 + :theirs", **NUMBERS,
           merge=lambda b, m, t, later: (b or 0) * 10000 + m * 100 + t),
    Policy("'no number: ' || :mine", **NUMBERS, merge=lambda b, m, t, later: t),
    Policy("abs(-9223372036854775808) + :mine", **NUMBERS, merge=lambda b, m, t, later: t),
    Policy("json", "jsonb", '{"a": 1, "b": 1, "c": 1}', '{"a": 2, "b": 1, "c": 1, "e": [1]}', '{"a": 1, "b": 3, "c": 7}',
           '{"c": 8}', merge=merged_json),
    Policy("text", "text", "one\ntwo\nthree\nfour", "ONE\ntwo\nthree\nfour", "one\ntwo\nthree\nFOUR", "one\n2\nthree\nfour",
           merge=merged_text),
    Policy("latest", **NUMBERS, merge=latest, rows="update_wins"),
    Policy("sum", **NUMBERS, merge=lambda b, m, t, later: t + m - (b or 0), sums=True, rows="update_wins"),
]  # fmt: skip

ACTIONS = ("nothing", "same column", "other column", "both columns", "same value", "no change", "delete",
           "delete and insert", "key change", "insert")  # fmt: skip


def act(action: str, run: Callable[..., Any], key: str, value: Any, policy: Policy, who: str) -> None:
    """One side's writes to one row, in one transaction of the caller's."""
    if action == "same column":
        run("update things set amount = ? where id = ?", (value, key))
    elif action == "other column":
        run("update things set note = ? where id = ?", (f"note of the {who}", key))
    elif action == "both columns":
        run("update things set amount = ?, note = ? where id = ?", (value, f"note of the {who}", key))
    elif action == "same value":
        run("update things set amount = ? where id = ?", (policy.both, key))
    elif action == "no change":
        run("update things set amount = amount, note = note where id = ?", (key,))
    elif action == "delete":
        run("delete from things where id = ?", (key,))
    elif action == "delete and insert":
        run("delete from things where id = ?", (key,))
        run("insert into things values (?, ?, ?)", (key, value, f"again by the {who}"))
    elif action == "key change":
        run("update things set id = ? where id = ?", (f"{key}, moved by the {who}", key))
    elif action == "insert":
        run("insert into things values (?, ?, ?)", (key, value, f"new from the {who}"))


def after(action: str, value: Any, policy: Policy, who: str, base: Row) -> tuple[Row, Row]:
    """What one side's action leaves under the key, and under the key that it moves to."""
    if action == "insert":
        return (value, f"new from the {who}"), None
    if base is None:
        return None, None
    amount, note = base
    changed = {
        "same column": (value, note), "other column": (amount, f"note of the {who}"),
        "both columns": (value, f"note of the {who}"), "same value": (policy.both, note),
        "delete": None, "delete and insert": (value, f"again by the {who}"), "key change": None,
    }  # fmt: skip
    return changed.get(action, base), base if action == "key change" else None


def expected(base: Row, mine: Row, theirs: Row, policy: Policy, mine_is_later: bool) -> tuple[Row, set[str]]:
    """The row in the end, and the columns ('' for the row) that conflicts are listed of."""
    if mine == base:
        return theirs, set()
    if theirs == base:
        return mine, set()
    if mine is None or theirs is None:
        if mine == theirs:
            return None, set()
        return (mine or theirs) if policy.rows == "update_wins" else None, {""}
    row, listed = [], set()
    merges = (policy.merge, latest)
    for place, column in enumerate(("amount", "note")):
        b = base[place] if base else None
        m, t = mine[place], theirs[place]
        adds = policy.sums and column == "amount"
        if m == t and not adds:
            row.append(m)
        elif base and m == b:
            row.append(t)
        elif base and t == b:
            row.append(m)
        else:
            listed.add(column)
            merge = merges[place]
            assert merge
            row.append(merge(b, m, t, mine_is_later))
    return (row[0], row[1]), listed


def pairs() -> list[tuple[str, str]]:
    """An insert can only meet an insert, or nothing."""
    return [
        (mine, theirs)
        for mine in ACTIONS
        for theirs in ACTIONS
        if "insert" not in (mine, theirs) or {mine, theirs} <= {"insert", "nothing"}
    ]


def same(a: Row, b: Row, policy: Policy) -> bool:
    if a is None or b is None or policy.type != "jsonb":
        return a == b
    return (json.loads(a[0]), a[1]) == (json.loads(b[0]), b[1])


@pytest.mark.parametrize("mine_is_later", [True, False], ids=["device later", "hub later"])
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: f"{policy.name} {policy.type} {policy.rows}")
def test_every_pair(fleet: Fleet, policy: Policy, mine_is_later: bool) -> None:
    fleet.hub(f"create table things (id text primary key, amount {policy.type}, note text)")
    fleet.track("things")
    fleet.hub("select tidemark.policy('things', 'amount', $policy$" + policy.name + "$policy$)")
    fleet.hub(f"select tidemark.policy('things', '{policy.rows}')")
    bases = {pair: None if "insert" in pair else (policy.base, "note") for pair in pairs()}
    for pair, base in bases.items():
        if base:
            fleet.database.sql("insert into things values (%s, %s, %s)", [name_of(pair), *base])
    device = fleet.device("a", "things")
    device.sync()
    sides = [lambda: write_on_hub(fleet, policy), lambda: write_on_device(device, policy)]
    for write in sides if mine_is_later else reversed(sides):
        write()
    device.sync()
    device.sync()
    fleet.assert_equal("things")

    found = {key: (amount, note) for key, amount, note in device.rows("things")}
    listed: dict[str, set[str]] = {}
    for key, column in device.sql("select key, ifnull(column_name, '') from tidemark_conflicts"):
        listed.setdefault(json.loads(key)[0], set()).add(column)
    for pair, base in bases.items():
        mine, my_new = after(pair[0], policy.mine, policy, "device", base)
        theirs, their_new = after(pair[1], policy.theirs, policy, "hub", base)
        row, columns = expected(base, mine, theirs, policy, mine_is_later)
        key = name_of(pair)
        assert same(found.pop(key, None), row, policy), key
        assert listed.pop(key, set()) == columns, key
        for who, new in (("device", my_new), ("hub", their_new)):
            assert same(found.pop(f"{key}, moved by the {who}", None), new, policy), key
    assert not found and not listed
    assert device.pending() == []


def name_of(pair: tuple[str, str]) -> str:
    return f"device: {pair[0]}; hub: {pair[1]}"


def write_on_hub(fleet: Fleet, policy: Policy) -> None:
    connection = fleet.database.connect()
    cursor = connection.cursor()

    def run(statement: str, values: tuple) -> None:
        cursor.execute(statement.replace("?", "%s"), values)

    for pair in pairs():
        cursor.execute("begin")
        act(pair[1], run, name_of(pair), policy.theirs, policy, "hub")
        cursor.execute("commit")
    connection.close()


def write_on_device(device: Device, policy: Policy) -> None:
    for pair in pairs():
        device.sql("begin")
        act(pair[0], device.sql, name_of(pair), policy.mine, policy, "device")
        device.sql("commit")
