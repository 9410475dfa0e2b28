"""What every source says of each account and month, side by side, for reconciliation.

One rule: only daily roll-ups are read, so months past the retention can still be reconciled.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text


class MonthRow(NamedTuple):
    """One row of the view `reconciliation`; a sum is None where that source says nothing of the month."""

    account: str
    provider: str
    month: date
    settled_until: datetime | None
    billed_from: datetime | None
    billed: Decimal | None
    estimated: Decimal | None
    invoiced: Decimal | None
    entered: Decimal | None
    billed_days: int
    estimated_days: int
    billed_only_days: int
    estimated_only_days: int
    settled_billed: Decimal | None
    settled_estimated: Decimal | None


class PartRow(NamedTuple):
    """Money of one month by what it is for, and by what is known of its days.

    `days`: ``unsettled``, or of settled days ``both``, ``billed`` (no estimate) or ``estimated`` (no bill).
    """

    account: str
    month: date
    days: str
    model: str
    meter: str
    unit: str
    billed: Decimal
    credited: Decimal
    estimated: Decimal


class Unpriced(NamedTuple):
    """Tokens of one month that no list price is known for."""

    account: str
    month: date
    model: str
    tokens: Decimal


class Difference(NamedTuple):
    """The newest invoice of an account, and the bill of the same month."""

    provider: str
    account: str
    month: date
    invoiced: Decimal
    billed: Decimal


def months(db: Connection, since: date, end: date, account: str = "") -> list[MonthRow]:
    """The months that begin in [since, end), by account and month."""
    rows = db.execute(
        text(
            "SELECT account_id, provider, month, settled_until, billed_from, billed, estimated, invoiced, entered,"
            " billed_days, estimated_days, billed_only_days, estimated_only_days, settled_billed, settled_estimated"
            f" FROM reconciliation WHERE month >= :since AND month < :end AND {_WHOSE} ORDER BY 1, 3"
        ),
        {"since": since, "end": end, "account": account},
    )
    return [MonthRow(*row) for row in rows]


def parts(db: Connection, since: date, end: date, account: str = "") -> list[PartRow]:
    """The bill and the estimate of days in [since, end), taken apart."""
    rows = db.execute(
        text(
            "WITH f AS (SELECT *, bool_or(source = 'cost_api') OVER a_day AS has_bill,"
            "  bool_or(source = 'priced_usage') OVER a_day AS has_estimate FROM daily_charges"
            f"  WHERE day >= :since AND day < :end AND source IN ('cost_api', 'priced_usage') AND {_WHOSE}"
            "  WINDOW a_day AS (PARTITION BY account_id, day))"
            " SELECT f.account_id, date_trunc('month', f.day::timestamp)::date,"
            " CASE WHEN NOT coalesce((f.day + 1)::timestamp AT TIME ZONE 'UTC' <= s.settled_until, false)"
            "  THEN 'unsettled' WHEN has_bill AND has_estimate THEN 'both' WHEN has_bill THEN 'billed'"
            "  ELSE 'estimated' END, f.model, f.meter, f.unit,"
            " coalesce(sum(f.amount_usd) FILTER (WHERE f.source = 'cost_api' AND f.amount_usd > 0), 0),"
            " coalesce(sum(f.amount_usd) FILTER (WHERE f.source = 'cost_api' AND f.amount_usd < 0), 0),"
            " coalesce(sum(f.amount_usd) FILTER (WHERE f.source = 'priced_usage'), 0)"
            " FROM f LEFT JOIN settled_accounts s ON s.account_id = f.account_id"
            " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6"
        ),
        {"since": since, "end": end, "account": account},
    )
    return [PartRow(*row) for row in rows]


def unpriced(
    db: Connection, since: date, end: date, priced: Sequence[tuple[str, str]], account: str = ""
) -> list[Unpriced]:
    """Tokens of days in [since, end) without a price. `priced`: the (provider, report) pairs that should have one."""
    rows = db.execute(
        text(
            "SELECT f.account_id, date_trunc('month', f.day::timestamp)::date, f.model, sum(f.quantity)"
            " FROM daily_usage f JOIN accounts a ON a.id = f.account_id"
            " LEFT JOIN daily_charges c ON c.source = 'priced_usage' AND (c.account_id, c.day, c.report, c.meter,"
            "  c.unit, c.model, c.scope, c.service_tier) = (f.account_id, f.day, f.report, f.meter, f.unit, f.model,"
            "  f.scope, f.service_tier)"
            " WHERE f.day >= :since AND f.day < :end AND f.unit = 'tokens' AND f.source <> 'analytics'"
            " AND c.account_id IS NULL AND a.provider || ' ' || f.report = ANY(:priced)"
            " AND :account IN ('', f.account_id) GROUP BY 1, 2, 3 HAVING sum(f.quantity) > 0 ORDER BY 1, 2, 4 DESC, 3"
        ),
        {"since": since, "end": end, "account": account, "priced": [" ".join(pair) for pair in priced]},
    )
    return [Unpriced(*row) for row in rows]


def differences(db: Connection) -> list[Difference]:
    """The newest month with an invoice of every account that has a bill of that month."""
    rows = db.execute(
        text(
            "SELECT r.provider, r.account_id, r.month, r.invoiced, r.billed FROM"
            " (SELECT account_id, date_trunc('month', max(day)::timestamp)::date AS month FROM daily_charges"
            "  WHERE source = 'invoice' GROUP BY 1) newest JOIN accounts a ON a.id = newest.account_id"
            " JOIN reconciliation r ON r.account_id = newest.account_id AND r.month = newest.month"
            " WHERE a.removed_at IS NULL AND r.billed IS NOT NULL ORDER BY 1, 2"
        )
    )
    return [Difference(*row) for row in rows]


_WHOSE = ":account IN ('', account_id)"
