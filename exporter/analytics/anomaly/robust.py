"""The robust detector: all series at once, one day after the other, as if the days after had not come yet.

One rule: a day is reported when its size (its distance from the expected cost, relative to it) leaves the usual range,
alone or together with the day before; whatever else a reported day leads to happens in `Incidents`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from exporter.analytics.anomaly.baseline import SHARE, TAMED, Baseline, Expected, Row
from exporter.analytics.anomaly.drift import NEEDED, STEADY, STEP, drift
from exporter.analytics.anomaly.events import Kind, Settings
from exporter.analytics.anomaly.incidents import Found, Incidents
from exporter.analytics.anomaly.recurring import usual_size
from exporter.analytics.anomaly.usual import NEVER, WINDOW, Grid, Range, Sensitivity, usual_range

WEEK = 7
LEARNING = 14  # days of past before a day's size says anything
JUDGED = TAMED  # days of past before the first verdict
BORDER = 4.0  # the score at the border of the usual range
HIGHEST = 1000.0  # score: from nothing to something is infinitely many sigmas
REFRESH = 7  # days between two looks at the usual range
STILL = 0.6  # of the usual range: a day this far out keeps an incident going
SIMILAR_UP = 1.6  # times what a known rhythm usually brings
SIMILAR_DOWN = 1.25  # the same; less, for no day falls by more than all: with 1.6, noise would excuse a drop to nothing
DOUBLED = 1.0  # a high day that is still usual moves the level by no more than a doubled one
EVEN = 2.0  # two days in a row count with their mean, and with no more than this much of the smaller one
MOST = 20.0  # the largest size that is learnt from
IDLE = 0.05  # of the expected: an idle day moves the level not at all
QUIET = 28  # days without an incident before a drift is called one, and three times as many between two drifts
FREE, CROWD, FORGET = 1.5, 0.6, 0.5 ** (1 / 120)  # each report beyond the free ones, halved in 120 days, widens

DAY_UP = Sensitivity(least=0.40, sigmas=3.5, beyond=1.05)
DAY_DOWN = Sensitivity(least=0.45, sigmas=4.0, beyond=2.0)
PAIR_UP = Sensitivity(least=0.30, sigmas=2.2, beyond=1.6, most=0.8)
PAIR_DOWN = Sensitivity(least=0.30, sigmas=2.2, beyond=1.6, most=0.5)


class Today(NamedTuple):
    """One day of all series, before the verdicts."""

    day: int
    cost: Row  # NaN where unknown
    expected: Expected
    size: Row
    score: Row  # 1 at the border


class Scan:
    """One pass over many series of one length (NaN where a series is unknown or over)."""

    def __init__(self, costs: Grid, starts: list[date], settings: Settings) -> None:
        days, series = costs.shape
        self.costs, self.starts, self.settings = costs, starts, settings
        self.baseline = Baseline(costs)
        self.incidents = Incidents(series, settings.cooling_days)
        self.sizes = np.zeros((days, series))  # winsorised: what the usual range is learnt from
        self.pairs = np.zeros((days, series))  # two days in a row together
        self.money = np.zeros((days, series))  # in ordinary days of money: what rhythms are learnt from
        self.money[: len(self.baseline.first_sizes)] = self.baseline.first_sizes
        self.alone = self.together = Range(np.full(series, NEVER), np.full(series, NEVER))

    def run(self) -> list[Found]:
        """Judge all days. What was found, in order of its day."""
        for day in range(WEEK, len(self.costs)):
            self._day(day)
        return self.incidents.found

    def _day(self, day: int) -> None:
        if day >= LEARNING and (day - JUDGED) % REFRESH == 0:
            self.baseline.look_back(day, WINDOW)
        expected, cost = self.baseline.expected(day), self.costs[day]
        known = ~np.isnan(cost)
        beyond = np.where(known, cost - expected.cost, 0.0)
        learnt = np.where(known, cost, expected.cost)
        if day >= LEARNING:
            size = beyond / expected.span
            self._remember(day, size, beyond / (expected.ordinary + 1e-12))
            if day >= JUDGED:
                self._judge(day, cost, expected, size, learnt)
        self.baseline.learn(day, learnt, expected.level)

    def _remember(self, day: int, size: Row, money: Row) -> None:
        before = self.sizes[day - 1]
        same = np.sign(size) == np.sign(before)
        self.sizes[day], self.money[day] = size, money
        both = np.minimum((np.abs(size) + np.abs(before)) / 2, EVEN * np.minimum(np.abs(size), np.abs(before)))
        self.pairs[day] = np.where(same, np.sign(size) * both, 0.0)

    def _judge(self, day: int, cost: Row, expected: Expected, size: Row, learnt: Row) -> None:
        if (day - JUDGED) % REFRESH == 0:
            self._refresh(day)
        self.incidents.alarms *= FORGET
        together = np.where(expected.rest, 0.0, self.together.times(self.pairs[day]))
        score = np.maximum(self.alone.times(size), together)
        now = Today(day, cost, expected, size, score)
        np.minimum(learnt, expected.cost + np.minimum(self.alone.up, DOUBLED) * expected.span, out=learnt)
        np.copyto(learnt, expected.cost, where=learnt < IDLE * expected.cost)
        going = self.incidents.going(day, np.sign(size)) & (score > STILL)
        enough = np.abs(size) * expected.span >= self.settings.floor
        for series in np.flatnonzero(((score > 1) & enough) | going):
            self._suspect(int(series), now, bool(going[series]), learnt)
        self.incidents.rest(day, expected.cost < SHARE * expected.ordinary)
        if day >= NEEDED and (day - NEEDED) % STEP == 0:
            self._look_for_drift(now)

    def _refresh(self, day: int) -> None:
        past = slice(max(LEARNING, day - WINDOW), day)
        crowd = 1 + CROWD * np.maximum(self.incidents.alarms - FREE, 0)
        self.alone = usual_range(self.sizes[past], DAY_UP, DAY_DOWN, crowd)
        pair = usual_range(self.pairs[past], PAIR_UP, PAIR_DOWN, crowd)
        # Where one idle day is usual, so are two.
        self.together = Range(pair.up, np.where(self.alone.down > 1, NEVER, pair.down))

    def _suspect(self, series: int, now: Today, going: bool, learnt: Row) -> None:
        """A day out of the usual range: the end of an incident, a known rhythm, more of the same, or news."""
        day, size = now.day, float(now.size[series])
        if self._returned(series, now):
            return
        learnt[series] = now.expected.cost[series]
        self.pairs[day, series] = 0.0
        if not going and self._recurs(series, day):
            self.sizes[day, series] = 0.0
            return
        # Once reported it counts as usual, but upwards as no more than was usual before (on a day of rest as it was).
        most = MOST if now.expected.rest[series] else self.alone.up[series]
        self.sizes[day, series] = 0.0 if going else min(size, most)
        if self.incidents.news(series, day, size) and now.score[series] > 1:
            self.incidents.report(self._found(series, now), size)
        if self.incidents.goes_on(series, day, size, going=going, rest=bool(now.expected.rest[series])):
            first = self.incidents.becomes_level(series, day, self.baseline.shift[series])
            learnt[series] = self.baseline.move(series, day, first, float(now.expected.cost[series]))

    def _recurs(self, series: int, day: int) -> bool:
        money = self.money[: day + 1, series]
        sign = np.sign(money[day])
        usual = usual_size(sign * money, self.starts[series] + timedelta(days=day), day)
        return bool(sign * money[day] <= (SIMILAR_UP if sign > 0 else SIMILAR_DOWN) * usual)

    def _returned(self, series: int, now: Today) -> bool:
        """True when a new level turned out to be a long incident that ends here: back at the level before."""
        before = self.incidents.level_before(series, now.day)
        if before is None:
            return False
        back = before / self.baseline.shift[series]
        cost, span = now.expected.cost[series] * back, now.expected.span[series] * back
        size = float((now.cost[series] - cost) / span)
        if not -self.alone.down[series] < size < self.alone.up[series]:
            return False
        self.baseline.shift[series] = before
        self.incidents.undo_level(series)
        self.sizes[now.day, series] = size
        return True

    def _found(self, series: int, now: Today) -> Found:
        expected, span, size = now.expected.cost[series], now.expected.span[series], now.size[series]
        kind, usual = (Kind.SPIKE if size > 0 else Kind.DROP), self.alone
        if abs(size) <= (usual.up if size > 0 else usual.down)[series]:
            kind, usual = Kind.LEVEL_SHIFT, self.together  # no day alone was far out, two in a row were
        lower, upper = expected - min(usual.down[series], 1e3) * span, expected + min(usual.up[series], 1e3) * span
        return Found(
            series, now.day, kind, min(BORDER * float(now.score[series]), HIGHEST), float(now.cost[series]),
            float(expected), float(max(lower, min(0.0, expected))), float(upper), float(now.expected.ordinary[series]),
        )  # fmt: skip

    def _look_for_drift(self, now: Today) -> None:
        seen = drift(self.baseline.clean, now.day - 1)
        calm = (self.alone.up < STEADY) & self.incidents.quiet(now.day, QUIET) & ~np.isnan(now.cost)
        for series in np.flatnonzero((seen.sign != 0) & calm):
            usual = float(np.exp(seen.sign[series] * seen.usual[series] - seen.growth[series]))
            expected = float(now.expected.cost[series]) * usual
            reach = abs(float(now.cost[series]) - expected) / 1.5 + 1e-12
            score = BORDER * abs(float(seen.growth[series])) / (float(seen.usual[series]) + np.log(1.5))
            found = Found(
                int(series), now.day, Kind.DRIFT, min(float(score), HIGHEST), float(now.cost[series]), expected,
                max(expected - reach, min(0.0, expected)), expected + reach, float(now.expected.ordinary[series]),
            )  # fmt: skip
            self.incidents.report_drift(found)


def scan(costs: list[Row], starts: list[date], settings: Settings) -> list[Found]:
    """Judge all series; each may have its own length."""
    grid = np.full((max(map(len, costs), default=0), len(costs)), np.nan)
    for place, one in enumerate(costs):
        grid[: len(one), place] = one
    return Scan(grid, starts, settings).run()
