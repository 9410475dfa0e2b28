"""What each budget's current period is expected to come to: days from the last known one to the period's end."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from exporter.analytics.budget import period_of
from exporter.analytics.budget_path import Path, outlook_along, whole_days
from exporter.analytics.forecast import forecast
from exporter.analytics.forecast.model import LONGEST_HORIZON
from exporter.analytics.projection import History
from exporter.budgets import Budget
from exporter.domain import DAY, Period, floor_to
from exporter.insights.context import Context
from exporter.insights.projected import histories
from exporter.store import budget_outlooks as store
from exporter.store import budgets
from exporter.store.budget_outlooks import BudgetPath


def refresh(db: Connection, context: Context) -> int:
    """Store the paths of all budgets that something is known of. Returns how many."""
    known = budgets.every(db)
    found = [
        _path(db, known[subject.budget], past, context.now) for subject, past in histories(context.panel, "budget")
    ]
    paths = [path for path in found if path is not None]
    store.replace_day(db, context.panel.today, paths)
    return len(paths)


def _path(db: Connection, budget: Budget, past: History, now: datetime) -> BudgetPath | None:
    """None: its period has not begun, or ends too far away."""
    period = period_of(budget, now)
    if period is None:
        return None
    begins, until = whole_days(period)
    if (until - past.end).days > LONGEST_HORIZON:
        return None
    first = max(past.end, begins)
    path = _forecast(past, first, until)
    seen = budgets.spent(db, budget, Period(period.start, min(period.end, floor_to(now, DAY) + DAY)))
    found = outlook_along(path, seen, period, now)
    return BudgetPath(
        budget=budget.id,
        period_start=period.start,
        period_end=period.end,
        made_on=past.today,
        first_day=first,
        total=float(found.total),
        lower=float(found.total if found.lower is None else found.lower),  # 0 is a bound, too
        upper=float(found.total if found.upper is None else found.upper),
        days=[float(day) for day in path.days],
    )


def _forecast(past: History, first: date, until: date) -> Path:
    """The days from `first` on; the range of the whole stretch is cut to them."""
    made = forecast(past.values, (until - past.end).days, start=past.start)
    days = made.daily[(first - past.end).days :].tolist()
    share = len(days) / len(made.daily)
    down, up = (abs(bound - made.total) * share for bound in (made.total_lower, made.total_upper))
    return Path(first, tuple(map(Decimal, days)), (past.today - first).days, Decimal(down), Decimal(up))
