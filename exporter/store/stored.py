"""Facts read back, to be priced again. One rule: what comes out is what went in, dimension by dimension."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, text

from exporter.domain import Charge, Dimensions, Period, Source, Usage

PORTION = 5_000
_DIMENSIONS = "period_start, period_end, meter, unit, model, scope, api_key, service_tier, tags"
_HERE = "account_id = :account AND report = :report AND period_start >= :start AND period_start < :end"


def extent(db: Connection, account: str, report: str) -> Period | None:
    """From the first to the last stored usage of a report; None: there is none."""
    start, end = db.execute(
        text("SELECT min(period_start), max(period_end) FROM usage WHERE account_id = :account AND report = :report"),
        {"account": account, "report": report},
    ).one()
    return Period(start, end) if start is not None else None


def usage(db: Connection, account: str, report: str, window: Period) -> Iterator[Usage]:
    """The stored usage of one report, in portions. Activity that overlaps other reports is never priced."""
    rows = _stream(
        db,
        f"SELECT {_DIMENSIONS}, quantity FROM usage WHERE {_HERE} AND source <> :analytics",
        account,
        report,
        window,
        analytics=Source.ANALYTICS,
    )
    return (Usage(*_place(row), row.quantity) for row in rows)


def stated_charges(
    db: Connection, account: str, report: str, window: Period
) -> Iterator[tuple[Charge, Source, Decimal]]:
    """Every stored charge of the report that is *not* priced usage, with its source and its dollars."""
    rows = _stream(
        db,
        f"SELECT {_DIMENSIONS}, amount, currency, source, amount_usd FROM charges WHERE {_HERE}"
        " AND source <> :estimate",
        account,
        report,
        window,
        estimate=Source.PRICED_USAGE,
    )
    return ((Charge(*_place(row), row.amount, row.currency), Source(row.source), row.amount_usd) for row in rows)


def estimates_by_month(db: Connection, account: str) -> dict[date, Decimal]:
    """Dollars of priced usage by the first day of the month."""
    rows = db.execute(
        text(
            "SELECT date_trunc('month', day::timestamp)::date, sum(amount_usd) FROM daily_charges"
            " WHERE account_id = :account AND source = :estimate GROUP BY 1 ORDER BY 1"
        ),
        {"account": account, "estimate": Source.PRICED_USAGE},
    )
    return {month: usd for month, usd in rows}  # noqa: C416 (a row is no pair to the type checker)


def _place(row: Row[Any]) -> tuple[Period, Dimensions]:
    start: datetime = row.period_start
    tags = tuple(sorted(row.tags.items()))
    dimensions = Dimensions(row.meter, row.unit, row.model, row.scope, row.api_key, row.service_tier, tags)
    return Period(start, row.period_end), dimensions


def _stream(
    db: Connection, statement: str, account: str, report: str, window: Period, **more: object
) -> Iterator[Row[Any]]:
    binds = {"account": account, "report": report, "start": window.start, "end": window.end, **more}
    # On the statement: set on the connection it would hold for what follows in the transaction too.
    return iter(db.execute(text(statement).execution_options(yield_per=PORTION), binds))
