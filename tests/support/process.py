"""Starting programs that do not outlive the tests, and ending them gently or not."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Sequence

from .waiting import wait_until

# Put before a command: the kernel kills the program when the thread that started it ends.
DIES_WITH_US = ("/usr/bin/setpriv", "--pdeathsig", "KILL", "--")


def start(
    command: Sequence[object],
    log: Path,
    user: str | None = None,
    detached: bool = False,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen:
    """Starts a program with its output appended to `log`, as `user` if we are root. A detached one
    outlives us; any other dies with us."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            [str(part) for part in (*(() if detached else DIES_WITH_US), *command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=plain_environment() | (environment or {}),
            start_new_session=True,
            **as_user(user),
        )


def plain_environment() -> dict[str, str]:
    """Our environment without what is meant for this process alone."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD" and not name.startswith("PG")}


def as_user(user: str | None) -> dict:
    """Arguments for subprocess that run a program as `user`: only root can, and only root must."""
    if user is None or os.geteuid() != 0:
        return {}
    return {"user": user, "group": user, "extra_groups": []}


def end(process: subprocess.Popen, how: signal.Signals = signal.SIGTERM, timeout_s: float = 30) -> int:
    """Sends a signal and waits for the end; the exit status."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise TimeoutError(f"process {process.args!r} did not end within {timeout_s} s of {how.name}") from None


def children_of(pid: int) -> list[int]:
    """The processes whose parent is `pid`."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            status = Path(entry.path, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(status.rpartition(")")[2].split()[1]) == pid:
            found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def send(pid: int, number: signal.Signals) -> None:
    """A signal, to a process that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill_family(pid: int) -> None:
    """kill -9 of a process and its children, as a power cut would."""
    send(pid, signal.SIGSTOP)  # a child that is born now would outlive the rest
    family = [pid, *children_of(pid)]
    for member in family:
        send(member, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(member) for member in family), f"the end of process {pid}")
