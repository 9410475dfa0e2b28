"""The borders of budget periods: dates in the budget's own zone, and the moments they begin.

One rule: the n-th border is counted from the first, never from the one before, so a period from the 31st is back at
the 31st after February.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from exporter.budgets import Budget

_FIRST = date(2024, 1, 1)  # a Monday, and the first day of a week, month, quarter and year
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def nth_start(budget: Budget, number: int) -> date:
    """The first day of the n-th period, counted from the one that `start` begins; negative numbers lie before it."""
    first = budget.start or _FIRST
    if budget.length is not None:
        count, in_months = budget.length.count, budget.length.unit == "months"
    else:
        count, in_months = _MONTHS.get(budget.period, 7), budget.period in _MONTHS
    return months_after(first, number * count) if in_months else first + timedelta(days=number * count)


def months_after(first: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def midnight(day: date, zone: tzinfo) -> datetime:
    """The moment a day begins, in UTC. Where clocks skip midnight, that is the moment they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
