"""What today and yesterday will come to, read from the last analysis.

One rule: a nowcast is of today or yesterday as they are at publication, and never below what is seen by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from exporter.analytics.budget import period_of
from exporter.budgets import Budget
from exporter.domain import DAY, Period, day_of, floor_to
from exporter.metrics import catalog
from exporter.metrics.snapshot import Family
from exporter.store import budgets, nowcasts
from exporter.store.nowcasts import Published

SHARED_OVER = timedelta(days=7)  # and today: how much of an account a budget of a scope or model usually is


def families(db: Connection, now: datetime) -> list[Family]:
    """The nowcasts that still hold, and what budgets come to with them."""
    found = nowcasts.current(db, now)
    if not found:
        return []
    return [*_accounts(found, day_of(now)), _budgets(db, now, found)]


def _accounts(found: Iterable[Published], today: date) -> list[Family]:
    named = [(row, "today" if row.day == today else "yesterday") for row in found]
    money = (
        (catalog.NOWCAST_USD, "expected"),
        (catalog.NOWCAST_LOWER_USD, "lower"),
        (catalog.NOWCAST_UPPER_USD, "upper"),
    )
    families = [
        Family(kind, [((row.provider, row.account, row.team, day), getattr(row, name)) for row, day in named])
        for kind, name in money
    ]
    shares = [((row.provider, row.account, day), row.completeness) for row, day in named]
    return [*families, Family(catalog.NOWCAST_COMPLETENESS_RATIO, shares)]


def _budgets(db: Connection, now: datetime, found: Sequence[Published]) -> Family:
    """Spent so far and what is still to arrive; absent where no account of the budget has a nowcast."""
    today = floor_to(now, DAY)
    shares = nowcasts.budget_shares(db, day_of(today - SHARED_OVER), day_of(today + DAY))
    samples = []
    for budget in budgets.every(db).values():
        mine = [row for row in found if _fits(budget, row)]
        period = period_of(budget, now)
        if not mine or period is None or budget.tags:
            continue
        so_far = Period(period.start, min(period.end, today + DAY))
        spent = float(sum(budgets.spent(db, budget, so_far).values()))
        missing = sum(_missing(row, so_far) * _share(budget, row, shares) for row in mine)
        samples.append(((budget.id,), spent + missing))
    return Family(catalog.BUDGET_NOWCAST_USD, samples)


def _fits(budget: Budget, row: Published) -> bool:
    wanted = ((budget.provider, row.provider), (budget.account, row.account), (budget.team, row.team))
    return all(not filter_ or filter_ == value for filter_, value in wanted)


def _share(budget: Budget, row: Published, shares: Mapping[tuple[str, str], float]) -> float:
    """How much of the account is the budget's."""
    return shares.get((budget.id, row.account), 0.0) if budget.scope or budget.model else 1.0


def _missing(row: Published, so_far: Period) -> float:
    """What is still to arrive of a day, as far as the day lies in the budget's period: in proportion to time."""
    day = Period.of_day(row.day)
    inside = min(day.end, so_far.end) - max(day.start, so_far.start)
    return (row.expected - row.seen) * max(inside / DAY, 0.0)
