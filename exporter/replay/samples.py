"""Families of many moments as OpenMetrics with time stamps, which promtool makes a database of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import IO

from exporter.metrics.exposition import sample_lines
from exporter.metrics.snapshot import Family
from exporter.replay.history import Day


def write(days: Iterable[Day], wanted: Collection[str], out: IO[bytes]) -> int:
    """Every sample of the wanted families, family by family as the format asks. Returns how many."""
    found: dict[str, list[tuple[float, Family]]] = defaultdict(list)
    for moment, families in days:
        for family in families:
            if family.definition.name in wanted:
                found[family.definition.name].append((moment.timestamp(), family))
    count = 0
    for name in sorted(found):
        definition = found[name][0][1].definition
        out.write(f"# TYPE {name.removesuffix('_total')} {definition.kind}\n".encode())
        for at, family in found[name]:
            count += len(family.samples)
            out.writelines(line.replace(b"\n", b" %.3f\n" % at) for line in sample_lines(family))
    out.write(b"# EOF\n")
    return count
