"""Are two databases equal? Rows of the hub and of a device in one form, compared value by value."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from .cluster import Database
from .device import Device, quoted

Key = tuple
Row = dict[str, Any]

_INTEGERS = {"int2", "int4", "int8"}
_REALS = {"float4", "float8"}
_WITH_FRACTION = {"time", "timestamp", "timestamptz"}


@dataclass(frozen=True)
class Shape:
    """What a tracked table looks like on the hub; generated columns are not in it."""

    table: str
    key: tuple[str, ...]
    types: dict[str, str]  # of each column, by its name: the base type's name

    @property
    def columns(self) -> list[str]:
        return list(self.types)


def shape_of(database: Database, table: str) -> Shape:
    """Reads a table's shape from the hub's catalog."""
    columns = database.sql(
        """select a.attname, coalesce(b.typname, t.typname), k.place
             from pg_attribute a
             join pg_type t on t.oid = a.atttypid
             left join pg_type b on b.oid = nullif(t.typbasetype, 0)
             left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
             left join lateral unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality k(attnum, place) on k.attnum = a.attnum
            where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
            order by a.attnum""",
        [quoted(table)],
    )
    key = sorted((place, name) for name, _, place in columns if place is not None)
    return Shape(table, tuple(name for _, name in key), {name: type_name for name, type_name, _ in columns})


def hub_rows(database: Database, shape: Shape) -> dict[Key, Row]:
    """The hub's rows by key, each value as a device would hold it."""
    names = ", ".join(f"{quoted(name)}::text" for name in shape.columns)
    found = database.sql(f"select {names} from {quoted(shape.table)}")
    rows = [{name: from_hub(shape.types[name], value) for name, value in zip(shape.columns, row)} for row in found]
    return {key_of(shape, row): row for row in rows}


def device_rows(device: Device, shape: Shape) -> dict[Key, Row]:
    """A device's rows by key."""
    names = ", ".join(quoted(name) for name in shape.columns)
    found = device.sql(f"select {names} from {quoted(shape.table)}")
    rows = [
        {name: from_device(shape.types[name], value) for name, value in zip(shape.columns, row)} for row in found
    ]
    return {key_of(shape, row): row for row in rows}


def key_of(shape: Shape, row: Row) -> Key:
    return tuple(row[name] for name in shape.key)


def from_hub(type_name: str, text: str | None) -> Any:
    """A value in PostgreSQL's text form, as a device holds it (docs/protocol.md, Values)."""
    if text is None:
        return None
    if type_name in _INTEGERS:
        return int(text)
    if type_name in _REALS:
        return real(float(text))
    if type_name == "bool":
        return int(text == "true")
    if type_name == "bytea":
        return bytes.fromhex(text.removeprefix("\\x"))
    if type_name == "numeric":
        return numeric(text)
    if type_name in _WITH_FRACTION:
        return with_six_digits(text)
    return text


def from_device(type_name: str, value: Any) -> Any:
    """The same form of a value that a device holds, whatever affinity its column has."""
    if value is None:
        return None
    if type_name in _REALS and value != "NaN":
        return real(float(value))
    if type_name == "numeric":
        return numeric(value)
    if type_name == "bpchar" and isinstance(value, str):
        return value.rstrip(" ")  # a char(n) is padded, and its blanks mean nothing
    return value


def real(value: float) -> str:
    """A double as a text that tells -0.0 from 0.0 and has NaN equal to itself."""
    return "NaN" if math.isnan(value) else repr(value)


def numeric(value: object) -> Any:
    """A decimal number; one that a device holds as a REAL is equal to its shortest text. NaN is a text, to
    be equal to itself."""
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        return value
    return "NaN" if number.is_nan() else number


def with_six_digits(text: str) -> str:
    """2026-11-21 09:30:00+00 -> 2026-11-21 09:30:00.000000+00; a time zone must be UTC."""
    match = re.fullmatch(r"(.*\d\d:\d\d:\d\d)(\.\d+)?(\+00)?( BC)?", text)
    if not match:
        return text
    fraction = (match[2] or ".").ljust(7, "0")
    return f"{match[1]}{fraction}{match[3] or ''}{match[4] or ''}"


def differences(shape: Shape, name_a: str, a: dict[Key, Row], name_b: str, b: dict[Key, Row]) -> list[str]:
    """What differs between two sets of rows, a line each; empty if they are equal."""
    lines = []
    for key in sorted(a.keys() | b.keys(), key=repr):
        place = f"{shape.table} {list(key)!r}"
        if key not in a or key not in b:
            here, away, rows = (name_a, name_b, a) if key in a else (name_b, name_a, b)
            lines.append(f"{place}: only {here} has it, not {away}: {rows[key]!r}")
            continue
        for column in shape.columns:
            if a[key][column] != b[key][column]:
                lines.append(f"{place} {column}: {name_a} {a[key][column]!r}, {name_b} {b[key][column]!r}")
    return lines
