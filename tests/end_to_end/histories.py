#!/usr/bin/python3
"""Random histories of one hub and two to five devices: writes everywhere, a bad line, processes that die.

    histories.py --count 20000 --workers 4 --folder /dev/shm
                                                  random seeds, printed; in memory it is twice as fast
    histories.py --seed 7 --count 10              seeds 7 to 16
    histories.py --seed 7 --trace                 one history, and what happened in it

In the end all databases are equal to the hub and to an oracle that applies the log in order, nothing is
pending but what the hub refused, and every local write is accounted for. The last line is
"N passed, N failed".
"""

import argparse
import multiprocessing
import random
import shutil
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Iterator

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from history import History  # noqa: E402
from shop import POLICIES, SCHEMA, TABLES  # noqa: E402
from support import Bridge, Cluster, Database, Device  # noqa: E402
from support.paths import BUILD  # noqa: E402

FOLDER = BUILD / "test"
TEMPLATE = "shop_template"


def main() -> int:
    arguments = parse_arguments()
    first = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**9)
    seeds = range(first, first + arguments.count)
    print(f"histories: seeds {first} to {seeds[-1]}, {arguments.workers} at a time", flush=True)
    folder: Path = arguments.folder / "histories"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    started = time.monotonic()
    passed = failed = 0
    counts: Counter = Counter()
    for seed, error, trace, counted in results(seeds, arguments.workers, arguments.devices, folder):
        passed, failed = passed + (not error), failed + bool(error)
        counts += counted
        if arguments.trace:
            print("\n".join(trace))
        if error:
            (folder / f"seed-{seed}" / "trace").write_text("\n".join(trace) + "\n")
            print(f"\nhistory {seed} failed: {error}\nfiles, and the whole trace: {folder / f'seed-{seed}'}")
            print("the end of it:", *trace[-40:], sep="\n  ")
            print(f"again: /usr/bin/python3 {Path(__file__)} --seed {seed} --count 1\n", flush=True)
        elif (passed + failed) % 20 == 0:
            print(f"{passed + failed} of {len(seeds)} ({time.monotonic() - started:.0f} s)", flush=True)
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="the first seed")
    parser.add_argument("--count", type=int, default=None, help="how many histories (500; 1 if a seed is given)")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time")
    parser.add_argument("--devices", type=int, help="how many devices (2 to 5 by chance)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the databases go below it (%(default)s)")
    parser.add_argument("--trace", action="store_true", help="print what happened also if all is well")
    arguments = parser.parse_args()
    if arguments.count is None:
        arguments.count = 500 if arguments.seed is None else 1
    return arguments


def results(seeds: range, workers: int, devices: int | None, folder: Path) -> Iterator[tuple[int, str, list[str], Counter]]:
    """(seed, error or '', trace, counts) of each history as it ends. Each worker has a server of its own."""
    workers = min(workers, len(seeds))
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue = context.Queue()
    running = []
    for number in range(workers):
        share = list(seeds[number::workers])
        worker = context.Process(target=work, args=(number, share, devices, folder, queue), daemon=True)
        worker.start()
        running.append(worker)
    for _ in seeds:
        result = queue.get()
        if isinstance(result, str):
            raise SystemExit(f"a worker ended early:\n{result}")
        yield result
    for worker in running:
        worker.join()


def work(number: int, seeds: list[int], devices: int | None, folder: Path, queue: multiprocessing.Queue) -> None:
    try:
        with Cluster(folder / f"cluster-{number}") as cluster:
            make_template(cluster)
            prepared = prepare_file(cluster, folder / f"prepared-{number}")
            for seed in seeds:
                queue.put((seed, *run_history(cluster, seed, devices, prepared, folder / f"seed-{seed}")))
    except BaseException:
        queue.put(traceback.format_exc())
        raise


def make_template(cluster: Cluster) -> None:
    """A database with the tables tracked, copied for every history."""
    template = cluster.create_database(TEMPLATE)
    for definition in SCHEMA:
        template.sql(definition)
    for table in TABLES:
        template.sql("select tidemark.track(%s)", [table])
    for policy in POLICIES:
        template.sql("select tidemark.policy(%s, %s, %s)", policy)
    template.sql("select tidemark.create_user('till', 'secret')")
    template.sql("select tidemark.grant('till')")
    template.close()


def prepare_file(cluster: Cluster, folder: Path) -> Path:
    """A device's file that has the tables tracked and has never heard of a hub, copied for most devices."""
    folder.mkdir()
    hub = copy_of_template(cluster, "prepared")
    with Bridge(hub.bridge_dsn(), folder / "bridge.log") as bridge, Device(folder / "model.db") as model:
        model.connect(bridge.url)
        model.track(*TABLES)
        definitions = model.sql("select sql from sqlite_master where sql is not null and type <> 'trigger' and tbl_name not like 'tidemark%'")
    hub.drop()
    with Device(folder / "device.db") as device:
        for (definition,) in definitions:
            device.plain_sql(definition)
        device.track(*TABLES)
    return device.path


def copy_of_template(cluster: Cluster, name: str) -> Database:
    admin = cluster.connect("postgres")
    admin.cursor().execute(f"create database {name} template {TEMPLATE} strategy file_copy")
    admin.close()
    database = Database(cluster, name)
    database.log_sequences()
    return database


def run_history(
    cluster: Cluster, seed: int, devices: int | None, prepared: Path, folder: Path
) -> tuple[str, list[str], Counter]:
    """The error, or '', the trace and what was counted."""
    folder.mkdir()
    database = copy_of_template(cluster, f"seed_{seed}")
    history = History(database, folder, seed, devices, prepared)
    try:
        with history:
            history.play()
            history.heal()
            history.check()
    except Exception as error:
        history.note(f"connections that ended early: {history.line.hang_ups}")
        is_finding = isinstance(error, AssertionError)
        return str(error) if is_finding else traceback.format_exc(), history.trace, history.counts
    database.drop()
    shutil.rmtree(folder)
    return "", history.trace, history.counts


if __name__ == "__main__":
    sys.exit(main())
