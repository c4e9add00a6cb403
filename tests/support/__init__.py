"""Real servers, real files and a bad line: what the tests and the demo are made of."""

from .bridge import Bridge
from .cluster import Cluster, Database
from .device import Device, DeviceProcess
from .fault_proxy import Fault, FaultProxy
from .fleet import Fleet
from .waiting import wait_until

__all__ = ["Bridge", "Cluster", "Database", "Device", "DeviceProcess", "Fault", "FaultProxy", "Fleet", "wait_until"]
