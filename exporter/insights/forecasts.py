"""Forecasts of everything, stored with the day they were made, and scored against what came."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from exporter.analytics.projection import History, projection, stretch
from exporter.domain import Subject
from exporter.insights import budget_outlooks, hindcasts, scores
from exporter.insights.context import Context
from exporter.insights.projected import histories, row_of
from exporter.store import forecasts as store
from exporter.store.forecasts import StoredForecast

LEVELS = ("total", "provider", "team", "account", "budget")
HORIZONS = ("month_end", "quarter_end", "30d", "60d", "90d")
DAILY = "90d"  # the horizon whose days are kept


def refresh(db: Connection, context: Context) -> str:
    """Forecast every series anew, complete the hindcasts, and score what is over."""
    panel = context.panel
    made = [row for subject, past in histories(panel, *LEVELS) for row in _rows(subject, past)]
    store.replace_day(db, panel.today, made)
    budgets = budget_outlooks.refresh(db, context)
    hindcast = hindcasts.refresh(db, panel)
    scored = scores.refresh(db, panel)
    return f"{len(made)} forecasts, {budgets} budgets, {hindcast} hindcasts, {scored} scores"


def _rows(subject: Subject, past: History) -> Iterator[StoredForecast]:
    for horizon in HORIZONS:
        made = projection(past, *stretch(horizon, past.today))
        yield row_of(subject, horizon, past, made, daily=horizon == DAILY)
