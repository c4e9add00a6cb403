"""Puts tests/support within reach of every suite, and gives the servers that suites share."""

import shutil
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import Bridge, Cluster, Database, Fleet  # noqa: E402
from support.paths import BUILD  # noqa: E402


@pytest.fixture(scope="session")
def scratch(request: pytest.FixtureRequest) -> Path:
    """Where a session's files are: build/test/<suite>. Kept for a look, emptied by the next run."""
    suite = Path(str(request.config.args[0]).split("::")[0]).stem
    folder = BUILD / "test" / suite
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def cluster(scratch: Path) -> Iterator[Cluster]:
    """One PostgreSQL server for the session."""
    with Cluster(scratch / "cluster") as running:
        yield running


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A fresh database with the extension and the user till, who may read and write."""
    made = cluster.create_database()
    made.sql("select tidemark.create_user('till', 'secret')")
    made.sql("select tidemark.grant('till')")
    yield made
    made.drop()


@pytest.fixture
def bridge(database: Database, tmp_path: Path) -> Iterator[Bridge]:
    """A bridge on the fresh database, under a role of its own."""
    with Bridge(database.bridge_dsn(), tmp_path / "bridge.log") as running:
        yield running


@pytest.fixture
def fleet(database: Database, bridge: Bridge, tmp_path: Path) -> Iterator[Fleet]:
    """The hub, its bridge, and devices to be made."""
    made = Fleet(database, bridge, tmp_path)
    yield made
    made.close()
