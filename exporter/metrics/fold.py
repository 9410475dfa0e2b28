"""The cardinality cap: the largest label sets stay, the rest become `other`.

One rule: the sum over all rows is the same before and after, to the last decimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, localcontext
from heapq import nlargest

from exporter.metrics.catalog import FOLDABLE, OTHER, Definition

Labels = tuple[str, ...]
Row = tuple[Labels, Decimal]

DEFAULT_CAP = 2_000
HOLD = Decimal("0.8")
"""A kept label set gives way only to one it is smaller than 80 % of, so that series do not flap."""

_EXACT = Context(prec=1_000, traps=[Inexact])  # rounding would change a sum: refuse instead


@dataclass(frozen=True, slots=True)
class Folded:
    """`kept` is to be handed in next time; `folded` says how many label sets went into `other`."""

    rows: tuple[Row, ...]
    folded: int
    kept: frozenset[Labels]


def fold(
    definition: Definition, rows: Iterable[Row], *, cap: int = DEFAULT_CAP, kept: AbstractSet[Labels] = frozenset()
) -> Folded:
    """At most `cap` label sets, and one `other` for each remainder of labels that had to give way."""
    with localcontext(_EXACT):
        sums = _summed(rows)
        places = [place for place, label in enumerate(definition.labels) if label in FOLDABLE]
        if len(sums) <= cap or not places:
            return Folded(tuple(sums.items()), 0, frozenset(sums))
        stay = _largest(sums, cap, kept)
        result = _summed(
            ((labels if labels in stay else _other(labels, places)), value) for labels, value in sums.items()
        )
    return Folded(tuple(result.items()), len(sums) - len(stay), stay)


def _summed(rows: Iterable[Row]) -> dict[Labels, Decimal]:
    """Rows of the same labels added up, first seen first."""
    sums: dict[Labels, Decimal] = {}
    for labels, value in rows:
        sums[labels] = sums[labels] + value if labels in sums else value
    return sums


def _largest(sums: Mapping[Labels, Decimal], cap: int, kept: AbstractSet[Labels]) -> frozenset[Labels]:
    """The `cap` largest by size, newcomers at a discount. A credit counts by its amount; ties fall by name."""

    def rank(labels: Labels) -> tuple[Decimal, bool, Labels]:
        size, incumbent = abs(sums[labels]), labels in kept
        return (size if incumbent else size * HOLD, incumbent, labels)

    return frozenset(nlargest(cap, sums, key=rank))  # a Python loop: unlike one big sort, it yields to other threads


def _other(labels: Labels, places: Iterable[int]) -> Labels:
    changed = list(labels)
    for place in places:
        changed[place] = OTHER
    return tuple(changed)
