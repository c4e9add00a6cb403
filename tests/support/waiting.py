"""Waiting for a condition, never for a time."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what_for: str, timeout_s: float = 20) -> T:
    """Calls `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.001
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s in vain for {what_for}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.1)
