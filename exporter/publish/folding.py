"""The cardinality cap over one publication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.metrics.catalog import Definition
from exporter.metrics.fold import Labels, Row, fold
from exporter.metrics.snapshot import Family


@dataclass(slots=True)
class Folding:
    """The cardinality cap over one publication. What stayed `before` stays if it can, on every replica alike."""

    cap: int
    before: Mapping[str, frozenset[Labels]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, frozenset[Labels]] = field(default_factory=dict)

    def family(self, definition: Definition, rows: Iterable[Row]) -> Family:
        """The family of `rows`, folded if there are too many."""
        result = fold(definition, rows, cap=self.cap, kept=self.before.get(definition.name, frozenset()))
        self.counts[definition.name] = result.folded
        self._kept[definition.name] = result.kept if result.folded else frozenset()
        return Family(definition, [(labels, float(value)) for labels, value in result.rows])

    def changed(self) -> dict[str, frozenset[Labels]]:
        """What stays now and did not before, by metric."""
        return {name: kept for name, kept in self._kept.items() if kept != self.before.get(name, frozenset())}
