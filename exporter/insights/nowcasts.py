"""What days that are still filling up will come to, from how the days before them arrived.

One rule: an account of which nothing is known of how its days arrive has no nowcast; a guess would set off alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import numpy as np
from sqlalchemy import Connection

from exporter.analytics.nowcast import AGES, FEWEST, Profile, complete, expectation, learnt, of_hours
from exporter.analytics.series import Days
from exporter.domain import DAY, day_of
from exporter.insights.context import Context
from exporter.store import nowcasts as store
from exporter.store.nowcasts import DayNowcast, Unfinished, Watched

LEARNT_FROM = timedelta(days=35)
SHAPED = timedelta(days=28)
FINAL_AFTER = timedelta(days=4)  # where no cost report says when figures are settled
LATEST = 3.0  # hours: usage that is not there by then did not happen


@dataclass(frozen=True, slots=True)
class Finals:
    """An account's dollars by day from `first` on; NaN where a day is not known."""

    first: date
    values: Days

    @property
    def end(self) -> date:
        """The first day that is not final."""
        return self.first + len(self.values) * DAY

    def of(self, day: date) -> float:
        """What one day before `end` came to."""
        place = (day - self.first).days
        return float(self.values[place]) if place >= 0 else np.nan


def refresh(db: Connection, context: Context) -> str:
    """Look at what has arrived, and complete what has not."""
    store.observe(db, context.now)
    since = day_of(context.now) - LEARNT_FROM
    watched = {account: list(rows) for account, rows in groupby(store.watched(db, since), lambda row: row.account)}
    series = {subject.account: (first, values) for subject, first, values in context.panel.of("account")}
    found: list[DayNowcast] = []
    for account, days in groupby(store.unfinished(db, context.now), lambda row: row.account):
        if account in series:
            finals = _finals(context, account, *series[account])
            found += _completed(db, context, finals, list(days), watched.get(account, ()))
    store.replace(db, found)
    return f"{len(found)} nowcasts"


def _finals(context: Context, account: str, first: date, values: Days) -> Finals:
    """The account's days that are not expected to change any more."""
    end = context.panel.settled.get(account, context.panel.today - FINAL_AFTER)
    return Finals(first, values[: max(0, (end - first).days)])


def _completed(
    db: Connection, context: Context, finals: Finals, days: Iterable[Unfinished], watched: Iterable[Watched]
) -> Iterator[DayNowcast]:
    """One account's nowcasts, of the days that are not final."""
    profile, shape = _watched_profile(finals, watched), None
    for row in days:
        if row.day < finals.end:
            continue
        usual = profile.at(row.age, row.day)
        if len(usual) < FEWEST and row.reach is not None:
            shape = shape or _shape(db, finals, row.account)
            usual = shape.at(min(max(row.reach, row.age - LATEST, 0.0), row.age), row.day)
        seen = max(row.usd, 0.0)
        made = complete(seen, usual, expectation(finals.first, finals.values, row.day))
        if made is not None:
            amounts = (made.expected, made.lower, made.upper, made.completeness)
            yield DayNowcast(row.account, row.day, context.now, seen, *amounts)


def _watched_profile(finals: Finals, watched: Iterable[Watched]) -> Profile:
    """How the account's days arrived while somebody looked."""
    known = [row for row in watched if row.day < finals.end]
    observed = np.full((len(known), AGES), np.nan)
    for place, row in enumerate(known):
        observed[place, row.ages] = row.usd
    days = [row.day for row in known]
    return learnt(days, observed, np.array([finals.of(day) for day in days]))


def _shape(db: Connection, finals: Finals, account: str) -> Profile:
    """When in the course of its last days the account spent, by the hours of its usage."""
    since = max(finals.first, finals.end - SHAPED)
    days = [since + place * DAY for place in range((finals.end - since).days)]
    hourly = np.zeros((len(days), 24))
    for day, hour, usd in store.by_hour(db, account, since, finals.end):
        hourly[(day - since).days, hour] += usd
    return of_hours(days, hourly, np.array([finals.of(day) for day in days]))
