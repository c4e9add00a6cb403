"""Hubs and bridges for the tests of the bridge."""

from pathlib import Path
from typing import Callable, Iterator

import pytest

from http_client import Client
from support import Bridge, Cluster, Database

# Stands in for one function of the hub, so that a test can have any error, any delay and any size:
# the token says which.
_SCRIPTED_STATUS = """
alter function tidemark.device_status(text) rename to _real_device_status;
create function tidemark.device_status(token text) returns text language plpgsql as $$
begin
  if token like 'raise:%' then
    raise exception 'raised for "Käse"' using errcode = substr(token, 7), hint = 'A hint.';
  elsif token = 'wait' then
    perform pg_advisory_lock_shared(4242);
    perform pg_advisory_unlock_shared(4242);
  elsif token like 'large:%' then
    return '"' || repeat('x', substr(token, 7)::int - 2) || '"';
  elsif token = 'null' then
    return null;
  end if;
  return '{"scripted":true}';
end $$;
"""


@pytest.fixture(scope="session")
def hub(cluster: Cluster) -> Database:
    """A hub with the tracked table products, the users till (may write) and guest (may not)."""
    made = cluster.create_database()
    made.sql("create table products (id int primary key, name text, price numeric(10,2))")
    made.sql("select tidemark.track('products', keys => 'given')")
    for user in ("till", "guest"):
        made.sql("select tidemark.create_user(%s, 'secret')", (user,))
    made.sql("select tidemark.grant('till')")
    made.sql("select tidemark.grant('guest', rights => 'read')")
    return made


@pytest.fixture(scope="session")
def server(hub: Database, scratch: Path) -> Iterator[Bridge]:
    """A bridge on that hub, under the role bridge, with every option at its default."""
    with Bridge(hub.bridge_dsn(), scratch / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def scripted_hub(cluster: Cluster) -> Database:
    """A hub whose device_status does what the token says."""
    made = cluster.create_database()
    made.sql(_SCRIPTED_STATUS)
    return made


@pytest.fixture
def start_bridge(tmp_path: Path) -> Iterator[Callable[..., Bridge]]:
    """Starts bridges with options; all are ended, cleanly, after the test."""
    running: list[Bridge] = []

    def start(dsn: str, *options: str) -> Bridge:
        bridge = Bridge(dsn, tmp_path / f"bridge-{len(running)}.log", options)
        running.append(bridge)
        return bridge.start()

    yield start
    for bridge in running:
        bridge.stop()


@pytest.fixture
def scripted(scripted_hub: Database, start_bridge: Callable[..., Bridge]) -> Callable[..., Bridge]:
    """Starts a bridge on the scripted hub."""
    return lambda *options: start_bridge(scripted_hub.dsn, *options)


@pytest.fixture(scope="session")
def token(server: Bridge) -> str:
    """The token of a device that till enrolled."""
    return Client(server).enrol("till", "secret")
