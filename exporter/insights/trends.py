"""Where every series is heading, and the hours of the week.

One rule: all series are worked out at once, whatever their level.
"""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
from sqlalchemy import Connection

from exporter.analytics.trend import LENGTH, NEWEST, WINDOW, Trends, trends
from exporter.domain import Period, Subject
from exporter.insights.context import Context
from exporter.insights.panel import Panel
from exporter.store import trends as store
from exporter.store.trends import Trend

LEVELS = ("total", "provider", "team", "account", "scope", "model", "budget")


def refresh(db: Connection, context: Context) -> str:
    """Replace all trends and the hours of the week by what the panel and the last eight weeks say."""
    found = _found(context)
    store.replace(db, found)
    end = Period.of_day(context.panel.today).start
    store.refresh_weekday_hours(db, Period(end - timedelta(days=WINDOW), end))
    return f"{len(found)} trends"


def _found(context: Context) -> list[Trend]:
    subjects, values = _matrix(context.panel)
    made = trends(values)
    return [_row(subject, context, made, row) for row, subject in enumerate(subjects) if made.state[row]]


def _matrix(panel: Panel) -> tuple[list[Subject], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """All series that end yesterday, one under the other. Days before anything was known are unknown, not zero."""
    series = list(panel.of(*LEVELS))
    values = np.full((len(series), LENGTH + NEWEST), np.nan)
    for row, (_, _, days) in enumerate(series):
        known = days[-values.shape[1] :]
        values[row, values.shape[1] - len(known) :] = known
    return [subject for subject, _, _ in series], values


def _row(subject: Subject, context: Context, made: Trends, row: int) -> Trend:
    lower, upper, *growth = (
        None if math.isnan(value) else float(value) for value in (made.lower[row], made.upper[row], *made.growth[row])
    )
    slope, level = float(made.slope[row]), float(made.level[row])
    return Trend(subject, context.now, slope, lower, upper, str(made.state[row]), level, *growth)
