"""What tracking costs a program that writes on a device: the same writes to the same table untracked."""

import sqlite3

from report import Report
from workshop import HEAD_OFFICE, Workshop

BARS = {"insert": 1.3, "update 1 column": 1.7, "update 3 columns": 1.7, "single-row transactions": 1.3}


# As little as a trigger can write to say that something happened to a row: what no capture by triggers goes below.
_LEAST = """
create table log (seq integer primary key, key);
create trigger log_insert before insert on products begin insert into log (key) values (new.id); end;
create trigger log_update before update on products begin insert into log (key) values (old.id); end;
create trigger log_delete before delete on products begin insert into log (key) values (old.id); end;
"""


def measure(workshop: Workshop, report: Report, repetitions: int) -> None:
    run_all(workshop, plain_first=True)  # warms up
    for repetition in range(repetitions):
        took = run_all(workshop, plain_first=repetition % 2 == 0)
        for ours, least, floor in zip(took["tracked"], took["least"], took["plain"], strict=True):
            step = ours["step"]
            report.pair("device capture", step, "untracked", ours["seconds"], floor["seconds"], bar=BARS.get(step),
                        rows=ours["rows"], cpu=(ours["cpu"], floor["cpu"]))
            report.pair("least trigger", step, "untracked", least["seconds"], floor["seconds"], rows=least["rows"],
                        cpu=(least["cpu"], floor["cpu"]))


def run_all(workshop: Workshop, plain_first: bool) -> dict[str, list[dict]]:
    """The steps on a tracked file, on one with the least trigger, and on a plain one."""
    kinds = ("plain", "tracked", "least")
    files = {kind: workshop.device(f"capture-{kind}", "tracked" if kind == "tracked" else "plain") for kind in kinds}
    with sqlite3.connect(files["least"]) as least:
        least.executescript(_LEAST)
    least.close()
    took = {}
    for kind in kinds if plain_first else reversed(kinds):
        took[kind] = workshop.run("capture", files[kind], extension=workshop.extension, rows=workshop.rows,
                                  seed=HEAD_OFFICE)
    workshop.assert_same("device capture", *(workshop.device_digest(file) for file in files.values()))
    for file in files.values():
        file.unlink()
    return took
