"""bench/run: what Tidemark costs, each figure beside its floor of the same moment."""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build-bench"
os.environ["TIDEMARK_BUILD"] = str(BUILD)  # before anything of tests/support is read
sys.path[:0] = [str(ROOT / "tests")]

import capture_device
import capture_hub
import sync
from installation import private_installation
from report import Report
from workshop import Workshop

PARTS = {"device": capture_device.measure, "hub": capture_hub.measure, "sync": sync.measure, "common": None}


def main() -> None:
    options = parse()
    started = time.monotonic()
    if options.build:
        build()
    folder = Path(tempfile.mkdtemp(prefix="tidemark-bench-", dir="/var/tmp"))
    folder.chmod(0o755)  # the server's user has to reach its data
    report = Report(ROOT / "build" / "bench", machine())
    try:
        os.environ["PATH"] = f"{private_installation(BUILD, folder)}:{os.environ['PATH']}"
        with Workshop(folder, BUILD, options.rows, options.seconds) as workshop:
            for part in options.only:
                if PARTS[part]:
                    PARTS[part](workshop, report, options.repetitions)
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        report.write()
    if "common" in options.only:
        subprocess.run([BUILD / "bench" / "tidemark_bench_common"], stderr=subprocess.DEVNULL, check=True)
    print(f"\n{options.repetitions} repetitions, {options.rows} rows, {time.monotonic() - started:.0f} s; "
          f"lines: {report.lines_file.relative_to(ROOT)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 rows, two repetitions: does everything still run?")
    parser.add_argument("--repetitions", type=int, help="pairs of each figure (5)")
    parser.add_argument("--only", default=",".join(PARTS), help="some of " + ",".join(PARTS))
    parser.add_argument("--no-build", dest="build", action="store_false", help="measure what build-bench holds")
    parser.add_argument("--keep", action="store_true", help="leave the databases for a look")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(unknown)}")
    options.rows = 10_000 if options.quick else 100_000
    options.seconds = 2 if options.quick else 6
    options.repetitions = options.repetitions or (2 if options.quick else 5)
    return options


def build() -> None:
    """Configures and builds build-bench; what it says is shown only if it fails."""
    if os.geteuid() == 0:
        subprocess.run([ROOT / "scripts" / "install-packages"], check=True)
    for command in (["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench"]):
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if made.returncode != 0:
            sys.exit(f"{made.stdout[-4000:]}{made.stderr[-4000:]}\nfailed: {' '.join(command)}")


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    server = subprocess.run(["pg_config", "--version"], capture_output=True, text=True).stdout.strip()
    return f"{os.cpu_count()} x {cpu}, {server}, SQLite {sqlite_version()}, commit {commit.stdout.strip()}"


def sqlite_version() -> str:
    import sqlite3

    return sqlite3.sqlite_version


if __name__ == "__main__":
    main()
