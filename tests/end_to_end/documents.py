#!/usr/bin/python3
"""Runs the examples of a document on a real hub and real files, by psql and the sqlite3 program, as a reader would.

    documents.py docs/reconciliation.md            says where the document's output is another one
    documents.py --write docs/reconciliation.md    puts the output that there is into the document

A block of SQL says behind each statement where it runs: `-- t1`, `-- t1, then t2`, `-- the hub`; without that, where
the one before it ran. The block of text that follows is the output. What is set up and not shown is in comments:

    <!-- new hub -->               an empty hub for what follows
    <!-- track t1 t2: items -->    devices that track these tables, from here on
    <!-- sync t1 t2 -->            devices sync, one after the other
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import Bridge, Cluster, Database, Device, process  # noqa: E402
from support.paths import DEVICE_EXTENSION  # noqa: E402

_DIRECTIVE = re.compile(r"^<!-- (new hub|track|sync)\b ?(.*?) ?-->$")
_CHANGING = re.compile(r'"bytes_(in|out)":\d+|\b1[0-9]{12}\b|http://127\.0\.0\.1:\d+')


@dataclass
class Part:
    """A directive, or a block of SQL and the block of text that follows it."""

    directive: str = ""
    argument: str = ""
    sql: str = ""
    text: str | None = None
    lines: range = range(0)  # of the text, without its fences


def parts_of(document: str) -> Iterator[Part]:
    """The parts from the first directive on."""
    lines = document.splitlines()
    last: Part | None = None
    started = False
    number = 0
    while number < len(lines):
        if found := _DIRECTIVE.match(lines[number]):
            started = True
            if last:
                yield last
                last = None
            yield Part(directive=found[1], argument=found[2])
        elif lines[number] in ("```sql", "```text"):
            end = lines.index("```", number + 1)
            block = "\n".join(lines[number + 1 : end])
            if lines[number] == "```sql":
                if last:
                    yield last
                last = Part(sql=block) if started else None
            elif last and last.text is None:
                last.text, last.lines = block, range(number + 1, end)
            number = end
        number += 1
    if last:
        yield last


def statements_of(sql: str) -> Iterator[tuple[list[str], str]]:
    """(where, statement)"""
    where: list[str] = []
    statement = ""
    for line in sql.splitlines():
        code, _, comment = line.partition("--")
        statement += code.rstrip() + "\n"
        if not code.rstrip().endswith(";"):
            continue
        places = re.findall(r"\bt\d\b|\bhub\b", comment.split(":")[0])
        where = places or where
        yield where, statement.strip()
        statement = ""


class Examples:
    """The hub and the devices of a document."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.bridge: Bridge | None = None
        self.devices: dict[str, Device] = {}
        self.count = 0

    def close(self) -> None:
        for device in self.devices.values():
            device.close()
        self.devices.clear()
        if self.bridge:
            self.bridge.stop()

    def direct(self, part: Part) -> None:
        if part.directive == "new hub":
            self.close()
            self.count += 1
            self.database: Database = self.cluster.create_database(f"example_{self.count}")
            self.database.sql("select tidemark.create_user('till', 'secret')")
            self.database.sql("select tidemark.grant('till')")
            self.bridge = Bridge(self.database.bridge_dsn(), self.folder / f"bridge{self.count}.log").start()
        elif part.directive == "track":
            names, _, tables = part.argument.partition(":")
            for name in names.split():
                assert self.bridge
                self.device(name).connect(self.bridge.url)
                self.device(name).track(*tables.split())
        elif part.directive == "sync":
            for name in part.argument.split():
                self.devices[name].sync()

    def device(self, name: str) -> Device:
        if name not in self.devices:
            self.devices[name] = Device(self.folder / f"{name}-{self.count}.db")
        return self.devices[name]

    def run(self, part: Part) -> str:
        """The output of a block, in the form that its text has."""
        mode = "list" if part.text is None else "box" if "┌" in part.text else "line" if " = " in part.text else "list"
        said = []
        for where, statement in statements_of(part.sql):
            assert where, f"where does this run? {statement}"
            for place in where:
                output = self.on_hub(statement) if place == "hub" else self.on_device(place, statement, mode)
                said += [output.rstrip("\n")] if output.strip() else []
        return "\n".join(line.rstrip() for line in "\n".join(said).splitlines())

    def on_hub(self, statement: str) -> str:
        command = ["psql", "-X", "-q", "-A", "-t", self.database.dsn, "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, env=process.plain_environment(), stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{statement}\n{done.stderr}"
        return "" if statement.lower().startswith("select tidemark.") else done.stdout

    def on_device(self, name: str, statement: str, mode: str) -> str:
        assert self.bridge
        device = self.device(name)
        device.close()
        statement = statement.replace("http://127.0.0.1:8880", self.bridge.url)
        columns = sum(1 for _ in re.finditer(",", re.sub(r"\(.*?\)", "", statement.split(" FROM ")[0])))
        is_one = statement.startswith("SELECT") and columns == 0 and "*" not in statement
        command = ["sqlite3", "-cmd", f".load {DEVICE_EXTENSION}", "-cmd", f".mode {'list' if is_one else mode}", device.path, statement]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL).stdout


def without_what_changes(text: str) -> str:
    """Times, sizes and ports are others each time."""
    return _CHANGING.sub(lambda found: re.sub(r"\d+", "0", found[0]), text)


def differences(document: Path, write: bool = False) -> list[str]:
    """Runs a document; where its output is not what there is. With `write` it is put in instead."""
    lines = document.read_text().splitlines()
    wrong: list[tuple[Part, str]] = []
    with tempfile.TemporaryDirectory(prefix="tidemark-documents-") as folder:
        Path(folder).chmod(0o755)
        with Cluster(Path(folder) / "cluster") as cluster:
            examples = Examples(cluster, Path(folder))
            for part in parts_of(document.read_text()):
                if part.directive:
                    examples.direct(part)
                    continue
                output = examples.run(part)
                if part.text is not None and without_what_changes(output) != without_what_changes(part.text):
                    wrong.append((part, output))
            examples.close()
    if write:
        for part, output in reversed(wrong):
            lines[part.lines.start : part.lines.stop] = output.splitlines()
        document.write_text("\n".join(lines) + "\n")
    return [f"{document}:{part.lines.start + 1}: instead of\n{part.text}\nthere is\n{output}\n" for part, output in wrong]


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--write"]
    found = [line for name in names for line in differences(Path(name), "--write" in sys.argv)]
    print("\n".join(found) or "all outputs are as they are")
    sys.exit(bool(found) and "--write" not in sys.argv)
