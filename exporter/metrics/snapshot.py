"""The read model: everything a scrape needs, frozen.

One rule: a snapshot is whole when it is made and never changes, so whoever holds one can never see half an update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.metrics.catalog import Definition

Sample = tuple[tuple[str, ...], float]
"""Label values in the order of the definition's labels, and the figure."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples, no label set twice."""

    definition: Definition
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures as they stood in the store at `taken_at`."""

    taken_at: datetime
    families: tuple[Family, ...] = ()

    @property
    def series(self) -> int:
        """How many samples a scrape of this snapshot has."""
        return sum(len(family.samples) for family in self.families)
