"""Forecasts as of past Mondays, so that there are scores before the first real forecast is over.

One rule: a hindcast sees no day after its own, but it sees those days as they are known now: it is marked, and it never
takes a real forecast's place.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from itertools import islice

import numpy as np
from sqlalchemy import Connection

from exporter.analytics.forecast.model import since_first_spend
from exporter.analytics.projection import History, history_of, projection, stretch
from exporter.domain import Subject
from exporter.insights.panel import Panel
from exporter.insights.projected import row_of
from exporter.store import forecasts as store
from exporter.store.forecasts import Key, StoredForecast

LEVELS = ("total", "provider", "team", "account")
HORIZONS = ("month_end", "30d", "60d", "90d")
WEEKS = 26
LEAST = 28  # days of history
AT_ONCE = 1_500  # forecasts: a run stays short, the next one goes on
WEEK = timedelta(weeks=1)


def refresh(db: Connection, panel: Panel) -> int:
    """Make some of those that are missing. None while history is still being read: they would be of half the books."""
    if store.back_filling(db):
        return 0
    there = store.made_since(db, mondays(panel.today)[0])
    missing = islice(_missing(panel, there), AT_ONCE // len(HORIZONS))
    rows = [_row(subject, horizon, past) for subject, past in missing for horizon in HORIZONS]
    store.add_hindcasts(db, rows)
    return len(rows)


def mondays(today: date) -> list[date]:
    """The last 26 Mondays before `today`, oldest first: those are over soonest."""
    last = today - timedelta(days=today.weekday() or 7)
    return [last - WEEK * back for back in reversed(range(WEEKS))]


def _missing(panel: Panel, there: AbstractSet[tuple[Key, date]]) -> Iterator[tuple[Subject, History]]:
    series = list(panel.of(*LEVELS))
    for monday in mondays(panel.today):
        for subject, start, values in series:
            if (Key.of(subject), monday) in there:
                continue
            past = history_of(values, start, monday)
            if past is not None and past.gap == 0 and _enough(past):
                yield subject, past


def _enough(past: History) -> bool:
    return int(np.count_nonzero(~np.isnan(since_first_spend(past.values)))) >= LEAST


def _row(subject: Subject, horizon: str, past: History) -> StoredForecast:
    return row_of(subject, horizon, past, projection(past, *stretch(horizon, past.today)), hindcast=True)
