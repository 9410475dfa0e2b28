"""Savings, cache effects and unit costs, as the last analysis found them.

One rule: every write replaces what was there, and what was found more than two days ago is not shown any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

FRESH = timedelta(days=2)
"""Findings that are older say nothing of the present."""


class StoredSaving(NamedTuple):
    """One saving. `provider` is the account's."""

    provider: str
    account: str
    scope: str
    model: str
    kind: str
    usd_per_month: Decimal
    target: str
    sentence: str
    evidence: Mapping[str, Any]
    made_at: datetime


class StoredEffect(NamedTuple):
    """What caching did for one model of an account; money is `None` where no price is known."""

    provider: str
    account: str
    model: str
    hit_ratio: float
    saved_usd: Decimal | None
    lost_usd: Decimal | None


class UnitCost(NamedTuple):
    """Dollars and requests of one model in one scope: of everything, or of one value of a tag."""

    provider: str
    account: str
    scope: str
    model: str
    key: str  # '', 'feature', 'variant'
    value: str
    usd: Decimal
    requests: Decimal  # 0: not stated


class SavingRow(NamedTuple):
    """A saving as it is written."""

    account: str
    scope: str
    model: str
    kind: str
    usd_per_month: Decimal
    target: str
    sentence: str
    evidence: Mapping[str, Any]


class EffectRow(NamedTuple):
    """A cache effect as it is written."""

    account: str
    model: str
    hit_ratio: float
    saved_usd: Decimal | None
    lost_usd: Decimal | None


class UnitRow(NamedTuple):
    """A unit cost as it is written."""

    account: str
    scope: str
    model: str
    key: str
    value: str
    usd: Decimal
    requests: Decimal


def replace(
    db: Connection, now: datetime, savings: Iterable[SavingRow], effects: Iterable[EffectRow], units: Iterable[UnitRow]
) -> None:
    """Forget what the last analysis found; this is what there is now."""
    for table, rows in (("savings", savings), ("cache_effects", effects), ("unit_costs", units)):
        db.execute(text(f"DELETE FROM {table}"))
        values = [{**row._asdict(), "made_at": now} for row in rows]
        if values:
            db.execute(text(_insert(table, list(values[0]))), [_stored(value) for value in values])


def _insert(table: str, names: list[str]) -> str:
    columns = ", ".join("account_id" if name == "account" else name for name in names)
    binds = ", ".join(f"CAST(:{name} AS jsonb)" if name == "evidence" else f":{name}" for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({binds})"


def _stored(value: dict[str, Any]) -> dict[str, Any]:
    return value | ({"evidence": json.dumps(value["evidence"])} if "evidence" in value else {})


def found(db: Connection, now: datetime) -> list[StoredSaving]:
    """What would cost less, the largest first; nothing that was found more than two days ago."""
    rows = db.execute(
        text(
            "SELECT a.provider, s.account_id, s.scope, s.model, s.kind, s.usd_per_month, s.target, s.sentence,"
            " s.evidence, s.made_at FROM savings s JOIN accounts a ON a.id = s.account_id"
            " WHERE a.removed_at IS NULL AND s.made_at > :since ORDER BY s.usd_per_month DESC, 2, 3, 4, 5"
        ),
        {"since": now - FRESH},
    )
    return [StoredSaving(*row) for row in rows]


def effects(db: Connection, now: datetime) -> list[StoredEffect]:
    """What caching did, by account and model."""
    rows = db.execute(
        text(
            "SELECT a.provider, c.account_id, c.model, c.hit_ratio, c.saved_usd, c.lost_usd FROM cache_effects c"
            " JOIN accounts a ON a.id = c.account_id WHERE a.removed_at IS NULL AND c.made_at > :since ORDER BY 2, 3"
        ),
        {"since": now - FRESH},
    )
    return [StoredEffect(*row) for row in rows]


def per_request(db: Connection, now: datetime) -> list[tuple[str, str, str, Decimal]]:
    """(provider, account, model, dollars per request) where requests are stated."""
    rows = db.execute(
        text(
            "SELECT a.provider, u.account_id, u.model, sum(u.usd) / sum(u.requests) FROM unit_costs u"
            " JOIN accounts a ON a.id = u.account_id WHERE a.removed_at IS NULL AND u.made_at > :since"
            " AND u.key = '' AND u.model <> '' GROUP BY 1, 2, 3 HAVING sum(u.requests) > 0 ORDER BY 2, 3"
        ),
        {"since": now - FRESH},
    )
    return [(provider, account, model, usd) for provider, account, model, usd in rows]


def units(db: Connection, now: datetime) -> list[UnitCost]:
    """What was spent on how many requests."""
    rows = db.execute(
        text(
            "SELECT a.provider, u.account_id, u.scope, u.model, u.key, u.value, u.usd, u.requests FROM unit_costs u"
            " JOIN accounts a ON a.id = u.account_id WHERE a.removed_at IS NULL AND u.made_at > :since"
            " ORDER BY 2, u.key, u.value, u.usd DESC, 3, 4"
        ),
        {"since": now - FRESH},
    )
    return [UnitCost(*row) for row in rows]
