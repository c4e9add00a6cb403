"""The fleet that the conformance tests of one file share: a hub with notes, and two devices."""

from typing import Iterator

import pytest

from conformance import notes_fleet
from support import Cluster, Device, Fleet


@pytest.fixture(scope="module")
def shared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with notes_fleet(cluster, tmp_path_factory.mktemp("notes")) as fleet:
        yield fleet


@pytest.fixture
def one(notes: Fleet) -> Device:
    return notes.devices[0]


@pytest.fixture
def two(notes: Fleet) -> Device:
    return notes.devices[1]
