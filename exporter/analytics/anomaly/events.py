"""What a detector is asked and what it answers. Values only.

One rule: everything in an `Anomaly` but `until` and `became` is fixed on its own day; the days after never change it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.float64]
"""One value for each day, oldest first. NaN is a day nobody knows; a day without spend is 0."""


class Method(StrEnum):
    """How a day is judged."""

    ROBUST = "robust"  # weekday-aware, separate ranges upwards and downwards; what we recommend
    ZSCORE = "zscore"  # distance from the mean in standard deviations
    SPIKE = "spike"  # a multiple of the mean of the seven days before


class Kind(StrEnum):
    """What happened."""

    SPIKE = "spike"
    DROP = "drop"
    LEVEL_SHIFT = "level_shift"
    DRIFT = "drift"
    REQUESTS = "requests"  # many more requests than usual, at the usual cost


class Severity(StrEnum):
    """How much it matters, by money and by certainty."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be chosen. The defaults are what `docs/anomalies.md` measures.

    Raises:
        ValueError: a setting is outside its range.
    """

    method: Method = Method.ROBUST
    floor: float = 0.01  # money: a smaller difference from the expected is never reported
    sigmas: float = 3.0  # zscore: 1.5 to 5
    baseline_days: int = 30  # zscore: 7 to 90
    factor: float = 2.0  # spike: this many times the mean of the last seven days
    cooling_days: int = 7  # within so many days more of the same belongs to the same incident

    def __post_init__(self) -> None:
        if not 1.5 <= self.sigmas <= 5:
            raise ValueError(f"sigmas must be between 1.5 and 5, not {self.sigmas:g}")
        if not 7 <= self.baseline_days <= 90:
            raise ValueError(f"the baseline must be 7 to 90 days long, not {self.baseline_days}")
        if not 1 < self.factor < float("inf"):
            raise ValueError(f"the factor must be more than 1, not {self.factor:g}")
        if not 0 <= self.floor < float("inf"):
            raise ValueError(f"the floor must be 0 or more, not {self.floor:g}")
        if self.cooling_days < 0:
            raise ValueError(f"cooling must be 0 days or more, not {self.cooling_days}")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One incident, dated by the first day that showed it. `lower` to `upper` is the range called usual that day."""

    date: dt.date
    kind: Kind
    severity: Severity
    score: float  # robust: 4 is the border of the usual range; zscore: standard deviations; spike: the multiple
    cost: float
    expected: float
    lower: float
    upper: float
    until: dt.date  # the last day that belongs to it, as far as the data goes
    became: Kind  # `level_shift` once it turned out to stay

    @property
    def excess(self) -> float:
        """The day's money beyond the expected; negative when money is missing."""
        return self.cost - self.expected
