"""Where a budget stands: periods, burn rates, projections, levels.

One rule: money is `Decimal` to the end, so a level at 70 % fires at exactly 70 % and at not a cent less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from exporter.analytics.calendar import midnight, nth_start
from exporter.budgets import Basis, Budget, Level, zone_of
from exporter.domain import DAY, Period, day_of

Money = Mapping[date, Decimal]
"""US dollars by UTC day. A day that is missing had no charges."""

WINDOWS = {"7d": 7, "30d": 30}
_DAY_SECONDS = Decimal(86_400)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a forecast says: dollars when the period ends, its 95 % range, and each UTC day from today (whole) on."""

    total: Decimal
    daily: tuple[Decimal, ...] = ()
    lower: Decimal | None = None
    upper: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """What is known of a budget's charges. `since`: the first day anything is known of; None: no data."""

    days: Money  # of the period so far, its border days cut at the border
    recent: Money  # the last 30 complete days, whatever period they are in
    since: date | None


@dataclass(frozen=True, slots=True)
class LevelStatus:
    """One level today. `ratio` is None where the limit is 0."""

    level: Level
    threshold: Decimal
    ratio: Decimal | None
    fires: bool


@dataclass(frozen=True, slots=True)
class BurnDownDay:
    """The end of one UTC day: spent since the start, what is left, and what would be left at an even pace."""

    day: date
    spent: Decimal
    left: Decimal
    even: Decimal


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything about one budget now, in US dollars. None: not known."""

    period: Period
    limit: Decimal | None
    spent: Decimal | None
    rates: Mapping[str, Decimal | None]  # dollars per day, by window
    at_this_rate: Decimal | None
    forecast: Decimal | None
    forecast_lower: Decimal | None
    forecast_upper: Decimal | None
    exhausted_at: datetime | None
    levels: tuple[LevelStatus, ...]


def period_of(budget: Budget, now: datetime) -> Period | None:
    """The period that `now` lies in, from midnight to midnight in the budget's zone; None: it has not begun."""
    zone = zone_of(budget)
    here = now.astimezone(zone).date()
    if budget.period == "custom" and budget.start is not None and here < budget.start:
        return None
    number = _number(budget, here)
    return Period(*(midnight(nth_start(budget, n), zone) for n in (number, number + 1)))


def _number(budget: Budget, day: date) -> int:
    """Which period a day lies in, counted from the first: a guess, then put right."""
    span = nth_start(budget, 1) - nth_start(budget, 0)
    number = (day - nth_start(budget, 0)) // span
    while nth_start(budget, number) > day:
        number -= 1
    while nth_start(budget, number + 1) <= day:
        number += 1
    return number


def standing(
    budget: Budget,
    now: datetime,
    period: Period,
    spending: Spending,
    usd_per_unit: Decimal | None,
    outlook: Outlook | None = None,
) -> Standing:
    """Where the budget stands. Without a rate of exchange there is no limit, without data nothing was spent or not."""
    today = day_of(now)
    spent = None if spending.since is None else sum(spending.days.values(), Decimal(0))
    limit = None if usd_per_unit is None else budget.amount * usd_per_unit
    rates = {name: burn_rate(spending.recent, today, days, spending.since) for name, days in WINDOWS.items()}
    return Standing(
        period=period,
        limit=limit,
        spent=spent,
        rates=rates,
        at_this_rate=at_this_rate(spending.days, rates["7d"], period, now),
        forecast=outlook.total if outlook else None,
        forecast_lower=outlook.lower if outlook else None,
        forecast_upper=outlook.upper if outlook else None,
        exhausted_at=None if limit is None else exhaustion(spending.days, limit, period, now, rates["7d"], outlook),
        levels=() if usd_per_unit is None else levels(budget, usd_per_unit, spent, outlook),
    )


def levels(
    budget: Budget, usd_per_unit: Decimal, spent: Decimal | None, outlook: Outlook | None = None
) -> tuple[LevelStatus, ...]:
    """Every level with its threshold. What is not known fires nothing."""
    figures = {Basis.ACTUAL: spent, Basis.FORECAST: outlook.total if outlook else None}
    return tuple(
        LevelStatus(
            level=level,
            threshold=(threshold := level.of(budget.amount)) * usd_per_unit,
            ratio=_ratio(level, budget.amount),
            fires=fires(figures[level.basis], threshold * usd_per_unit),
        )
        for level in budget.levels
    )


def fires(figure: Decimal | None, threshold: Decimal) -> bool:
    """True from the threshold on. A limit of 0 means that nothing may be spent: nothing spent is no breach of it."""
    return figure is not None and figure >= threshold and figure > 0


def _ratio(level: Level, amount: Decimal) -> Decimal | None:
    if level.percent is not None:
        return level.percent.scaleb(-2)
    return level.of(amount) / amount if amount else None


def burn_rate(recent: Money, today: date, window: int, since: date | None) -> Decimal | None:
    """Dollars per day over the last `window` complete days, or those since the data began; None: there are none."""
    known = 0 if since is None else min(window, (today - since).days)
    if known <= 0:
        return None
    return sum((recent.get(today - timedelta(days=n), Decimal(0)) for n in range(1, known + 1)), Decimal(0)) / known


def at_this_rate(days: Money, rate: Decimal | None, period: Period, now: datetime) -> Decimal | None:
    """What will have been spent at the period's end if every day from today on is like the mean of the last."""
    if rate is None:
        return None
    today = day_of(now)
    complete, spent = _until(days, today), sum(days.values(), Decimal(0))
    return max(spent, complete + rate * _days(period.end - _first_open(period, today)))


def exhaustion(
    days: Money,
    limit: Decimal,
    period: Period,
    now: datetime,
    rate: Decimal | None,
    outlook: Outlook | None = None,
) -> datetime | None:
    """When the money ran or runs out, along the forecast if it has days, else at `rate`. None: it lasts."""
    spent = sum(days.values(), Decimal(0))
    if spent >= limit and spent > 0:
        return max(period.start, _midnight(_crossing(days, limit)))
    today = day_of(now)
    if outlook and outlook.daily:
        found = _along(outlook.daily, limit - _until(days, today), _first_open(period, today), today)
    else:
        found = _straight(rate, limit, days, period, now)
    return None if found is None or (found := max(found, now)) >= period.end else found


def burn_down(limit: Decimal, days: Money, period: Period, now: datetime) -> tuple[BurnDownDay, ...]:
    """The end of every UTC day of the period up to today."""
    found, spent = [], Decimal(0)
    day = day_of(period.start)
    while day <= day_of(now) and _midnight(day) < period.end:
        spent += days.get(day, Decimal(0))
        share = (min(_midnight(day) + DAY, period.end) - period.start) / (period.end - period.start)
        found.append(BurnDownDay(day, spent, limit - spent, limit - limit * Decimal(share)))
        day += DAY
    return tuple(found)


def _along(daily: tuple[Decimal, ...], left: Decimal, start: datetime, today: date) -> datetime | None:
    """When `left` is used up along the days. Within a day spending is even."""
    for number, amount in enumerate(daily):
        midnight_after = _midnight(today + timedelta(days=number + 1))
        if amount > 0 and amount >= left:
            return start + (midnight_after - start) * float(max(left, Decimal(0)) / amount)
        left, start = left - amount, midnight_after
    return None


def _straight(rate: Decimal | None, limit: Decimal, days: Money, period: Period, now: datetime) -> datetime | None:
    """At a steady rate: counted from this midnight, or from now where today was dearer than usual."""
    if rate is None or rate <= 0:
        return None
    today, spent = day_of(now), sum(days.values(), Decimal(0))
    starts = ((_first_open(period, today), limit - _until(days, today)), (now, limit - spent))
    longest = _days(period.end - period.start)
    found = [start + DAY * float(left / rate) for start, left in starts if left / rate <= longest]
    return min(found, default=None)


def _crossing(days: Money, limit: Decimal) -> date:
    """The last day on which the sum rose from below the limit to it."""
    spent, found = Decimal(0), min(days)
    for day in sorted(days):
        before, spent = spent, spent + days[day]
        if spent >= limit and (before < limit or before <= 0):
            found = day
    return found


def _until(days: Money, day: date) -> Decimal:
    return sum((amount for found, amount in days.items() if found < day), Decimal(0))


def _first_open(period: Period, today: date) -> datetime:
    """Where the part of the period begins that complete days say nothing about."""
    return max(period.start, _midnight(today))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _days(span: timedelta) -> Decimal:
    return Decimal(int(span.total_seconds())) / _DAY_SECONDS
