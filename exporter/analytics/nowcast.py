"""What a day that is still filling up will come to: from what is seen, how days usually arrive, and what to expect.

One rule: a nowcast is never below what is seen, and the less of a day is usually there by now, the less that says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.series import WEEK, Days
from exporter.domain import DAY

Matrix = NDArray[np.float64]
"""Dollars or shares: one row per day, one column per whole hour since the day's midnight UTC. NaN: not observed."""

SATURDAY = 5
AGES = 120  # hours a day is watched
FEWEST = 5  # days: fewer say nothing of how days arrive
CARRIED = 6  # hours a figure is taken to have stood still; longer without a look, nobody was there
NORMAL = 1.959964  # half of the 95 % range of a normal distribution
DECILES = 2 * 1.281552  # from the lowest tenth to the highest one, in standard deviations

_LOOKBACK, _LEVEL, _SCORED = 56, 14, 42  # days: for the weekday's share, for the level, for how far off it is
_SMALLEST = 0.02  # of the level: amounts below it are all the same
_CLOSEST, _UNKNOWN = 0.05, 0.5  # how far off an expectation is, in logs: at least, and while there is little to score
_LEAST_SHARE, _MOST_SHARE, _SHARE_NOISE = 0.005, 2.0, 0.03
_TOLD = 0.8
_SURPRISE = 2.0  # standard deviations
_CAUTION = 1.1  # days differ by more than a few of them show: measured, see benchmarks/nowcast.py
_BLIND = 0.05  # below this share of a day, nothing can be said without an expectation


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a day comes to as far as earlier days tell. `spread`: standard deviation in logs, `least`: dollars."""

    usd: float
    spread: float
    least: float


@dataclass(frozen=True, slots=True)
class Nowcast:
    """Dollars of the complete day and their 95 % range. `completeness`: the share usually there by now, 0 to 1."""

    expected: float
    lower: float
    upper: float
    completeness: float


@dataclass(frozen=True, slots=True)
class Profile:
    """How past days arrived: the share of its final figure that was there, one row per day, one column per age."""

    days: Sequence[date]
    shares: Matrix

    def at(self, age: float, day: date) -> Days:
        """Shares around `age` hours, which may lie between two whole ones, of the days watched then.

        Of weekends for a weekend and of weekdays for a weekday, where there are enough of them.
        """
        low = min(int(age), AGES - 1)
        begin, end = self.shares[:, low], self.shares[:, min(low + 1, AGES - 1)]
        between = np.where(np.isnan(end), begin, begin + (end - begin) * min(age - low, 1.0))
        known = ~np.isnan(between)
        like = known & np.array([_weekend(each) == _weekend(day) for each in self.days], dtype=bool)
        found: Days = between[like if np.count_nonzero(like) >= FEWEST else known]
        return found


def _weekend(day: date) -> bool:
    return day.weekday() >= SATURDAY


def learnt(days: Sequence[date], observed: Matrix, finals: Days) -> Profile:
    """The profile of these days, from the dollars observed at each age (a row per day) and what each day came to.

    Days that came to nothing say nothing. Where an estimate was above the bill to come, the share is above 1.
    """
    known = np.where(finals > 0, finals, np.nan)[:, None]
    return Profile(days, np.clip(_carried(observed) / known, 0.0, _MOST_SHARE))


def of_hours(days: Sequence[date], hourly: Matrix, finals: Days) -> Profile:
    """The profile by the hour in which money was used up, for days nobody watched. `hourly`: 24 columns of dollars.

    Empty where the hours make up less than four fifths of what days came to: then they don't tell how a day arrives.
    """
    total = hourly.sum(axis=1)
    known = np.where((finals > 0) & (total > 0), np.maximum(total, finals), np.nan)
    arrived = np.pad(hourly.cumsum(axis=1), ((0, 0), (1, AGES - 25)), mode="edge") / known[:, None]
    arrived[:, 0] = np.where(np.isnan(known), np.nan, 0.0)
    told = total[~np.isnan(known)] / finals[~np.isnan(known)]
    if not len(told) or float(np.median(told)) < _TOLD:
        return Profile((), np.empty((0, AGES)))
    return Profile(days, np.minimum(arrived, 1.0))


def _carried(observed: Matrix) -> Matrix:
    """Between two looks a figure stands still: for a few hours, or until it is seen again unchanged."""
    result, following = observed.copy(), observed.copy()
    for age in range(observed.shape[1] - 2, -1, -1):
        following[:, age] = np.where(np.isnan(observed[:, age]), following[:, age + 1], observed[:, age])
    since = np.zeros(len(observed))
    for age in range(1, observed.shape[1]):
        unseen = np.isnan(observed[:, age])
        since = np.where(unseen, since + 1, 0)
        before = result[:, age - 1]
        stands = unseen & ((since <= CARRIED) | (following[:, age] == before))
        result[:, age] = np.where(stands, before, observed[:, age])
    return result


def expectation(first: date, values: Days, day: date) -> Expectation | None:
    """What `day` comes to. `values`: the complete days from `first` on, all before it, NaN where one is unknown.

    None: under two weeks are known, or nothing was spent.
    """
    end = first + len(values) * DAY
    ahead = (day - end).days + 1
    usual = _expected(values, ahead)
    if usual is None:
        return None
    offs = []
    for place in range(max(0, len(values) - _SCORED), len(values)):
        if math.isnan(values[place]) or _weekend(first + place * DAY) != _weekend(day):
            continue
        if (then := _expected(values[: max(0, place + 1 - ahead)], ahead)) is not None:
            least = _SMALLEST * then.level
            offs.append(math.log(max(values[place], least) / max(then.usd, least)))
    spread = _spread(np.array(offs)) if len(offs) >= FEWEST else _UNKNOWN
    least = _SMALLEST * usual.level
    return Expectation(max(usual.usd, least), max(spread, _CLOSEST), least)


@dataclass(frozen=True, slots=True)
class _Day:
    usd: float
    level: float


def _expected(values: Days, ahead: int) -> _Day | None:
    """The level of the last two weeks, times what the weekday usually is of it. A spike counts as three usual days."""
    recent = values[-_LOOKBACK:]
    if np.count_nonzero(~np.isnan(recent)) < 2 * WEEK:
        return None
    usual = float(np.nanmedian(recent))
    calm = np.minimum(recent, 3 * usual) if usual > 0 else recent
    mean = float(np.nanmean(calm))
    if mean <= 0:
        return None
    turns = (np.arange(len(calm)) - len(calm) - ahead + 1) % WEEK  # 0: the weekday asked for
    weekday = np.array([_mean(calm[turns == turn], mean) for turn in range(WEEK)]) / mean
    there, shape = calm[-_LEVEL:], weekday[turns[-_LEVEL:]]
    seen = ~np.isnan(there)
    if not seen.any() or shape[seen].sum() <= 0:
        return None
    level = max(float(there[seen].sum() / shape[seen].sum()), 0.1 * mean)
    return _Day(level * max(float(weekday[0]), 0.0), level)


def _mean(values: Days, otherwise: float) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else otherwise


def _spread(values: Days) -> float:
    """A standard deviation that a single strange day does not move."""
    low, high = np.quantile(values, (0.1, 0.9))
    return float(high - low) / DECILES


def complete(seen: float, usual: Days, expected: Expectation | None) -> Nowcast | None:
    """The nowcast of a day of which `seen` dollars are there, `usual` being past days' shares at this age.

    Two opinions, weighted in logs by how sure each is: what is seen divided by its usual share, and `expected`.
    The range begins below what is seen where past days came down, as estimates do when the bill arrives.
    None: too few days are known, or there is no expectation and hardly anything of a day is ever there by now.
    """
    if len(usual) < FEWEST:
        return None
    shares = np.sort(usual)
    share = min(float(np.median(shares)), 1.0)
    there = max(seen, expected.least if expected else 0.0)
    if expected is None and share < _BLIND:
        return None
    if there <= 0:
        return Nowcast(0.0, 0.0, 0.0, share)
    logs = np.log(np.maximum(shares, _LEAST_SHARE))
    middle = float(np.median(logs))
    arrival = _arrival(logs, share)
    centre, spread = _blend(math.log(there) - middle, arrival, expected)
    reach = _CAUTION * _student(len(usual) - 1) * spread
    # Where nearly all days are complete by now and few are late, those few are the band.
    late = (middle - float(logs[1])) * (spread / arrival) ** 2 if arrival else 0.0
    best, upper = (max(seen, math.exp(centre + side)) for side in (0.0, max(reach, late)))
    lower = max(seen / max(float(shares[-2]), 1.0), math.exp(centre - reach))
    return Nowcast(best, min(lower, best), upper, share)


def _arrival(logs: Days, share: float) -> float:
    """How far off a figure is that was completed by its share, in logs. A share near zero says next to nothing."""
    noise = _SHARE_NOISE * (1 - share) / max(share, _LEAST_SHARE)
    return math.hypot(_spread(logs) * math.sqrt(1 + 1 / len(logs)), noise)


def _blend(arriving: float, spread: float, expected: Expectation | None) -> tuple[float, float]:
    """Mean and spread of both opinions together, in logs.

    Money can be late but not early: a day far above the expected is believed, one far below it may only be late.
    """
    if expected is None or spread == 0:
        return arriving, spread
    usual, width = math.log(expected.usd), expected.spread
    surprise = (arriving - usual) / math.hypot(spread, width)
    width *= max(1.0, surprise / _SURPRISE)
    weight = width**2 / (spread**2 + width**2)
    return weight * arriving + (1 - weight) * usual, spread * math.sqrt(weight)


def _student(freedom: int) -> float:
    """Half of the 95 % range of Student's distribution: the fewer days were seen, the wider."""
    z = NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
