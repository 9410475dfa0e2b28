"""What a publication reads: the present state of every account, by label. One rule: money comes from `best_charges`.

Large results are streamed in small portions: converting a hundred thousand rows at once would hold up the event loop.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

PORTION = 1_000
TOKENS = "f.unit = 'tokens' AND f.source <> 'analytics'"


class Spend(NamedTuple):
    """Dollars by the common labels; `source` in the words of the metrics."""

    provider: str
    account: str
    team: str
    scope: str
    model: str
    category: str
    source: str
    today: Decimal | None
    yesterday: Decimal | None
    month_to_date: Decimal | None


class Tokens(NamedTuple):
    """Tokens, or the dollars they are estimated at, by token type."""

    provider: str
    account: str
    team: str
    scope: str
    model: str
    token_type: str
    service_tier: str
    today: Decimal | None
    month_to_date: Decimal | None


class Requests(NamedTuple):
    """Requests of today."""

    provider: str
    account: str
    team: str
    scope: str
    model: str
    today: Decimal


class PreviousMonth(NamedTuple):
    """Dollars of the previous month, whole and up to the same day."""

    provider: str
    account: str
    team: str
    category: str
    whole: Decimal
    same_day: Decimal | None


class AccountFigures(NamedTuple):
    """One live account: who it is and how its syncs go."""

    provider: str
    account: str
    name: str
    team: str
    category: str
    disabled: bool
    last_success_at: datetime | None
    last_duration: float | None
    consecutive_failures: int
    failure_reason: str
    failure_sentence: str
    syncing: bool


class ReportFigures(NamedTuple):
    """How far one report of one account reaches."""

    provider: str
    account: str
    report: str
    latest_end: datetime | None
    settled_until: datetime
    progress: float


@dataclass(frozen=True, slots=True)
class Calendar:
    """The UTC dates that figures refer to."""

    today: date

    @property
    def yesterday(self) -> date:
        return self.today - timedelta(days=1)

    @property
    def month(self) -> date:
        return self.today.replace(day=1)

    @property
    def previous_month(self) -> date:
        return (self.month - timedelta(days=1)).replace(day=1)

    @property
    def same_day(self) -> date:
        """The previous month's day with today's number, or its last."""
        return min(self.previous_month + timedelta(days=self.today.day - 1), self.month - timedelta(days=1))

    def binds(self) -> dict[str, date]:
        """For the statements below."""
        names = ("today", "yesterday", "month", "previous_month", "same_day")
        return {name: getattr(self, name) for name in names}


def spend(db: Connection, calendar: Calendar) -> Iterator[Spend]:
    """Today, yesterday and month to date."""
    rows = _stream(
        db,
        "SELECT provider, account_id, team, scope, model, category,"
        " CASE source WHEN 'cost_api' THEN 'api' WHEN 'invoice' THEN 'import' WHEN 'priced_usage' THEN 'estimate'"
        "  ELSE source END AS source,"
        " sum(amount_usd) FILTER (WHERE day = :today), sum(amount_usd) FILTER (WHERE day = :yesterday),"
        " sum(amount_usd) FILTER (WHERE day >= :month)"
        " FROM best_charges WHERE day BETWEEN least(:month, :yesterday) AND :today GROUP BY 1, 2, 3, 4, 5, 6, 7",
        calendar.binds(),
        labels=7,
    )
    return map(Spend._make, rows)


def previous_month(db: Connection, calendar: Calendar) -> list[PreviousMonth]:
    """By account."""
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, a.team, a.category, sum(b.amount_usd),"
            " sum(b.amount_usd) FILTER (WHERE day <= :same_day)"
            " FROM best_days b JOIN accounts a ON a.id = b.account_id"
            " WHERE day >= :previous_month AND day < :month GROUP BY 1, 2, 3, 4"
        ),
        calendar.binds(),
    )
    return [PreviousMonth(*row) for row in rows]


def tokens(db: Connection, calendar: Calendar) -> Iterator[Tokens]:
    """Token counts of today and of the month."""
    return _by_token_type(db, calendar, "daily_usage", "quantity", TOKENS)


def estimates(db: Connection, calendar: Calendar) -> Iterator[Tokens]:
    """Token usage at list prices, in dollars."""
    return _by_token_type(db, calendar, "daily_charges", "amount_usd", "f.source = 'priced_usage'")


def _by_token_type(db: Connection, calendar: Calendar, table: str, figure: str, condition: str) -> Iterator[Tokens]:
    rows = _stream(
        db,
        "SELECT a.provider, f.account_id, a.team, f.scope, f.model, f.meter, f.service_tier,"
        f" sum(f.{figure}) FILTER (WHERE f.day = :today), sum(f.{figure})"
        f" FROM {table} f JOIN accounts a ON a.id = f.account_id"
        f" WHERE f.day BETWEEN :month AND :today AND {condition} GROUP BY 1, 2, 3, 4, 5, 6, 7",
        calendar.binds(),
        labels=7,
    )
    return map(Tokens._make, rows)


def requests(db: Connection, calendar: Calendar) -> Iterator[Requests]:
    """Requests of today."""
    rows = _stream(
        db,
        "SELECT a.provider, f.account_id, a.team, f.scope, f.model, sum(f.quantity)"
        " FROM daily_usage f JOIN accounts a ON a.id = f.account_id"
        " WHERE f.day = :today AND f.meter = 'requests' AND f.source <> 'analytics' GROUP BY 1, 2, 3, 4, 5",
        calendar.binds(),
        labels=5,
    )
    return map(Requests._make, rows)


def unpriced_tokens(
    db: Connection, calendar: Calendar, priced: Sequence[tuple[str, str]]
) -> list[tuple[str, str, Decimal]]:
    """(provider, model, tokens of the month) that no price is known for. `priced`: (provider, report) pairs."""
    rows = db.execute(
        text(
            "SELECT a.provider, f.model, sum(f.quantity) FROM daily_usage f JOIN accounts a ON a.id = f.account_id"
            " LEFT JOIN daily_charges c ON c.source = 'priced_usage' AND (c.account_id, c.day, c.report, c.meter,"
            "  c.unit, c.model, c.scope, c.service_tier) = (f.account_id, f.day, f.report, f.meter, f.unit, f.model,"
            "  f.scope, f.service_tier)"
            f" WHERE f.day BETWEEN :month AND :today AND {TOKENS} AND c.account_id IS NULL"
            " AND a.provider || ' ' || f.report = ANY(:priced) GROUP BY 1, 2"
        ),
        {**calendar.binds(), "priced": [" ".join(pair) for pair in priced]},
    )
    return [(provider, model, quantity) for provider, model, quantity in rows]


def ledger(db: Connection) -> list[tuple[str, str, str, Decimal, Decimal]]:
    """(provider, account, counter, recognized, reversed); the counter is 'usd' or a token type."""
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, l.counter, l.recognized, l.reversed"
            " FROM ledger l JOIN accounts a ON a.id = l.account_id ORDER BY 1, 2, 3"
        )
    )
    return [(provider, account, counter, up, down) for provider, account, counter, up, down in rows]


def burn_rates(db: Connection, calendar: Calendar, days: int) -> list[tuple[str, str, Decimal]]:
    """(provider, account, dollars per day) over the last `days` whole days, or those there are."""
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, coalesce(sum(b.amount_usd) FILTER (WHERE b.day >= :today - :days), 0)"
            " / least(:days, :today - min(b.day))"
            " FROM best_days b JOIN accounts a ON a.id = b.account_id"
            " WHERE b.day < :today AND a.removed_at IS NULL GROUP BY 1, 2"
        ),
        {"today": calendar.today, "days": days},
    )
    return [(provider, account, rate) for provider, account, rate in rows]


def reconciliation(db: Connection, calendar: Calendar) -> list[tuple[str, str, Decimal]]:
    """(provider, account, billed ÷ estimated) over the settled days of the last 30 that have both."""
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, sum(billed) / nullif(sum(estimated), 0) FROM"
            " (SELECT account_id, day, sum(amount_usd) FILTER (WHERE source = 'cost_api') AS billed,"
            "   sum(amount_usd) FILTER (WHERE source = 'priced_usage') AS estimated"
            "  FROM daily_charges WHERE day >= :today - 30 AND day < :today GROUP BY 1, 2) d"
            " JOIN accounts a ON a.id = d.account_id JOIN settled_accounts s ON s.account_id = a.id"
            " WHERE billed IS NOT NULL AND estimated IS NOT NULL"
            " AND (day + 1)::timestamp AT TIME ZONE 'UTC' <= s.settled_until"
            " GROUP BY 1, 2 HAVING sum(estimated) > 0"
        ),
        {"today": calendar.today},
    )
    return [(provider, account, ratio) for provider, account, ratio in rows]


def account_figures(db: Connection) -> list[AccountFigures]:
    """Every account that was not removed."""
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, a.name, a.team, a.category, a.disabled, s.last_success_at, s.last_duration,"
            " s.consecutive_failures, s.failure_reason, s.failure_sentence, coalesce(s.lease_expires_at > now(), false)"
            " FROM accounts a JOIN sync_state s ON s.account_id = a.id WHERE a.removed_at IS NULL ORDER BY 1, 2"
        )
    )
    return [AccountFigures(*row) for row in rows]


def scope_names(db: Connection) -> list[tuple[str, str, str, str]]:
    """(provider, account, scope, name)."""
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, n.id, n.name FROM names n JOIN accounts a ON a.id = n.account_id"
            " WHERE n.kind = 'scope' AND a.removed_at IS NULL ORDER BY 1, 2, 3"
        )
    )
    return [(provider, account, scope, name) for provider, account, scope, name in rows]


def report_figures(db: Connection) -> list[ReportFigures]:
    """How far each report reaches. Reports that an account does not have are left out."""
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, r.report, r.latest_end, r.settled_until,"
            " CASE WHEN r.history_done OR r.read_from <= r.wanted_from THEN 1 ELSE greatest(0, least(1,"
            "  extract(epoch FROM r.read_until - r.read_from)"
            "  / extract(epoch FROM r.read_until - r.wanted_from))) END::float8"
            " FROM report_state r JOIN accounts a ON a.id = r.account_id"
            " WHERE a.removed_at IS NULL AND r.missing = '' ORDER BY 1, 2, 3"
        )
    )
    return [ReportFigures(*row) for row in rows]


def kept_series(db: Connection) -> dict[str, frozenset[tuple[str, ...]]]:
    """The label sets that stayed under the cap last time, by metric."""
    rows = db.execute(text("SELECT metric, labels FROM kept_series"))
    return {metric: frozenset(map(tuple, labels)) for metric, labels in rows}


def keep_series(db: Connection, kept: Mapping[str, Collection[tuple[str, ...]]]) -> None:
    """Note the label sets that stay; a metric without any needs no memory."""
    for metric, labels in kept.items():
        db.execute(
            text(
                "INSERT INTO kept_series (metric, labels) VALUES (:metric, CAST(:labels AS jsonb))"
                " ON CONFLICT (metric) DO UPDATE SET labels = excluded.labels"
            ),
            {"metric": metric, "labels": json.dumps(sorted(labels))},
        )


def _stream(db: Connection, statement: str, parameters: Mapping[str, Any], *, labels: int) -> Iterator[tuple[Any, ...]]:
    """The rows. Their first so many columns are texts that repeat in every row: equal ones become one object."""
    same = dict[str, str]().setdefault
    rows = db.execute(text(statement).execution_options(yield_per=PORTION), parameters)
    return ((*[same(label, label) for label in row[:labels]], *row[labels:]) for row in rows)
