"""The forecast families of a publication, read from the last analysis.

One rule: a forecast that is older than two days, or of a month that is over, is not published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from exporter.analytics.budget import Outlook, period_of
from exporter.analytics.budget_path import Path, outlook_along
from exporter.budgets import Budget
from exporter.domain import DAY, Period, day_of, floor_to
from exporter.metrics import catalog
from exporter.metrics.catalog import Definition
from exporter.metrics.snapshot import Family, Sample
from exporter.store import analysis, budget_outlooks, budgets, forecasts
from exporter.store.budget_outlooks import BudgetPath
from exporter.store.forecasts import Newest

FRESH = timedelta(days=2)
FEWEST = 5  # forecasts that are over; fewer are no score
GROUPS = ("total", "provider", "team")
_OWN = (catalog.FORECAST_USD, catalog.FORECAST_LOWER_USD, catalog.FORECAST_UPPER_USD)
_GROUP = (catalog.GROUP_FORECAST_USD, catalog.GROUP_FORECAST_LOWER_USD, catalog.GROUP_FORECAST_UPPER_USD)

Found = Iterator[tuple[Definition, Sample]]


def families(db: Connection, now: datetime) -> list[Family]:
    """What the last analysis found."""
    found = current(db, now)
    samples: dict[str, list[Sample]] = {}
    for definition, sample in (*_forecasts(found), *_scores(db, found), *_analysed(db)):
        samples.setdefault(definition.name, []).append(sample)
    return [
        Family(definition, samples[definition.name]) for definition in catalog.PRODUCT if definition.name in samples
    ]


def current(db: Connection, now: datetime) -> list[Newest]:
    """The forecasts that still hold."""
    return forecasts.newest(db, day_of(now) - FRESH, day_of(now))


def _forecasts(found: Iterable[Newest]) -> Found:
    for one in found:
        amounts = (one.total, one.lower, one.upper)
        if one.key.level == "account":
            labels = (one.provider, one.key.account_id, one.team, one.horizon)
            yield from ((definition, (labels, amount)) for definition, amount in zip(_OWN, amounts, strict=True))
            if one.horizon == "30d":
                yield catalog.FORECAST_INFO, ((one.provider, one.key.account_id, one.volatility), 1.0)
        elif one.key.level in GROUPS:
            group = (one.key.level, one.key.name, one.horizon)
            yield from ((definition, (group, amount)) for definition, amount in zip(_GROUP, amounts, strict=True))


def _scores(db: Connection, found: Iterable[Newest]) -> Found:
    """Of accounts that are still forecast."""
    providers = {one.key: one.provider for one in found if one.key.level == "account"}
    for one in forecasts.scores(db):
        if one.key not in providers or one.count < FEWEST:
            continue
        labels = (providers[one.key], one.key.account_id, one.horizon)
        yield catalog.FORECAST_COVERAGE_RATIO, (labels, one.coverage)
        for definition, ratio in ((catalog.FORECAST_ERROR_RATIO, one.error), (catalog.FORECAST_SKILL_RATIO, one.skill)):
            if ratio is not None:
                yield definition, (labels, ratio)


def _analysed(db: Connection) -> Found:
    if (finished := analysis.finished_at(db)) is not None:
        yield catalog.ANALYSIS_LAST_SUCCESS, ((), finished.timestamp())


def outlooks(db: Connection, now: datetime) -> dict[str, Outlook]:
    """What each budget's current period comes to: spent by the books of this moment, the rest as forecast."""
    paths = budget_outlooks.newest(db, day_of(now) - FRESH)
    if not paths:
        return {}
    found = {id_: _outlook(db, budget, paths[id_], now) for id_, budget in budgets.every(db).items() if id_ in paths}
    return {id_: outlook for id_, outlook in found.items() if outlook is not None}


def _outlook(db: Connection, budget: Budget, stored: BudgetPath, now: datetime) -> Outlook | None:
    """None: the period it was made for is over, or is another since the budget was edited."""
    period = period_of(budget, now)
    if period is None or period != Period(stored.period_start, stored.period_end):
        return None
    seen = budgets.spent(db, budget, Period(period.start, min(period.end, floor_to(now, DAY) + DAY)))
    return outlook_along(_path(stored), seen, period, now)


def _path(stored: BudgetPath) -> Path:
    days = tuple(map(Decimal, stored.days))
    late = _days(stored.first_day, stored.made_on)
    down, up = (Decimal(abs(bound - stored.total)) for bound in (stored.lower, stored.upper))
    return Path(stored.first_day, days, late, down, up)


def _days(first: date, end: date) -> int:
    return (end - first).days
