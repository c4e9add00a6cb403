"""What PostgreSQL says went wrong, as HTTP says it."""

from typing import Callable

import pytest

from http_client import Client
from support import Bridge
from support.waiting import wait_until


@pytest.fixture
def bridge(scripted: Callable[..., Bridge]) -> Bridge:
    return scripted()


@pytest.mark.parametrize(
    "sqlstate, problem",
    [
        ("TM400", (400, "invalid")),
        ("TM401", (401, "unauthorized")),
        ("TM402", (401, "revoked")),
        ("TM403", (403, "forbidden")),
        ("TM404", (404, "not_found")),
        ("TM409", (409, "behind")),
        ("TM410", (409, "forked")),
        ("TM411", (409, "ahead")),
        ("TM413", (413, "too_large")),
        ("40001", (503, "unavailable")),
        ("40P01", (503, "unavailable")),
        ("53100", (503, "unavailable")),
        ("53200", (503, "unavailable")),
        ("55P03", (503, "unavailable")),
        ("57014", (503, "unavailable")),
        ("57P03", (503, "unavailable")),
        ("58030", (503, "unavailable")),
        ("08006", (503, "unavailable")),
        ("25006", (503, "unavailable")),
        ("42501", (500, "internal")),
        ("42883", (500, "internal")),
        ("22012", (500, "internal")),
        ("XX001", (500, "internal")),
    ],
)
def test_an_error_keeps_its_message(bridge: Bridge, sqlstate: str, problem: tuple[int, str]) -> None:
    answer = Client(bridge, f"raise:{sqlstate}").get("/v1/status")
    assert answer.problem == problem
    assert 'raised for "Käse"' in answer.json["detail"]
    assert (answer.status == 503) == (int(answer.headers.get("Retry-After", 0)) > 0)
    if answer.status < 500:
        assert answer.json["hint"] == "A hint."


def test_a_full_disk_is_called_that(bridge: Bridge) -> None:
    assert "disk is full" in Client(bridge, "raise:53100").get("/v1/status").json["detail"]


def test_an_answer_of_nothing_is_internal(bridge: Bridge) -> None:
    assert Client(bridge, "null").get("/v1/status").problem == (500, "internal")


def test_the_log_names_the_error_but_no_token(bridge: Bridge) -> None:
    assert Client(bridge, "raise:XX001").get("/v1/status").status == 500
    log = bridge.log.read_text()
    assert "sqlstate=XX001" in log and "raise:" not in log


def test_errors_are_counted_by_sqlstate(bridge: Bridge) -> None:
    for _ in range(3):
        Client(bridge, "raise:40P01").get("/v1/status")
    errors = 'tidemark_database_errors_total{sqlstate="40P01"} 3\n'
    requests = 'tidemark_http_requests_total{method="GET",route="/v1/status",status="503"} 3\n'
    wait_until(lambda: {errors, requests} <= set(metrics_of(bridge)), "three errors in the metrics")


def metrics_of(bridge: Bridge) -> list[str]:
    return Client(bridge).get("/metrics").body.decode().splitlines(keepends=True)
