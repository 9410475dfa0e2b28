"""How good past forecasts were, beside the plain guess that all days go on like the last thirty.

One rule: misses are added up before they are divided, so that an idle month weighs what it cost and never divides by
zero. No numpy here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Scored(NamedTuple):
    """One forecast and what came."""

    total: float
    lower: float
    upper: float
    naive: float
    came: float


@dataclass(frozen=True, slots=True)
class Score:
    """`error`: misses by what came; None: nothing came. `skill`: None where the plain guess never missed."""

    count: int
    error: float | None
    coverage: float
    skill: float | None


def score(found: Sequence[Scored]) -> Score | None:
    """Of forecasts of one series and horizon; None: there are none."""
    if not found:
        return None
    miss = sum(abs(one.total - one.came) for one in found)
    plain = sum(abs(one.naive - one.came) for one in found)
    size = sum(abs(one.came) for one in found)
    held = sum(_held(one) for one in found)
    return Score(len(found), _ratio(miss, size), held / len(found), None if plain == 0 else 1 - miss / plain)


def _ratio(miss: float, size: float) -> float | None:
    return miss / size if size else None


def _held(one: Scored) -> bool:
    """Sums of floating point differ in the last places: a forecast of exactly what came has to hold."""
    slack = 1e-9 * max(abs(one.came), abs(one.total))
    return one.lower - slack <= one.came <= one.upper + slack
