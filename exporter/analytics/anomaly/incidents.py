"""What is remembered of each series' latest incident, so that an incident is reported once.

One rule: more of the same within the cooling days belongs to the incident before, unless it is much larger; an
incident that lasts `STAYS` days becomes the level, and may still turn out to have been a long incident.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.anomaly.events import Kind
from exporter.analytics.anomaly.usual import Grid

STAYS = 3  # days in a row after which an incident is the new level
RETURNS = 28  # days within which it may still end
LOUDER = 2.0  # times the size of the incident before: an incident of its own
LONG_AGO = -10_000
WEEK = 7
APART = 3  # times the quiet days: drifts of one series lie at least so far apart


@dataclass(slots=True)
class Found:
    """One incident of one series. Days are places from the start of the series."""

    series: int
    day: int
    kind: Kind
    score: float
    cost: float
    expected: float
    lower: float
    upper: float
    ordinary: float  # what a day of average weekday costs
    until: int = -1
    stayed: bool = False


class Incidents:
    """The latest incident of each series, and all that was found."""

    def __init__(self, series: int, cooling_days: int) -> None:
        self.found: list[Found] = []
        self.alarms: Grid = np.zeros((2, series))  # how often it was reported of late: upwards, downwards
        self._cooling = cooling_days
        self._place = np.full(series, -1)  # in `found`
        self._first = np.full(series, LONG_AGO)  # the first of its days in a row
        self._counted = np.full(series, LONG_AGO)  # its latest day
        self._last = np.full(series, LONG_AGO)  # the same, or the idle days right after it
        self._batch = np.zeros(series, bool)  # something had been expected of that day
        self._sign = np.zeros(series)
        self._size = np.zeros(series)
        self._run = np.zeros(series, int)  # days in a row, up to the latest
        self._moved = np.full(series, LONG_AGO)  # when it became the level
        self._before = np.ones(series)  # the shift before that
        self._drifted = np.full(series, LONG_AGO)

    def going(self, day: int, sign: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Series with an incident yesterday in today's direction."""
        going: NDArray[np.bool_] = (self._last == day - 1) & (self._sign == sign)
        return going

    def rest(self, day: int, idle: NDArray[np.bool_]) -> None:
        """A day on which nothing is expected neither goes on with an incident nor ends it: batches come once a week.

        Not so where an incident was itself on such a day.
        """
        self._last[idle & self._batch & (self._last == day - 1) & (day - self._counted < WEEK)] = day

    def news(self, series: int, day: int, size: float) -> bool:
        """False for more of the same, and for the swing back right after."""
        since = day - self._last[series]
        same = since <= self._cooling and self._sign[series] == np.sign(size)
        if (same or since == 1) and abs(size) < LOUDER * self._size[series]:
            self.found[self._place[series]].until = day
            return False
        return True

    def report(self, found: Found, size: float) -> None:
        """Keep a new incident."""
        self._place[found.series] = len(self.found)
        self._size[found.series] = abs(size)
        self.alarms[int(size < 0), found.series] += 1
        self._keep(found)

    def report_drift(self, found: Found) -> None:
        """Keep a drift: it has no days that go on."""
        self._drifted[found.series] = found.day
        self._keep(found)

    def goes_on(self, series: int, day: int, size: float, *, going: bool, rest: bool) -> bool:
        """Count the day. True when the incident has lasted long enough to be the level."""
        self._run[series] = self._run[series] + 1 if going else 1
        if not going:
            self._first[series] = day
        self._last[series] = self._counted[series] = day
        self._sign[series], self._batch[series] = np.sign(size), not rest
        return bool(self._run[series] >= STAYS)

    def becomes_level(self, series: int, day: int, shift: float) -> int:
        """Remember the shift that was in force. Returns the first day that the level is to be learnt from."""
        self._before[series], self._moved[series], self._run[series] = shift, day, 0
        self.found[self._place[series]].stayed = True
        return int(self._first[series])

    def level_before(self, series: int, day: int) -> float | None:
        """The shift in force before the latest new level, while that is young."""
        return float(self._before[series]) if day - self._moved[series] <= RETURNS else None

    def undo_level(self, series: int) -> None:
        """It was no new level after all."""
        self._moved[series] = LONG_AGO
        self.found[self._place[series]].stayed = False

    def quiet(self, day: int, days: int) -> NDArray[np.bool_]:
        """Series without an incident in the last days, nor a drift in three times as many."""
        return (day - self._last > days) & (day - self._drifted > APART * days)

    def _keep(self, found: Found) -> None:
        found.until = found.day
        self.found.append(found)
