"""What a benchmark hands back: tables, and requirements that were met or missed.

One rule: only a ratio of two figures of the same run can fail a run; seconds depend on the machine and are reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a heading and rows of text."""

    title: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]

    def shown(self) -> str:
        """The first column to the left, figures to the right."""
        lines = [self.heading, *self.rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.heading))]
        ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
        return "\n".join([f"\n{self.title}", *(_row(line, widths) for line in ruled)])


@dataclass(frozen=True, slots=True)
class Requirement:
    """One promise. `ratio`: both sides were measured in this run."""

    promise: str
    measured: str
    met: bool
    ratio: bool = False

    def shown(self) -> str:
        verdict = "pass" if self.met else "MISS"
        return (
            f"  {verdict}  {self.promise}: {self.measured}{'' if self.ratio else ' (absolute: depends on the machine)'}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """All that one topic found."""

    tables: Sequence[Table]
    requirements: Sequence[Requirement] = field(default=())

    @property
    def failed(self) -> bool:
        """True when a ratio was missed."""
        return any(requirement.ratio and not requirement.met for requirement in self.requirements)

    def shown(self) -> str:
        return "\n".join([*(table.shown() for table in self.tables), "", *(r.shown() for r in self.requirements)])


def middle(values: Sequence[float]) -> float:
    """The median, which one disturbed round does not move."""
    return median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(percent * len(ordered)) // 100) - 1))]


def _row(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(line, widths, strict=True)
    return "  " + "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]).rstrip()
