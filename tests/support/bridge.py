"""The real bridge, as a process that can be stopped, killed and started again on its port."""

import re
import signal
import subprocess
from pathlib import Path

from . import process
from .cluster import tail
from .paths import BRIDGE_PROGRAM, require
from .waiting import wait_until

_ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost):(\d+)")
_SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error:")


class Bridge:
    """`tidemark serve` on a free port of the loopback."""

    def __init__(self, dsn: str, log: Path, options: tuple[str, ...] = (), detached: bool = False) -> None:
        self.dsn = dsn
        self.log = Path(log)
        self.options = options
        self.detached = detached
        self.port = 0
        self._process: subprocess.Popen | None = None
        self._scheme = "https" if any(option.startswith("--tls-cert") for option in options) else "http"

    def __enter__(self) -> "Bridge":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> "Bridge":
        """Runs the bridge, on the port it had before if it ran before, and waits until it listens."""
        command = [require(BRIDGE_PROGRAM), "serve", "--postgres", self.dsn]
        command += ["--listen", f"127.0.0.1:{self.port}", *self.options]
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._process = process.start(command, self.log, detached=self.detached)
        self.port = wait_until(self._port_in_log, f"the bridge's address in {self.log}")
        return self

    def stop(self) -> None:
        """SIGTERM; the bridge answers what it has begun and ends with status 0."""
        if not self._process:
            return
        status = process.end(self._process)
        self._process = None
        report = _SANITIZER_REPORT.search(self.log.read_text(errors="replace"))
        if status != 0 or report:
            raise RuntimeError(f"the bridge ended with status {status}:\n{tail(self.log, 60)}")

    def kill(self) -> None:
        """kill -9."""
        assert self._process
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Starts it on the same port again; stops it first if it runs."""
        self.stop()
        self.start()

    def _port_in_log(self) -> int | None:
        assert self._process
        with open(self.log, "rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        for line in text.splitlines():
            address = _ADDRESS.search(line)
            if "listen" in line and address and int(address[1]) > 0:
                return int(address[1])
        if self._process.poll() is not None:
            raise RuntimeError(f"the bridge ended at once with status {self._process.returncode}:\n{text}")
        return None
