"""A second client of the protocol, in plain Python: reads the whole log and applies it in order."""

import base64
import json
import urllib.request
from dataclasses import dataclass
from typing import Any, Iterator

from .compare import numeric, real

Key = tuple
Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One change of the log, its values as a device would hold them."""

    table: str
    operation: str  # i, u, d
    key: Key
    values: Row  # of key columns too


@dataclass
class Commit:
    seq: int
    device: str | None
    push: int | None
    changes: list[Change]


class LogReader:
    """Enrols as a device of its own and reads; docs/protocol.md is all it knows."""

    def __init__(self, url: str, user: str = "till", secret: str = "secret") -> None:
        self.url = url
        basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
        answer = self._request("/v1/devices", f"Basic {basic}", body={"name": "log reader"})
        self.authorization = f"Bearer {answer['token']}"

    def get(self, path: str) -> Any:
        """The answer to a GET."""
        return self._request(path, self.authorization)

    def commits(self) -> list[Commit]:
        """All commits of the log, whole."""
        found: list[Commit] = []
        cursor, joins_last, more = "0", False, True
        while more:
            page = self.get(f"/v1/log?after={cursor}")
            for seq, _, device, push, changes in page["commits"]:
                decoded = [change_of(page["tables"], change) for change in changes]
                if joins_last:
                    assert found[-1].seq == seq, "an open commit goes on in the next page"
                    found[-1].changes += decoded
                else:
                    found.append(Commit(seq, device, push, decoded))
                joins_last = False
            cursor, joins_last, more = page["cursor"], page["open"], page["more"]
        assert not joins_last, "the log ends inside a commit"
        assert [commit.seq for commit in found] == sorted({commit.seq for commit in found})
        return found

    def _request(self, path: str, authorization: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def change_of(tables: list[dict], change: list) -> Change:
    """A change of the wire: [TABLE, OPERATION, KEY, VALUES, COLUMNS, AT], trailing parts may be missing."""
    place, operation, key, values, columns, _ = change + [None] * (6 - len(change))
    header = tables[place]
    row = {name: from_wire(kind, value) for (name, kind, *_), value in zip(header["key"], key, strict=True)}
    if operation != "d":
        places = range(len(header["columns"])) if columns is None else columns
        for column, value in zip(places, values or [], strict=True):
            name, kind, *_ = header["columns"][column]
            row[name] = from_wire(kind, value)
    return Change(header["table"], operation, tuple(row[name] for name, *_ in header["key"]), row)


def from_wire(kind: str, value: Any) -> Any:
    """A value of the wire in the form of compare.from_device()."""
    if isinstance(value, dict):
        return base64.b64decode(value["blob"]) if "blob" in value else real(float(value["real"]))
    if isinstance(value, bool):
        return int(value)
    if value is not None and kind in ("real", "double precision"):
        return real(float(value))
    if value is not None and kind == "numeric":
        return numeric(value)
    return value


def folded(commits: list[Commit]) -> dict[str, dict[Key, Row]]:
    """The tables that the log describes: every change applied in order to nothing."""
    tables: dict[str, dict[Key, Row]] = {}
    for change in changes_of(commits):
        rows = tables.setdefault(change.table, {})
        if change.operation == "i":
            rows[change.key] = dict(change.values)
        elif change.operation == "u":
            assert change.key in rows, f"the log updates a row that is not there: {change}"
            rows[change.key] |= change.values
        else:
            assert change.key in rows, f"the log deletes a row that is not there: {change}"
            del rows[change.key]
    return tables


def changes_of(commits: list[Commit]) -> Iterator[Change]:
    for commit in commits:
        yield from commit.changes
