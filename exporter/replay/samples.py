"""Families of many moments as OpenMetrics with time stamps, which promtool makes a database of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import IO

from exporter.metrics.exposition import write_past
from exporter.metrics.snapshot import Family
from exporter.replay.history import LAST_MINUTE, Day
from exporter.replay.rules import Rule


@dataclass(frozen=True, slots=True)
class Series:
    """One label set over time: (seconds since the epoch, value)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, metric: Mapping[str, str], values: Iterable[tuple[float, str]]) -> Series:
        """From a reply of Prometheus."""
        labels = {name: value for name, value in metric.items() if name != "__name__"}
        return cls(labels, tuple((float(at), float(value)) for at, value in values))


def write(days: Iterable[Day], wanted: Collection[str], out: IO[bytes]) -> int:
    """Every sample of the wanted families, family by family as the format asks. Returns how many.

    A day's last minute is told as the midnight that ends it: promtool works rules out at whole days only.
    """
    found: dict[str, list[tuple[float, Family]]] = defaultdict(list)
    for moment, families in days:
        for family in families:
            if family.definition.name in wanted:
                found[family.definition.name].append(((moment + LAST_MINUTE).timestamp(), family))
    count = sum(write_past(found[name], out) for name in sorted(found))
    out.write(b"# EOF\n")
    return count


def write_recorded(found: Iterable[tuple[Rule, Iterable[Series]]], out: IO[bytes]) -> None:
    """What recording rules came to. Several rules may record under one name."""
    for rule, several in sorted(found, key=lambda pair: pair[0].name):
        for series in several:
            labels = {**series.labels, **rule.labels}
            block = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
            out.writelines(f"{rule.name}{{{block}}} {value!r} {at:.3f}\n".encode() for at, value in series.points)
    out.write(b"# EOF\n")


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
