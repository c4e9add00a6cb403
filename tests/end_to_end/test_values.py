"""PostgreSQL -> SQLite -> PostgreSQL is the identity for every kind of value, on every way a value can take."""

import base64
import json

import pytest

from support import Fleet

KINDS = {
    "smallint": ["0", "-32768", "32767"],
    "integer": ["0", "-2147483648", "2147483647"],
    "bigint": ["0", "-9223372036854775808", "9223372036854775807", "9007199254740993"],
    "real": ["0", "-0", "0.1", "1e-45", "3.4028235e38", "-1.1754944e-38", "16777217", "NaN", "Infinity", "-Infinity"],
    "double precision": [
        "0", "-0", "0.1", "5e-324", "2.2250738585072011e-308", "1.7976931348623157e308", "9007199254740993",
        "1e15", "1e16", "123456789.123456789", "100", "NaN", "Infinity", "-Infinity",
    ],  # fmt: skip
    "numeric": [
        "0", "0.00", "-0.10", "12.50", "1e-40", "123456789012345678901234567890.123456789012345678901234567890",
        "9" * 1000, "0." + "0" * 999 + "1", "NaN", "Infinity", "-Infinity", "100", "1e20", "007",
    ],  # fmt: skip
    "numeric(12,2)": ["0", "12.5", "-9999999999.99", "NaN"],
    "text": [
        "", " ", "plain", "Käse", "茶 🧀 𝕏 \U0010ffff \ue000 \ufeff", "it's \"odd\" \\ / \b\f\n\r\t\x01\x1f\x7f", "x" * 70_000,
        "123", "1.50", "1e5", "0x10", "null", "NaN", "{\"blob\":\"AA==\"}", "true", "\u2028\u2029", "e\u0301",
    ],  # fmt: skip
    "varchar(20)": ["", "Käse", "trailing  "],
    "char(5)": ["", "a", "abcde", "ä"],
    "bytea": ["\\x", "\\x00", "\\x00ff80", "\\x" + "00" * 5000, "\\x7b7d", "\\x313233"],
    "boolean": ["true", "false"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "018FF383-3E37-7615-B764-C241F544E573"],
    "date": ["2026-11-21", "0044-03-15 BC", "4713-01-01 BC", "5874897-12-31", "infinity", "-infinity"],
    "time": ["00:00:00", "24:00:00", "09:30:00.123456", "09:30:00.1"],
    "timestamp": ["2026-11-21 09:30:00", "0044-03-15 12:00:00.000001 BC", "294276-12-31 23:59:59.999999", "-infinity"],
    "timestamptz": [
        "2026-11-21 09:30:00+05:30", "1883-11-18 12:03:57.9999-05", "0044-03-15 12:00:00.5+00 BC", "infinity", "-infinity",
        "294276-12-31 23:59:59.999999+00",
    ],  # fmt: skip
    "interval": [
        "0", "1 year 2 mons 3 days 04:05:06.789", "-1 years +2 days", "178000000 years", "-00:00:00.000001", "1 day -1 hours",
    ],  # fmt: skip
    "json": ["null", '{"b": 1,  "a": [1, 2.50, "x"], "a": 2}', '"\\u00e4"', "1.0", "[ ]"],
    "jsonb": ["null", '{"b": 1, "a": {"c": [1, 2.50, null]}}', '"ä"', "1.00", "[]", "1e400"],
    "mood": ["happy", "so so", "it's \"odd\", {really}"],
    "integer[]": ["{}", "{1,NULL,-3}", "{{1,2},{3,4}}", "[2:3]={5,6}"],
    "text[]": ["{}", '{"",NULL,"NULL"," a ","b,c","\\"q\\"","\\\\",ü}'],
    "numeric[]": ["{1.50,NaN,1e-20}"],
    "timestamptz[]": ['{"2026-11-21 09:30:00+00",infinity}'],
    "bytea[]": ['{"\\\\x00ff",NULL}'],
    "boolean[]": ["{t,f,NULL}"],
    "mood[]": ['{happy,"so so"}'],
    "price": ["0.00", "12.50", "99999999999999999999.99"],
    "code": ["a", "Ä"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_is_the_identity(fleet: Fleet, kind: str) -> None:
    fleet.hub(
        "create type mood as enum ('happy', 'so so', 'it''s \"odd\", {really}')",
        "create domain price as numeric check (value >= 0)",
        "create domain code as text not null default 'a'",
        f"create table t (id text primary key, v {kind}, copy {kind}, note text)",
    )
    fleet.track("t")
    by_log = fleet.device("by_log", "t")  # has nothing to load: gets the rows from the log
    by_log.sync()
    values = KINDS[kind] + ([] if kind == "code" else [None])
    for number, value in enumerate(values):
        fleet.database.sql("insert into t (id, v) values (%s, %s)", [f"hub {number}", value])
    by_load = fleet.device("by_load", "t")
    fleet.settle()

    held = by_log.sql("select id, typeof(v), v from t order by id")
    assert held == by_load.sql("select id, typeof(v), v from t order by id")
    assert len(held) == len(values)

    # A program reads the values and writes them elsewhere: with the extension and without it.
    for device, write in ((by_log, by_log.sql), (by_load, by_load.plain_sql)):
        for key, _, value in held:
            write("insert into t (id, v, copy) values (?, ?, ?)", (f"{device.name}: {key}", value, value))
    by_load.plain_sql("update t set copy = v where id like 'hub %'")
    by_log.sql("update t set note = 'seen' where id like 'hub %'")
    fleet.settle()

    fleet.assert_quiet()
    fleet.assert_equal("t")
    wrong = fleet.database.sql(
        """select d.id, h.v::text, d.v::text, d.copy::text
             from t h join t d on d.id = h.id or d.id like '%%: ' || h.id
            where h.id like 'hub %%'
              and (d.v::text is distinct from h.v::text or d.copy::text is distinct from h.v::text)"""
    )
    assert wrong == []
    assert fleet.database.value("select count(*) from t") == 3 * len(values)
    assert fleet.database.value("select count(*) from t where note = 'seen'") == len(values)


KEYS = {
    "smallint": ["-1", "300"], "bigint": ["9007199254740993", "-9223372036854775808"], "numeric": ["12.50", "1e-30"],
    "text": ["", "Käse", "it's"], "char(5)": ["a", "b "], "bytea": ["\\x00ff", "\\x"], "boolean": ["true", "false"],
    "uuid": ["018ff383-3e37-7615-b764-c241f544e573"], "date": ["2026-11-21", "infinity"],
    "timestamptz": ["2026-11-21 09:30:00.5+02", "0044-03-15 12:00:00+00 BC"], "double precision": ["0.1", "-5e-324"],
    "mood": ["happy", "sad"], "interval": ["1 year 02:00:00"], "integer[]": ["{1,2}", "{}"],
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_of_any_kind_names_the_same_row(fleet: Fleet, kind: str) -> None:
    fleet.hub(
        "create type mood as enum ('happy', 'sad')",
        f"create table t (shop text, k {kind}, n integer, primary key (shop, k))",
    )
    fleet.track("t")
    for value in KEYS[kind]:
        fleet.database.sql("insert into t values ('s', %s, 1), ('gone', %s, 1)", [value, value])
    a, b = fleet.device("a", "t"), fleet.device("b", "t")
    fleet.settle()

    a.sql("update t set n = n + 1 where shop = 's'")
    b.sql("delete from t where shop = 'gone'")
    b.sql("insert into t select 'b', k, 5 from t where shop = 's'")
    fleet.settle()
    fleet.hub("update t set n = n + 10")
    fleet.settle()

    fleet.assert_quiet()
    fleet.assert_equal("t")
    assert fleet.database.sql("select shop, n, count(*) from t group by 1, 2 order by 1") == [
        ("b", 15, len(KEYS[kind])),
        ("s", 12, len(KEYS[kind])),
    ]


SPELLINGS = {
    "uuid": ["018FF383-3E37-7615-B764-C241F544E573", "{018ff3833e377615b764c241f544e574}"],
    "numeric": ["+1.50", "007", "1e2"],
    "char(5)": ["a", "b  "],
    "date": ["2026-1-5", "5 March 2026"],
    "timestamptz": ["2026-11-21T09:30:00Z", "2026-11-21 09:30+02"],
    "boolean": ["yes", "f"],
    "bigint": [" 7 ", "-0"],
    "bytea": ["\\x00FF"],
    "jsonb": ['{"b":1,  "a":2}'],
    "interval": ["90 minutes"],
    "integer[]": ["{ 1, 2 }"],
}


@pytest.mark.parametrize("kind", SPELLINGS)
def test_another_spelling_of_a_key_is_rejected_with_the_hubs(fleet: Fleet, kind: str) -> None:
    """Two spellings of one key are two rows in SQLite, and one in PostgreSQL."""
    fleet.hub(f"create table t (k {kind} primary key, v {kind}, n integer)")
    fleet.track("t")
    a, b = fleet.unconnected("a"), fleet.unconnected("b")
    for device in (a, b):
        device.plain_sql("create table t (k primary key not null, v, n integer)")
        device.connect(fleet.bridge.url)
        device.track("t")
    for n, spelling in enumerate(SPELLINGS[kind]):
        a.sql("insert into t values (?, ?, ?)", (spelling, spelling, n))
    fleet.settle()

    assert fleet.database.value("select count(*) from t") == 0
    assert [row[3] for row in a.pending()] == ["rejected"] * len(SPELLINGS[kind])
    for key, hint in a.sql("select key, hint from tidemark_conflicts where kind = 'reject'"):
        form = json.loads(hint.removeprefix("The hub's form is ").partition(". Write")[0])
        value = base64.b64decode(form["blob"]) if isinstance(form, dict) else form
        a.sql("update t set k = ? where k = ?", (value, *json.loads(key)))
    fleet.settle()
    fleet.assert_equal("t")
    assert fleet.database.value("select count(*) from t") == len(SPELLINGS[kind])


@pytest.mark.parametrize(
    "type_name", ["tsvector", "point", "money", "int4range", "inet", "bit(3)", "xml", "time with time zone", "macaddr", "oid"]
)
def test_a_type_outside_the_list_is_refused_by_name(fleet: Fleet, type_name: str) -> None:
    fleet.hub(f"create table t (id text primary key, odd {type_name})")

    with pytest.raises(Exception) as raised:
        fleet.track("t")

    assert "odd" in str(raised.value)
    assert type_name.split("(")[0] in str(raised.value)
    assert fleet.database.value("select count(*) from tidemark.tables") == 0


@pytest.mark.parametrize("value, kind", [("12.5", "integer"), ("'many'", "integer"), ("'2026-13-01'", "date"),
                                         ("'maybe'", "boolean"), ("'x'", "uuid"), ("70000", "smallint"),
                                         ("'{'", "jsonb"), ("x'00'", "integer"), ("'abc'", "varchar(2)"),
                                         ("-1", "price"), ("'sad'", "mood")])  # fmt: skip
def test_a_value_the_hub_cannot_take_is_a_reject(fleet: Fleet, value: str, kind: str) -> None:
    fleet.hub(
        "create type mood as enum ('happy')",
        "create domain price as numeric check (value >= 0)",
        f"create table t (id text primary key, v {kind}, n integer)",
    )
    fleet.track("t")
    a = fleet.unconnected("a")
    a.plain_sql("create table t (id text primary key not null, v, n integer)")
    a.connect(fleet.bridge.url)
    a.track("t")
    a.sql(f"insert into t values ('bad', {value}, 1)")
    a.sql("insert into t values ('good', null, 1)")

    report = a.sync()

    assert report["rejected"] == 1
    assert fleet.database.sql("select id from t") == [("good",)]
    assert [row[3] for row in a.pending()] == ["rejected"]
    assert [row[3] for row in a.conflicts()] == ["reject"]
    assert a.sql("select id from t order by id") == [("bad",), ("good",)]

    a.sql("update t set v = null where id = 'bad'")
    fleet.settle()
    assert fleet.database.sql("select id from t order by id") == [("bad",), ("good",)]
    assert a.pending() == []
