"""Every route, and what each answers to requests that are wrong in themselves."""

import json
from typing import Callable
from urllib.parse import quote

import psycopg2.errors
import pytest

from http_client import Client, basic
from support import Bridge, Database
from support.waiting import wait_until

PRODUCTS = {"table": "products", "key": [["id", "integer"]], "columns": [["name", "text"], ["price", "numeric"]]}


@pytest.fixture
def till(server: Bridge, token: str) -> Client:
    return Client(server, token)


@pytest.fixture
def new_till(server: Bridge) -> Client:
    """A device that has not pushed yet."""
    return Client(server, Client(server).enrol("till", "secret"))


def push_of(number: int, cursor: str, *changes: list) -> dict:
    return {"push": number, "cursor": cursor, "tables": [PRODUCTS], "changes": list(changes)}


def head_of_log(till: Client) -> str:
    return str(till.get("/v1/status").json["head"])


# -- enrolment --------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{}", b'{"name":null}', b'{"name":"till 3"}', '{"name":"Käse","x":[1]}'.encode()])
def test_enrolment_gives_a_token_that_works(server: Bridge, body: bytes) -> None:
    answer = Client(server).request("POST", "/v1/devices", body, basic("till", "secret"))
    assert answer.status == 201 and answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    status = Client(server, answer.json["token"]).get("/v1/status").json
    assert (status["device"], status["user"]) == (answer.json["device"], "till")
    assert status.get("name") == (json.loads(body or b"{}").get("name"))


@pytest.mark.parametrize(
    "body",
    [b"[]", b"7", b"{", b'{"name":7}', b'{"name":"a\\u0000b"}', b'{"name":"\xff"}', pytest.param(b"[" * 40 + b"]" * 40, id="deep array"),
     pytest.param(b'{"a":' * 40 + b"1" + b"}" * 40, id="deep object")],
)
def test_a_malformed_enrolment_is_refused(server: Bridge, body: bytes) -> None:
    answer = Client(server).request("POST", "/v1/devices", body, basic("till", "secret"))
    assert answer.problem == (400, "invalid")


def test_an_enrolment_body_is_small(server: Bridge) -> None:
    body = json.dumps({"name": "x" * 20000})
    assert Client(server).request("POST", "/v1/devices", body, basic("till", "secret")).problem == (413, "too_large")


@pytest.mark.parametrize(
    "headers",
    [{}, basic("till", "wrong"), basic("nobody", "secret"), basic("till", ""), {"Authorization": "Basic !!"},
     {"Authorization": "Basic dGlsbA=="}, {"Authorization": "Digest x"}, {"Authorization": "Bearer nonsense"}],
)  # fmt: skip
def test_enrolment_needs_the_secret(server: Bridge, headers: dict[str, str]) -> None:
    answer = Client(server).request("POST", "/v1/devices", b"{}", headers)
    assert answer.problem == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_an_enrolment_with_the_old_token_gives_a_new_device(new_till: Client) -> None:
    before = new_till.get("/v1/status").json["device"]
    answer = new_till.request("POST", "/v1/devices", b"{}")
    assert answer.status == 201 and answer.json["device"] != before


# -- reading ----------------------------------------------------------------------------------------


def test_tables_lists_what_is_tracked(till: Client) -> None:
    answer = till.get("/v1/tables")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    assert [table["table"] for table in answer.json["tables"]] == ["products"]


def test_a_committed_change_is_in_the_next_page(till: Client, hub: Database) -> None:
    cursor = head_of_log(till)
    hub.sql("insert into products values (100, 'Käse', 2.50)")
    page = till.get(f"/v1/log?after={cursor}").json
    assert [change[2] for commit in page["commits"] for change in commit[4]] == [[100]]
    assert page["more"] is False and page["cursor"] == str(page["head"])


def test_a_pull_notes_the_cursor(new_till: Client, hub: Database) -> None:
    hub.sql("insert into products values (101, 'noted', 1)")
    cursor = new_till.get("/v1/log?after=0").json["cursor"]

    def is_noted() -> bool:
        new_till.get(f"/v1/log?after={cursor}")  # the note of the pull before may come after this one's
        return new_till.get("/v1/status").json["cursor"] == cursor

    wait_until(is_noted, "the cursor in the device's status")


@pytest.mark.parametrize("have", ["", "-1", "x", "1.5", "9" * 19])
def test_have_is_the_number_of_a_push(new_till: Client, have: str) -> None:
    answer = new_till.get(f"/v1/log?after=0&have={have}")
    assert answer.status == 400 and answer.json["code"] == "invalid"
    assert '"have"' in answer.json["detail"]


def test_rows_are_read_page_by_page(hub: Database, start_bridge: Callable[..., Bridge], token: str) -> None:
    hub.sql("insert into products select n, repeat('x', 1000), 1 from generate_series(1000, 1099) n")
    till = Client(start_bridge(hub.dsn, "--page-bytes", "10000"), token)
    keys, path, pages = [], "/v1/tables/products/rows", 0
    while True:
        page = till.get(path).json
        keys += [change[2][0] for change in page["changes"]]
        pages += 1
        if page["after"] is None:
            break
        path = "/v1/tables/products/rows?after=" + quote(page["after"], safe="")
    assert pages > 3
    assert keys == [row[0] for row in hub.sql("select id from products order by id")]


def test_a_table_name_may_be_anything(hub: Database, till: Client) -> None:
    hub.sql('create table "a/b %% Käse?" (id int primary key)', ())
    hub.sql("select tidemark.track('\"a/b % Käse?\"', keys => 'given')")
    try:
        answer = till.get("/v1/tables/" + quote("a/b % Käse?", safe="") + "/rows")
        assert answer.status == 200 and answer.json["tables"][0]["table"] == "a/b % Käse?"
    finally:
        hub.sql('drop table "a/b %% Käse?"', ())


@pytest.mark.parametrize(
    "path, problem",
    [
        ("/", (404, "not_found")),
        ("/v1", (404, "not_found")),
        ("/v1/log/", (404, "not_found")),
        ("/v2/log", (404, "not_found")),
        ("/v1/tables/products", (404, "not_found")),
        ("/v1/tables/products/rows/1", (404, "not_found")),
        ("/v1/tables/nothing/rows", (404, "not_found")),
        ("/v1/tables//rows", (404, "not_found")),
        ("/v1/tables/%zz/rows", (400, "invalid")),
        ("/v1/tables/%4/rows", (400, "invalid")),
        ("/v1/tables/%00/rows", (400, "invalid")),
        ("/v1/tables/%ff/rows", (400, "invalid")),
        ("/v1/tables/products/rows?after=nonsense", (400, "invalid")),
        ("/v1/log", (400, "invalid")),
        ("/v1/log?after=", (400, "invalid")),
        ("/v1/log?after=x", (400, "invalid")),
        ("/v1/log?after=0&after=0", (400, "invalid")),
        ("/v1/log?after=%f0%28", (400, "invalid")),
        ("/v1/log?after=1000000", (409, "ahead")),
    ],
)
def test_a_wrong_address_is_a_problem(till: Client, path: str, problem: tuple[int, str]) -> None:
    assert till.get(path).problem == problem


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("POST", "/v1/tables", "GET"),
        ("GET", "/v1/devices", "POST"),
        ("DELETE", "/v1/log", "GET, POST"),
        ("HEAD", "/v1/log", "GET, POST"),
        ("FROB", "/v1/status", "GET"),
        ("OPTIONS", "/v1/tables/products/rows", "GET"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
def test_another_method_is_refused_with_those_allowed(till: Client, method: str, path: str, allow: str) -> None:
    answer = till.request(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert method == "HEAD" or answer.problem == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/v1/tables", "/v1/log?after=0", "/v1/tables/products/rows", "/v1/status"])
def test_reading_needs_a_token(server: Bridge, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer "}, basic("till", "secret")):
        answer = Client(server).get(path, headers)
        assert answer.problem == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_revoked_device_is_told_so(new_till: Client, hub: Database) -> None:
    hub.sql("select tidemark.revoke_device(%s)", (new_till.get("/v1/status").json["device"],))
    for answer in (new_till.get("/v1/log?after=0"), new_till.push(push_of(1, "0"))):
        assert answer.problem == (401, "revoked") and answer.headers["WWW-Authenticate"]


# -- pushing ----------------------------------------------------------------------------------------


def test_a_push_is_applied_once_however_often_it_is_sent(new_till: Client, hub: Database) -> None:
    push = push_of(1, head_of_log(new_till), [0, "i", [200], ["Brot", "3.20"]])
    first = new_till.push(push)
    assert first.status == 200 and (first.json["accepted"], first.json["rejected"]) == (1, [])
    assert new_till.push(push).json["accepted"] == 1
    assert hub.sql("select name, price::text from products where id = 200") == [("Brot", "3.20")]


def test_a_second_push_under_one_number_is_forked(new_till: Client) -> None:
    cursor = head_of_log(new_till)
    assert new_till.push(push_of(1, cursor, [0, "i", [201], ["a", "1"]])).status == 200
    assert new_till.push(push_of(1, cursor, [0, "i", [202], ["b", "1"]])).problem == (409, "forked")


def test_a_push_that_overlaps_is_behind(new_till: Client, hub: Database) -> None:
    hub.sql("insert into products values (203, 'a', 1)")
    cursor = new_till.get("/v1/log?after=" + head_of_log(new_till)).json["cursor"]
    hub.sql("update products set name = 'theirs' where id = 203")
    assert new_till.push(push_of(1, cursor, [0, "u", [203], ["mine"], [0]])).problem == (409, "behind")
    assert hub.value("select name from products where id = 203") == "theirs"


def test_a_user_without_the_right_is_forbidden(server: Bridge) -> None:
    guest = Client(server, Client(server).enrol("guest", "secret"))
    answer = guest.push(push_of(1, head_of_log(guest), [0, "i", [204], ["a", "1"]]))
    assert answer.problem == (403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"{", b"{}", b"[]", b'{"push":1,"cursor":"0","tables":[],"changes":"\xff"}',
     b'{"push":1}\0', "{\"push\":\"\ud800\"}".encode("utf-8", "surrogatepass"), pytest.param(b"[" * 100000, id="deep")],
)  # fmt: skip
def test_a_malformed_push_is_refused(new_till: Client, body: bytes) -> None:
    assert new_till.push(body).problem == (400, "invalid")


# -- the rest ---------------------------------------------------------------------------------------


def test_health_is_open_to_all(server: Bridge) -> None:
    assert Client(server).get("/healthz").json == {"status": "ok"}
    head = Client(server).request("HEAD", "/healthz")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "15")


def test_the_role_of_the_bridge_reads_no_table(hub: Database, server: Bridge) -> None:
    tables = hub.sql("select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('tidemark', 'public')")
    assert ("public.products",) in tables
    connection = hub.connect("bridge")
    for (table,) in tables:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
            cursor.execute(f"select 1 from {table}")
    connection.close()


def test_a_role_without_rights_is_told_what_to_run(hub: Database, start_bridge: Callable[..., Bridge]) -> None:
    hub.sql("create role stranger login")
    stranger = Client(start_bridge(hub.cluster.dsn(hub.name, "stranger")), "token")
    answer = stranger.get("/v1/status")
    assert answer.problem == (500, "internal") and "allow_bridge" in answer.json["hint"]
    hub.sql("select tidemark.allow_bridge('stranger')")
    assert stranger.get("/v1/status").problem == (401, "unauthorized")


def test_a_database_without_the_extension_is_named(cluster, start_bridge: Callable[..., Bridge]) -> None:
    empty = cluster.create_database(extension=False)
    answer = Client(start_bridge(empty.dsn), "token").get("/v1/tables")
    assert answer.problem == (500, "internal")
    assert "extension tidemark is not installed" in answer.json["detail"]
    assert "create extension tidemark" in answer.json["hint"]
