"""A bridge on a hot standby: it reads there, and says that it cannot write."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterator

import pytest

from http_client import Client
from support import Bridge, Cluster, Database, process
from support.cluster import binary
from support.waiting import wait_until


@pytest.fixture
def standby(cluster: Cluster) -> Iterator[Cluster]:
    """A server that follows the shared one."""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-standby-"))
    folder.chmod(0o755)
    following = Cluster(folder)
    copied = Path(tempfile.mkdtemp(prefix="tidemark-copy-"))
    if following.user:
        shutil.chown(copied, following.user, following.user)
    subprocess.run(
        [binary("pg_basebackup"), "--pgdata", copied / "data", "--write-recovery-conf", "--checkpoint", "fast",
         "--no-sync", "--dbname", f"host={cluster.sockets} port={cluster.port} user=postgres"],
        check=True, capture_output=True, cwd="/", env=process.plain_environment(), **process.as_user(following.user),
    )  # fmt: skip
    os.rename(copied / "data", folder / "data")
    copied.rmdir()
    with following:
        yield following
    shutil.rmtree(folder)


def test_a_standby_is_read_until_it_is_promoted(
    cluster: Cluster, hub: Database, server: Bridge, token: str, standby: Cluster, start_bridge: Callable[..., Bridge]
) -> None:
    hub.sql("alter table products alter price set default 1 / 0")  # which no description can tell
    hub.sql("insert into products values (900, 'before', 1)")
    written_to = Client(server, token)
    head = written_to.get("/v1/log?after=0").json["head"]  # numbers what was committed
    reader = Client(start_bridge(standby.dsn(hub.name, "bridge")), token)
    wait_until(lambda: reader.get("/v1/status").json["head"] == head, "the standby's copy of the log")

    assert reader.get("/v1/log?after=0").json["head"] == head
    rows = reader.get("/v1/tables/products/rows").json["changes"]
    assert [900] in [change[2] for change in rows]
    assert ["price", "numeric", {"generated_default": True}] in reader.get("/v1/tables").json["tables"][0]["columns"]
    hub.sql("alter table products alter price drop default")
    push = {"push": 1, "cursor": str(head), "tables": [], "changes": []}
    refused = reader.push(push)
    assert refused.problem == (503, "unavailable") and "standby" in refused.json["detail"]

    promoted = Database(standby, hub.name)
    promoted.sql("select pg_promote()")
    promoted.sql("insert into products values (901, 'after', 1)")
    promoted.close()
    wait_until(lambda: reader.get(f"/v1/log?after={head}").json["commits"], "a commit numbered by the promoted server")
    assert reader.push(push).status == 200
