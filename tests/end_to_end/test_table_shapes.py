"""Every table shape and statement that peers refuse or get wrong ends as equal databases or as a listed conflict."""

import re
import sqlite3

import pytest

from support import Device, Fleet
from support.compare import device_rows, hub_rows
from support.device import quoted
from table_shapes import CASES, REFUSALS, Case, Refusal, Statement


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ends_equal_or_listed(fleet: Fleet, case: Case) -> None:
    fleet.hub(*case.hub)
    fleet.track(*map(quoted, case.tables), keys=case.options.get("keys", "none"))
    a, b = (device_with_tables(fleet, name, case) for name in ("a", "b"))
    run(a, case.a)
    run(b, case.b)
    fleet.settle()
    run(a, case.then_a)
    fleet.settle()

    for device in (a, b):
        conflicts = [kind for _, _, _, kind, _, _ in device.conflicts()]
        assert conflicts == ([case.listed[device.name]] if device.name in case.listed else []), device.conflicts()
        expect_equal(fleet, device, case)
    if case.rows is not None:
        table = quoted(case.tables[0])
        assert sorted(fleet.database.sql(f"select * from {table}"), key=repr) == sorted(case.rows, key=repr)


def device_with_tables(fleet: Fleet, name: str, case: Case) -> Device:
    device = fleet.unconnected(name)
    for definition in case.device:
        device.plain_sql(definition)
    if name == "a":
        run(device, case.before)
    device.connect(fleet.bridge.url)
    device.track(*case.tables, **case.options)
    device.sync()
    return device


def run(device: Device, statements: tuple[Statement, ...]) -> None:
    for statement in statements:
        text, parameters = statement if isinstance(statement, tuple) else (statement, ())
        device.sql(text, parameters)


def expect_equal(fleet: Fleet, device: Device, case: Case) -> None:
    stays = case.only_on.get(device.name)
    for shape in fleet.shapes(*case.tables):
        held = device_rows(device, shape)
        if stays:
            assert held.pop(stays)
        assert held == hub_rows(fleet.database, shape)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refused_by_name_with_a_hint(fleet: Fleet, refusal: Refusal) -> None:
    fleet.hub(*refusal.hub)
    fleet.track("t")
    device = fleet.unconnected("a")
    for definition in refusal.device:
        device.plain_sql(definition)
    device.connect(fleet.bridge.url)
    schema = device.sql("select name, sql from sqlite_schema order by name")

    with pytest.raises(sqlite3.Error) as raised:
        device.track("t")

    assert re.search(refusal.message, str(raised.value), re.IGNORECASE), raised.value
    assert "Hint: " in str(raised.value)
    assert device.sql("select name, sql from sqlite_schema order by name") == schema
