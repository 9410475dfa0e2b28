"""`trends`: what accounts cost beside earlier months and quarters, on average, and where they are heading.

One rule: a figure that is not known is a dash, never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exporter.cli import show, work

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from exporter.store.comparisons import Average, Comparison
    from exporter.store.trends import Trend

SPEND_COLUMNS = ("account", "month", "same day", "change", "last month", "quarter", "change")
TREND_COLUMNS = ("account", "7 days", "30 days", "growth 7d", "30d", "90d", "trend", "$/day")
QUARTER = 3  # months
WINDOWS = (7, 30)


@dataclass(frozen=True, slots=True)
class Span:
    """The running month or quarter beside the one before."""

    so_far: Decimal
    same_day: Decimal | None  # the one before up to the same day
    change: float | None
    last: Decimal | None  # the one before, whole

    def facts(self) -> dict[str, Any]:
        """For a program. Money is text, so that it stays exact."""
        return {
            "so_far_usd": _exact(self.so_far),
            "same_day_usd": _exact(self.same_day),
            "change_ratio": self.change,
            "last_usd": _exact(self.last),
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One account, or everything."""

    name: str
    month: Span
    quarter: Span
    averages: tuple[Decimal | None, Decimal | None]  # dollars per day over 7 and 30 days
    trend: Trend | None

    def spend_cells(self) -> tuple[str, ...]:
        """As the first table shows it."""
        m, q = self.month, self.quarter
        amounts = (_money(m.so_far), _money(m.same_day), _share(m.change), _money(m.last))
        return self.name, *amounts, _money(q.so_far), _share(q.change)

    def trend_cells(self) -> tuple[str, ...]:
        """As the second table shows it."""
        averages = map(_money, self.averages)
        if (trend := self.trend) is None:
            return self.name, *averages, *["–"] * 5
        return self.name, *averages, *map(_share, trend.growth.values()), trend.state, f"{trend.slope:+,.2f}"

    def facts(self) -> dict[str, Any]:
        """For a program."""
        found = {
            "month": self.month.facts(),
            "quarter": self.quarter.facts(),
            **{f"avg{days}_usd": _exact(amount) for days, amount in zip(WINDOWS, self.averages, strict=True)},
            "growth": None,
            "trend": None,
        }
        if (t := self.trend) is not None:
            found["growth"] = t.growth
            found["trend"] = {
                "state": t.state,
                "usd_per_day": t.slope,
                "lower": t.lower,
                "upper": t.upper,
                "mean_usd": t.mean,
                "made_at": t.made_at.isoformat(),
            }
        return found


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(trends)


def trends(*, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Spend beside last month and quarter, averages, growth and trend: by account and in total, in US dollars.

    Accounts that cost nothing in this quarter and the last are left out of the list, not of the total.
    """
    with work.opened() as runtime:
        now = runtime.clock()
        lines = runtime.database.call(_lines, now)
    if as_json:
        accounts = {line.name: line.facts() for line in lines[:-1]}
        show.as_json({"as_of": now.isoformat(), "accounts": accounts, "total": lines[-1].facts() if lines else None})
    elif not lines:
        show.note("There are no figures yet: spend-exporter sync reads them.")
    else:
        _print(lines, now)


def _print(lines: Sequence[Line], now: datetime) -> None:
    show.say(f"To {show.moment(now)}. Change: to the same day of the month or quarter before.")
    show.table(SPEND_COLUMNS, [line.spend_cells() for line in lines], right=SPEND_COLUMNS[1:])
    show.say("\nComplete days: means per day, growth, and how much dearer each day gets ($/day).")
    right = tuple(name for name in TREND_COLUMNS[1:] if name != "trend")
    show.table(TREND_COLUMNS, [line.trend_cells() for line in lines], right=right)
    if all(line.trend is None for line in lines):
        show.note(
            "No trends of the last two days: they need 14 days of figures. spend-exporter analyse works them out."
        )


def _lines(db: Connection, now: datetime) -> list[Line]:
    """The accounts by name, and their total; nothing without figures."""
    from exporter.domain import day_of
    from exporter.publish.trends import present
    from exporter.store import comparisons

    today = day_of(now)
    month = today.replace(day=1)
    quarter = month.replace(month=(month.month - 1) // QUARTER * QUARTER + 1)
    months = comparisons.months(db, today, month)
    quarters = {row.account: row for row in comparisons.quarters(db, today, quarter)}
    days = comparisons.averages(db, today, today - timedelta(days=max(WINDOWS)))
    newest = {row.account: (row.avg7, row.avg30) for row in days}  # the last day of each wins
    known = {trend.subject.account: trend for trend in present(db, now, "account", "total")}
    lines = [
        Line(row.account, _span(row), _span(quarters[row.account]), newest.get(row.account, (None, None)),
             known.get(row.account))
        for row in months if quarters[row.account].amount or quarters[row.account].previous
    ]  # fmt: skip
    if not months:
        return []
    total = (_total(months, 1), _total([*quarters.values()], QUARTER), _mean(days, months, today))
    return [*lines, Line("total", *total, known.get(""))]


def _span(row: Comparison) -> Span:
    return Span(row.amount, row.previous_same_day, row.same_day_change, row.previous)


def _total(rows: Sequence[Comparison], months: int) -> Span:
    """All accounts together. What is new since counts as growth, unless everything is new."""
    from exporter.analytics.calendar import months_after

    same_day, last = (
        None if (known := [amount for amount in amounts if amount is not None]) == [] else sum(known, Decimal(0))
        for amounts in ([row.previous_same_day for row in rows], [row.previous for row in rows])
    )
    so_far = sum((row.amount for row in rows), Decimal(0))
    covered = min(row.first_day for row in rows) <= months_after(rows[0].start, -months)
    change = float(so_far / same_day - 1) if covered and same_day and same_day > 0 else None
    return Span(so_far, same_day, change, last)


def _mean(days: Sequence[Average], rows: Sequence[Comparison], today: date) -> tuple[Decimal | None, Decimal | None]:
    """Dollars per day of all accounts together, over 7 and 30 days or those since the first."""
    lived = (today - min(row.first_day for row in rows)).days
    if not lived:
        return None, None
    seven, thirty = (
        sum((row.amount for row in days if row.day >= today - timedelta(days=window)), Decimal(0)) / min(window, lived)
        for window in WINDOWS
    )
    return seven, thirty


def _money(amount: Decimal | None) -> str:
    """Cents only where they matter: two tables have to fit a screen."""
    if amount is None:
        return "–"
    return f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:,.2f}"


def _share(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:+,.0%}"


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.6f}"
