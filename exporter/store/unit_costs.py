"""Estimated dollars and requests lately: by model, and by the tags `feature`, `experiment` and `variant`.

One rule: dollars and requests are of the same complete days in [since, today), and of accounts that are still there.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

from exporter.store.consumption import LIVE, span


class Units(NamedTuple):
    """Estimated dollars and requests: of everything (key ''), of a feature, of an experiment's variant."""

    account: str
    scope: str
    model: str
    key: str
    value: str
    source: str
    usd: Decimal
    requests: Decimal


def units(db: Connection, since: date, today: date) -> list[Units]:
    """Estimated dollars and requests of every model in every scope."""
    rows = db.execute(
        text(
            "SELECT account_id, scope, model, '', '', 'priced_usage', usd, coalesce(requests, 0) FROM"
            " (SELECT account_id, scope, model, sum(amount_usd) AS usd FROM daily_charges"
            "   WHERE source = 'priced_usage' AND day >= :since AND day < :today GROUP BY 1, 2, 3) c"
            " LEFT JOIN (SELECT account_id, scope, model, sum(quantity) AS requests FROM daily_usage"
            "   WHERE meter = 'requests' AND source <> 'analytics' AND day >= :since AND day < :today"
            "   GROUP BY 1, 2, 3) u"
            f" USING (account_id, scope, model) WHERE account_id {LIVE} ORDER BY 1, 2, 3"
        ),
        {"since": since, "today": today},
    )
    return [Units(*row) for row in rows]


def tagged_units(db: Connection, since: date, today: date) -> list[Units]:
    """The same by feature and by variant; where requests were reported one by one, their own money counts."""
    rows = db.execute(
        text(
            "SELECT DISTINCT ON (account_id, scope, model, key, value)"
            " account_id, scope, model, key, value, source, usd, coalesce(requests, 0)"
            f" FROM ({_tagged('charges', 'sum(amount_usd) AS usd')}"
            "  AND source IN ('request', 'priced_usage') GROUP BY 1, 2, 3, 4, 5, 6) c LEFT JOIN"
            " (SELECT account_id, scope, model, key, value, max(requests) AS requests FROM"
            f"  ({_tagged('usage', 'sum(quantity) AS requests')} AND meter = 'requests' AND source <> 'analytics'"
            "   GROUP BY 1, 2, 3, 4, 5, 6) s GROUP BY 1, 2, 3, 4, 5) u USING (account_id, scope, model, key, value)"
            f" WHERE account_id {LIVE} ORDER BY account_id, scope, model, key, value, source DESC"
        ),
        span(since, today),
    )
    return [Units(*row) for row in rows]


def _tagged(table: str, figure: str) -> str:
    return (
        f"SELECT account_id, scope, model, t.key, t.value, source, {figure} FROM {table},"
        " LATERAL (VALUES ('feature', tags ->> 'feature'),"
        "  ('variant', nullif(concat_ws('/', tags ->> 'experiment', tags ->> 'variant'), ''))) t (key, value)"
        " WHERE tags ?| ARRAY['feature', 'experiment', 'variant'] AND t.value <> ''"
        " AND period_start >= :start AND period_start < :end"
    )
