"""Collects figures and prints them as a Markdown table, and as lines of JSON in build/bench."""

import json
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Figure:
    """One row of the table: pairs of (ours, floor), taken next to each other."""

    part: str
    name: str
    floor_name: str
    bar: float | None
    at_least: bool = False  # the bar is a least share rather than a most factor
    unit: str = "s"
    rows: int = 0
    pairs: list[tuple[float, float]] = field(default_factory=list)
    cpu_pairs: list[tuple[float, float]] = field(default_factory=list)

    def ratios(self) -> list[float]:
        return [ours / floor for ours, floor in self.pairs]

    def median(self) -> float:
        return statistics.median(self.ratios())

    def verdict(self) -> str:
        if self.bar is None:
            return ""
        return "yes" if (self.median() >= self.bar if self.at_least else self.median() <= self.bar) else "**no**"


class Report:
    def __init__(self, folder: Path, machine: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.lines_file = folder / time.strftime("%Y%m%d-%H%M%S.jsonl")
        self.table_file = self.lines_file.with_suffix(".md")
        self.machine = machine
        self.figures: dict[tuple[str, str], Figure] = {}
        self.details: dict[str, list[float]] = {}
        self._line({"machine": machine})

    def pair(self, part: str, name: str, floor_name: str, ours: float, floor: float, *, bar: float | None = None,
             at_least: bool = False, unit: str = "s", rows: int = 0, cpu: tuple[float, float] | None = None) -> None:
        """One repetition of a figure and its floor."""
        figure = self.figures.setdefault((part, name), Figure(part, name, floor_name, bar, at_least, unit, rows))
        figure.pairs.append((ours, floor))
        if cpu:
            figure.cpu_pairs.append(cpu)
        self._line({"part": part, "name": name, "floor_name": floor_name, "ours": ours, "floor": floor, "unit": unit,
                    "ratio": ours / floor, "cpu": cpu, "bar": bar})

    def detail(self, name: str, value: float) -> None:
        """A figure without a floor."""
        self.details.setdefault(name, []).append(value)
        self._line({"detail": name, "value": value})

    def write(self) -> None:
        text = self.text()
        self.table_file.write_text(text)
        print(text, flush=True)

    def text(self) -> str:
        lines = [self.machine, "", "| figure | ours | floor | ratio, median (min-max) | by CPU time | bar | met |",
                 "|---|--:|--:|--:|--:|--:|---|"]
        for figure in self.figures.values():
            ours, floor = (statistics.median(side) for side in zip(*figure.pairs))
            ratios = figure.ratios()
            cpu = [a / b for a, b in figure.cpu_pairs if b > 0]
            bar = "" if figure.bar is None else f"{'>=' if figure.at_least else '<='} {figure.bar}"
            lines.append(
                f"| {figure.part}: {figure.name} | {shown(ours, figure)} | {shown(floor, figure)} {figure.floor_name} | "
                f"**{figure.median():.2f}** ({min(ratios):.2f}-{max(ratios):.2f}) | "
                f"{f'{statistics.median(cpu):.2f}' if cpu else ''} | {bar} | {figure.verdict()} |")
        if self.details:
            lines += ["", "| part of a figure | median (min-max) |", "|---|--:|"]
        for name, values in self.details.items():
            lines.append(f"| {name} | {statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f}) |")
        return "\n".join(lines)

    def _line(self, entry: dict) -> None:
        with open(self.lines_file, "a") as out:
            out.write(json.dumps(entry) + "\n")


def shown(value: float, figure: Figure) -> str:
    if figure.unit != "s":
        return f"{value:,.0f} {figure.unit}"
    if figure.rows:
        return f"{value:.2f} s ({figure.rows / value / 1000:,.0f}k/s)"
    return f"{value:.2f} s"
