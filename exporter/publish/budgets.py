"""The budget families of a publication. One rule: what is not known is absent, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from exporter.analytics.budget import Outlook, Spending, Standing, period_of, standing
from exporter.budgets import Budget
from exporter.domain import DAY, Period, floor_to
from exporter.metrics import catalog
from exporter.metrics.catalog import Definition
from exporter.metrics.snapshot import Family, Sample
from exporter.store import budgets as store

RECENT = timedelta(days=30)
_MONEY = (
    (catalog.BUDGET_LIMIT_USD, "limit"),
    (catalog.BUDGET_SPENT_USD, "spent"),
    (catalog.BUDGET_FORECAST_USD, "forecast"),
    (catalog.BUDGET_FORECAST_LOWER_USD, "forecast_lower"),
    (catalog.BUDGET_FORECAST_UPPER_USD, "forecast_upper"),
    (catalog.BUDGET_AT_THIS_RATE_USD, "at_this_rate"),
)


def standing_of(
    db: Connection, budget: Budget, now: datetime, rates: Mapping[str, Decimal], outlook: Outlook | None = None
) -> Standing | None:
    """Where a budget stands by what is stored; None: its period has not begun."""
    period = period_of(budget, now)
    if period is None:
        return None
    return standing(budget, now, period, spending_of(db, budget, period, now), rates.get(budget.currency), outlook)


def spending_of(db: Connection, budget: Budget, period: Period, now: datetime) -> Spending:
    """What is stored of a budget's charges: of the period until the end of today, and of the last complete days."""
    today = floor_to(now, DAY)
    so_far = Period(period.start, min(period.end, today + DAY))
    return Spending(
        days=store.spent(db, budget, so_far),
        recent=store.spent(db, budget, Period(today - RECENT, today)),
        since=store.first_day(db, budget),
    )


def families(
    db: Connection, now: datetime, fixed_rates: Mapping[str, Decimal], outlooks: Mapping[str, Outlook]
) -> list[Family]:
    """Every budget, by the figures of one moment. `outlooks`: forecasts by budget, where there are any."""
    samples: dict[str, list[Sample]] = {}
    rates = store.usd_per_unit(db, fixed_rates)
    for budget in store.every(db).values():
        _add(samples, catalog.BUDGET_INFO, _info(budget), 1.0)
        if (found := standing_of(db, budget, now, rates, outlooks.get(budget.id))) is not None:
            _add_standing(samples, budget.id, found)
    return [
        Family(definition, samples[definition.name]) for definition in catalog.PRODUCT if definition.name in samples
    ]


def _info(budget: Budget) -> tuple[str, ...]:
    who = (budget.id, budget.name, budget.team, budget.provider, budget.account)
    return (*who, budget.period, budget.time_zone, budget.currency, budget.parent)


def _add_standing(samples: dict[str, list[Sample]], budget: str, found: Standing) -> None:
    for definition, name in _MONEY:
        _add(samples, definition, (budget,), getattr(found, name))
    for window, rate in found.rates.items():
        _add(samples, catalog.BUDGET_BURN_RATE_USD_PER_DAY, (budget, window), rate)
    for status in found.levels:
        labels = (budget, status.level.name, status.level.basis.value)
        _add(samples, catalog.BUDGET_THRESHOLD_USD, labels, status.threshold)
        _add(samples, catalog.BUDGET_THRESHOLD_RATIO, labels, status.ratio)
    _add(samples, catalog.BUDGET_PERIOD_START, (budget,), found.period.start.timestamp())
    _add(samples, catalog.BUDGET_PERIOD_END, (budget,), found.period.end.timestamp())
    ends = found.exhausted_at
    _add(samples, catalog.BUDGET_EXHAUSTION, (budget,), ends.timestamp() if ends else None)


def _add(
    samples: dict[str, list[Sample]], definition: Definition, labels: Iterable[str], value: Decimal | float | None
) -> None:
    if value is not None:
        samples.setdefault(definition.name, []).append((tuple(labels), float(value)))
