#!/usr/bin/python3
"""Runs the examples of a document on a real hub and real files, by psql and the sqlite3 program, as a reader would.

    documents.py docs/reconciliation.md            says where the document's output is another one
    documents.py --write docs/reconciliation.md    puts the output that there is into the document

A block of SQL says behind each statement where it runs: `-- t1`, `-- t1, then t2`, `-- the hub`; without that, where
the one before it ran. The block of text that follows is its output. A block without a semicolon shows a form and is
not run. What the reader does not see is in comments; nothing runs before the first:

    <!-- new hub -->               an empty hub with a user and a bridge for what follows
    <!-- new database -->          no more than a database: the document makes a hub of it
    <!-- bridge -->                a bridge for that
    <!-- track t1 t2: items -->    devices that track these tables, from here on
    <!-- sync t1 t2 -->            devices sync, one after the other
    <!-- in t1 -->                 where the blocks run that do not say it
    <!-- at hub: SQL; SQL; -->     statements, in one line or several
    <!-- shell -->                 the next block is for a shell, in the folder of the devices' files
    <!-- stop -->, <!-- go on -->  what is between is not run
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

_DIRECTIVE = re.compile(r"<!-- (new hub|new database|bridge|track|sync|in|at|shell|stop|go on)\b ?(.*?) ?-->", re.DOTALL)
_PLACE = re.compile(r"\b(?:t|till)\d\b|\bhub\b")
_CHANGING = [
    (re.compile(r'"bytes_(in|out)":\d+'), "bytes"),
    (re.compile(r'"clock_offset_ms":-?\d+'), "offset"),
    (re.compile(r"\b1[0-9]{12}\b"), "ms"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "url"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "uuid"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00"), "time"),
    (re.compile(r" +|(?<=[-─])[-─]+"), ""),  # columns are as wide as what is in them
]


@dataclass
class Part:
    """A directive, or a block to run and the block of text that follows it."""

    directive: str = ""
    argument: str = ""
    sql: str = ""
    text: str | None = None
    lines: range = range(0)  # of the text, without its fences


def parts_of(document: str) -> Iterator[Part]:
    """The parts from the first directive on."""
    lines = document.splitlines()
    last: Part | None = None
    running = shell = False
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith("<!-- "):
            end = next(i for i in range(number, len(lines)) if lines[i].endswith("-->"))
            if found := _DIRECTIVE.fullmatch("\n".join(lines[number : end + 1])):
                running = found[1] in ("new hub", "new database", "go on") or (running and found[1] != "stop")
                shell = found[1] == "shell"
                if last:
                    yield last
                    last = None
                yield Part(directive=found[1], argument=found[2])
            number = end
        elif line.startswith("```"):
            end = lines.index("```", number + 1)
            block = "\n".join(lines[number + 1 : end])
            if last and line == "```text" and last.text is None:
                last.text, last.lines = block, range(number + 1, end)
            elif last:
                yield last
                last = None
            if running and (line == "```sql" and ";" in block or line == "```sh" and shell):
                last = Part(directive="shell", argument=block) if shell else Part(sql=block)
                shell = False
            number = end
        elif line and last:  # what is printed is right below
            yield last
            last = None
        number += 1
    if last:
        yield last


def statements_of(sql: str, default: list[str]) -> Iterator[tuple[list[str], str]]:
    """(where, statement)"""
    where = default
    statement = ""
    for line in sql.splitlines():
        code, _, comment = line.partition("--")
        if not code.startswith("."):  # what is loaded with each program
            statement += code.rstrip() + "\n"
        if not code.rstrip().endswith(";"):
            continue
        where = _PLACE.findall(comment.split(":")[0]) or where
        yield where, statement.strip()
        statement = ""


class Examples:
    """The hub and the devices of a document."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.parent = folder
        self.folder = folder
        self.bridge: Bridge | None = None
        self.devices: dict[str, Device] = {}
        self.where: list[str] = []
        self.count = 0

    def close(self) -> None:
        for device in self.devices.values():
            device.close()
        self.devices.clear()
        if self.bridge:
            self.bridge.stop()
            self.bridge = None

    def direct(self, part: Part) -> None:
        argument = part.argument.strip()
        if part.directive in ("new hub", "new database"):
            self.new_database(extension=part.directive == "new hub")
        elif part.directive == "bridge":
            self.bridge = Bridge(self.database.bridge_dsn(), self.folder / "bridge.log").start()
        elif part.directive == "track":
            names, _, tables = argument.partition(":")
            for name in names.split():
                assert self.bridge
                self.device(name).connect(self.bridge.url)
                self.device(name).track(*tables.split())
        elif part.directive == "sync":
            for name in argument.split():
                self.device(name).sync()
        elif part.directive == "in":
            self.where = _PLACE.findall(argument)
        elif part.directive == "at":
            places, _, sql = argument.partition(":")
            self.run(Part(sql=sql.strip()), _PLACE.findall(places))
        elif part.directive == "shell" and argument:
            subprocess.run(["bash", "-e", "-c", argument], cwd=self.folder, check=True, stdin=subprocess.DEVNULL)

    def new_database(self, extension: bool) -> None:
        self.close()
        self.count += 1
        self.folder = self.parent / str(self.count)
        self.folder.mkdir()
        self.database: Database = self.cluster.create_database(f"example_{self.count}", extension)
        if extension:
            self.database.sql("select tidemark.create_user('till', 'secret')")
            self.database.sql("select tidemark.grant('till')")
            self.direct(Part(directive="bridge"))

    def device(self, name: str) -> Device:
        if name not in self.devices:
            self.devices[name] = Device(self.folder / f"{name}.db")
        return self.devices[name]

    def run(self, part: Part, where: list[str] | None = None) -> str:
        """The output of a block, in the form that its text has."""
        said = []
        statements = list(statements_of(part.sql, where or self.where))
        for places, statement in statements:
            assert places, f"where does this run? {statement}"
            for place in places:
                if place == "hub":
                    output = self.on_hub(statement, part.text or "", is_only=len(statements) == 1)
                else:
                    output = self.on_device(place, statement, part.text or "")
                said += [output.rstrip("\n")] if output.strip() else []
        return "\n".join(line.rstrip() for line in "\n".join(said).splitlines())

    def on_hub(self, statement: str, text: str, is_only: bool) -> str:
        form = ["-x"] if "-[ RECORD" in text else [] if re.search(r"^-+(\+-+)*$", text, re.MULTILINE) else ["-A", "-t"]
        command = ["psql", "-X", "-q", *form, "-P", "footer=off", "-v", "SHOW_CONTEXT=never", self.database.dsn, "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, env=process.plain_environment(), stdin=subprocess.DEVNULL)
        if "ERROR:" in text and done.returncode != 0:
            return done.stderr
        assert done.returncode == 0, f"{statement}\n{done.stderr}"
        return "" if statement.lower().startswith("select tidemark.") and not is_only else done.stdout

    def on_device(self, name: str, statement: str, text: str) -> str:
        device = self.device(name)
        device.close()
        if self.bridge:
            statement = statement.replace("http://127.0.0.1:8880", self.bridge.url)
        columns = sum(1 for _ in re.finditer(",", re.sub(r"\(.*?\)", "", statement.split(" FROM ")[0])))
        is_one = statement.startswith("SELECT") and columns == 0 and "*" not in statement
        mode = "list" if is_one else "box" if "┌" in text else "line" if " = " in text else "list"
        command = ["sqlite3", "-cmd", f".load {DEVICE_EXTENSION}", "-cmd", f".mode {mode}", device.path, statement]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 or "error" in text, f"{statement}\n{done.stdout}"
        output = re.sub("^Error: stepping, ", "Runtime error: ", done.stdout, flags=re.MULTILINE)  # as to a person
        return output.replace(self.bridge.url, "http://127.0.0.1:8880") if self.bridge else output


def without_what_changes(text: str) -> str:
    """Times, sizes, identities and widths are others each time."""
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return text


def differences(document: Path, write: bool = False) -> list[str]:
    """Runs a document; where its output is not what there is. With `write` it is put in instead."""
    lines = document.read_text().splitlines()
    wrong: list[tuple[Part, str]] = []
    ran = 0
    with tempfile.TemporaryDirectory(prefix="tidemark-documents-") as folder:
        Path(folder).chmod(0o755)
        with Cluster(Path(folder) / "cluster") as cluster:
            examples = Examples(cluster, Path(folder))
            for part in parts_of(document.read_text()):
                if part.directive:
                    examples.direct(part)
                    continue
                ran += 1
                output = examples.run(part)
                if part.text is not None and without_what_changes(output) != without_what_changes(part.text):
                    wrong.append((part, output))
            examples.close()
    assert ran, f"{document} has no examples"
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
