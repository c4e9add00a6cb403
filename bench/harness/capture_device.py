"""What tracking costs a program that writes on a device: the same writes to the same table untracked."""

from report import Report
from workshop import HEAD_OFFICE, Workshop

BARS = {"insert": 1.3, "update 1 column": 1.7, "update 3 columns": 1.7, "single-row transactions": 1.3}


def measure(workshop: Workshop, report: Report, repetitions: int) -> None:
    pair(workshop, plain_first=True)  # warms up
    for repetition in range(repetitions):
        tracked, plain = pair(workshop, plain_first=repetition % 2 == 0)
        for ours, floor in zip(tracked, plain, strict=True):
            step = ours["step"]
            report.pair("device capture", step, "untracked", ours["seconds"], floor["seconds"], bar=BARS.get(step),
                        rows=ours["rows"], cpu=(ours["cpu"], floor["cpu"]))


def pair(workshop: Workshop, plain_first: bool) -> tuple[list[dict], list[dict]]:
    """The steps on a tracked and on a plain file."""
    files = {kind: workshop.device(f"capture-{kind}", kind) for kind in ("tracked", "plain")}
    took = {}
    for kind in ("plain", "tracked") if plain_first else ("tracked", "plain"):
        took[kind] = workshop.run("capture", files[kind], extension=workshop.extension, rows=workshop.rows,
                                  seed=HEAD_OFFICE)
    workshop.assert_same("device capture", *(workshop.device_digest(file) for file in files.values()))
    for file in files.values():
        file.unlink()
    return took["tracked"], took["plain"]
