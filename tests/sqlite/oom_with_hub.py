#!/usr/bin/env python3
"""Runs sqlite_oom_with_hub_tests against a real hub: a throwaway cluster and a bridge.

    tests/sqlite/oom_with_hub.py [program [gtest options]]

TIDEMARK_BUILD names the build, as in every test.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import Bridge, Cluster  # noqa: E402
from support.paths import BUILD, require  # noqa: E402

ITEMS = """
    create table item (id uuid primary key, name text not null, price numeric(10, 2), picture bytea);
    insert into item select tidemark.uuid(), 'item ' || n, n * 1.5 from generate_series(1, 20) n;
    select tidemark.track('item');
    select tidemark.create_user('till', 'secret');
    select tidemark.grant('till');
"""


def main(arguments: list[str]) -> int:
    program = Path(arguments[0]) if arguments else BUILD / "tests" / "sqlite" / "sqlite_oom_with_hub_tests"
    with tempfile.TemporaryDirectory(prefix="tidemark-oom-") as folder, Cluster(Path(folder) / "cluster") as cluster:
        database = cluster.create_database()
        database.sql(ITEMS)
        with Bridge(database.bridge_dsn(), Path(folder) / "bridge.log") as bridge:
            hub = {"TIDEMARK_TEST_URL": bridge.url, "TIDEMARK_TEST_USER": "till", "TIDEMARK_TEST_SECRET": "secret"}
            return subprocess.run([require(program), *arguments[1:]], env=os.environ | hub).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
