"""What a day is expected to cost: the level of the last weeks × the weekday's usual share of it × what it moved by.

One rule: only days before the one in question are looked at, and they enter as they should have been: a reported day
as what was expected of it, a day after a level shift divided by the shift.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.anomaly.usual import Grid

Row = NDArray[np.float64]

WEEK = 7
TAMED = 35  # the first days, which nobody can judge: more than any month, so that an invoice has been seen once
FAR = 28  # days, as of the last four weeks
WEEKS = 10  # that a weekday's share is learnt from
NEAR = 0.8  # weight of the last week in the level; the last four weeks have the rest
SHARE = 0.2  # of the level: a day expected to cost less than this is measured against it
WAS = 0.5  # of the level before a shift: after a fall below it, days are still measured against what was
LEAST_SHIFT = 0.02  # a series that stopped is still measured against a fiftieth of what it was
REST = 0.05  # of the level: a day expected to cost less is one of rest, and is measured against the days that are not
ACTIVE = 0.5  # of a usual active day: the yardstick of a day of rest
BUSY = 0.65  # share of days with any cost, above which an idle day is an exception
FROM_NOTHING = 50  # times as much: not a shift of what was there, but a beginning
TINY = 1e-12


class Expected(NamedTuple):
    """One day of all series."""

    cost: Row
    ordinary: Row  # what a day of average weekday costs
    span: Row  # the money that counts as a size of 1
    level: Row  # ordinary, before shifts
    rest: NDArray[np.bool_]  # nothing to speak of is expected


class Baseline:
    """The learnt state of many series, one column each."""

    def __init__(self, costs: Grid) -> None:
        days, series = costs.shape
        self.costs = costs
        self.clean = np.zeros((days, series))
        self.share = np.ones((days, series))  # clean ÷ level
        self.shift = np.ones(series)
        self.active = np.zeros(series)  # what a day with any cost usually costs
        self.first_sizes = self._tame()  # of the first days, in ordinary days of money

    def expected(self, day: int) -> Expected:
        """What the days before lead to expect."""
        level = self._level(day)
        ordinary = level * self.shift
        cost = self._weekday_share(day) * ordinary
        rest = cost <= REST * ordinary
        span = np.maximum(np.abs(cost), SHARE * level * np.maximum(self.shift, WAS))
        # Where cost is rare, the level is next to nothing: not a measure of anything.
        span = np.maximum(span, np.where(rest, ACTIVE * self.active, 0.0)) + TINY
        return Expected(cost, ordinary, span, level, rest)

    def look_back(self, day: int, days: int) -> None:
        """Learn what an active day costs: the median of those among the last `days`."""
        past = self.costs[max(0, day - days) : day]
        ordered = np.sort(np.where(past > 0, past, np.inf), axis=0)
        count = np.isfinite(ordered).sum(axis=0)
        middle = np.take_along_axis(ordered, np.minimum(count // 2, len(past) - 1)[None], axis=0)[0]
        self.active = np.where(count > 0, np.where(np.isfinite(middle), middle, 0.0), 0.0)

    def learn(self, day: int, cost: Row, level: Row) -> None:
        """Take over a day as it should have been. The first days are there already."""
        if day >= TAMED:
            self.clean[day] = cost / self.shift
        self.share[day] = np.where(level > TINY, self.clean[day] / (level + TINY), 0.0)

    def move(self, series: int, day: int, first: int, expected: float) -> float:
        """Let the days from `first` on be the new level. Returns what is to be learnt of the day itself."""
        seen = float(np.nansum(self.costs[first : day + 1, series]))
        meant = float(self.clean[first:day, series].sum() + expected / self.shift[series])
        if 0 <= seen < meant * FROM_NOTHING:
            before, self.shift[series] = float(self.shift[series]), max(seen / meant, LEAST_SHIFT)
            today = float(self.costs[day, series])
            stopped = self.shift[series] == LEAST_SHIFT  # what was is all there is to return to
            return expected * float(self.shift[series]) / before if stopped or np.isnan(today) else today
        self.shift[series] = 1.0
        mean = seen / (day - first + 1)
        self.clean[max(0, day - FAR) : day, series] = mean
        self.share[max(0, day - WEEK * WEEKS) : day, series] = 1.0
        return mean

    def _level(self, day: int) -> Row:
        near: Row = self.clean[day - WEEK : day].mean(axis=0)
        if day < FAR:
            return near
        far: Row = self.clean[day - FAR : day].mean(axis=0)
        return NEAR * near + (1 - NEAR) * far

    def _weekday_share(self, day: int) -> Row:
        places = [day - WEEK * back for back in range(1, WEEKS + 1) if day - WEEK * back >= WEEK]
        if not places:
            return np.ones(self.costs.shape[1])
        ordered = np.sort(self.share[places], axis=0)
        middle: Row = (ordered[(len(places) - 1) // 2] + ordered[len(places) // 2]) / 2
        return middle

    def _tame(self) -> Grid:
        """Cut the peaks of the first weeks: one bad day must not become the yardstick.

        A peak that its weekday shows twice is a habit, and stays.
        """
        first = _filled(self.costs[:TAMED])
        usual = np.median(first, axis=0)
        busy = (first > 0).mean(axis=0) > BUSY if len(first) else usual > 0
        beyond = np.zeros_like(first)
        for weekday in range(min(WEEK, len(first))):
            same = np.where(busy, _without_idle(first[weekday::WEEK]), first[weekday::WEEK])
            ordered = np.sort(same, axis=0)
            middle = ordered[(len(same) - 1) // 2]
            habit = ordered[-2] if len(same) > 2 else middle
            most = np.maximum(np.maximum(2.5 * middle, middle + 1.5 * usual), habit)
            beyond[weekday::WEEK] = first[weekday::WEEK] - middle
            self.clean[weekday : len(first) : WEEK] = np.minimum(same, most)
        sizes: Grid = beyond / (self.clean[: len(first)].mean(axis=0) + TINY)
        return sizes


def _without_idle(same: Grid) -> Grid:
    """Days of one weekday; idle ones as the usual active one, if at least two are active: then it has no day off."""
    active = np.sort(np.where(same > 0, same, np.inf), axis=0)
    count = np.isfinite(active).sum(axis=0)
    usual = np.take_along_axis(active, np.maximum(count - 1, 0)[None] // 2, axis=0)
    return np.where((same == 0) & (count > 1), usual, same)


def _filled(first: Grid) -> Grid:
    """Unknown days as the same weekday of the week before, else of the week after, else 0."""
    filled = first.copy()
    for day in range(WEEK, len(filled)):
        filled[day] = np.where(np.isnan(filled[day]), filled[day - WEEK], filled[day])
    for day in range(len(filled) - WEEK - 1, -1, -1):
        filled[day] = np.where(np.isnan(filled[day]), filled[day + WEEK], filled[day])
    return np.nan_to_num(filled)
