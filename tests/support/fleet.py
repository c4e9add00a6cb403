"""A hub with its bridge and the devices that follow it."""

from pathlib import Path
from typing import Iterable

from .bridge import Bridge
from .cluster import Database
from .compare import Shape, device_rows, differences, hub_rows, shape_of
from .device import Device


class Fleet:
    """Makes devices, syncs them until nothing moves, compares them with the hub."""

    def __init__(self, database: Database, bridge: Bridge, folder: Path) -> None:
        self.database = database
        self.bridge = bridge
        self.folder = folder
        self.devices: list[Device] = []

    def hub(self, *statements: str) -> None:
        """Runs statements at head office."""
        for statement in statements:
            self.database.sql(statement)

    def track(self, *tables: str, keys: str = "none") -> None:
        """tidemark.track of each table; the names are as SQL has them, quoted where need be."""
        for table in tables:
            self.database.sql("select tidemark.track(%s::regclass, keys => %s)", [table, keys])

    def device(self, name: str, *tables: str, url: str = "", **options: object) -> Device:
        """A device, connected, that tracks the tables."""
        device = self.unconnected(name)
        device.connect(url or self.bridge.url)
        device.track(*tables, **options)
        return device

    def unconnected(self, name: str) -> Device:
        """A device that is an empty file."""
        device = Device(self.folder / f"{name}.db")
        self.devices.append(device)
        return device

    def close(self) -> None:
        for device in self.devices:
            device.close()

    def settle(self, devices: Iterable[Device] | None = None, rounds: int = 12) -> None:
        """Syncs the devices one after the other until a whole round moves nothing."""
        chosen = list(self.devices if devices is None else devices)
        for _ in range(rounds):
            moved = 0
            for device in chosen:
                report = device.sync()
                moved += report["pulled"] + report["pushed"]
            if moved == 0:
                return
        raise AssertionError(f"the devices still exchange changes after {rounds} rounds")

    def shapes(self, *tables: str) -> list[Shape]:
        return [shape_of(self.database, table) for table in tables]

    def differences(self, *tables: str, devices: Iterable[Device] | None = None) -> list[str]:
        """What differs between the hub and each device in these tables."""
        lines = []
        for shape in self.shapes(*tables):
            hub = hub_rows(self.database, shape)
            for device in self.devices if devices is None else devices:
                lines += differences(shape, "hub", hub, device.name, device_rows(device, shape))
        return lines

    def assert_equal(self, *tables: str, devices: Iterable[Device] | None = None) -> None:
        found = self.differences(*tables, devices=devices)
        assert not found, "\n".join(found)

    def assert_quiet(self, devices: Iterable[Device] | None = None) -> None:
        """Nothing is pending and nothing met anywhere."""
        for device in self.devices if devices is None else devices:
            assert device.pending() == [], device.name
            assert device.conflicts() == [], device.name
