"""A store whose publication has a given number of series.

One rule: roll-ups are filled in bulk, in the shape that real syncs leave: money as billed and as estimated, tokens by
type, requests; a month to its middle, and today.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from exporter.store import accounts
from exporter.store.accounts import StoredAccount

ACCOUNTS = 10
DAYS_OF_MONTH = 15
PER_STREAM = 13
"""Series of one account × scope × model: dollars of three spans, three token types of two spans, three estimates, and
requests."""


def fill(db: Connection, series: int, today: date, days: int) -> int:
    """Write the roll-ups of `days` days up to `today`. Returns how many rows those are."""
    for number in range(ACCOUNTS):
        account = StoredAccount(id=f"filled-{number}", provider="openai", team="t", category="ai", disabled=True)
        accounts.add(db, account)
    scope = {
        "streams": series // PER_STREAM,
        "accounts": ACCOUNTS,
        "first": today - timedelta(days=days - 1),
        "today": today,
    }
    written = sum(db.execute(text(statement), scope).rowcount for statement in (_BILLED, _ESTIMATED, _USAGE))
    db.execute(text(_BEST), scope)
    return written


def settle(engine: Engine) -> None:
    """What autovacuum would have done by itself after a while."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))


def middle_of_month(today: datetime | None = None) -> date:
    """A day that is the fifteenth."""
    return (today or datetime.now(UTC)).date().replace(day=15)


_STREAMS = """
FROM (SELECT n, 'filled-' || n % :accounts AS account, 'proj_' || n / :accounts / 20 || 'QmPpZ7xTtAaLk3Rw' AS scope,
             'gpt-5.' || n / :accounts % 20 || '-2026-01-01' AS model FROM generate_series(0, :streams - 1) AS n) s
CROSS JOIN generate_series(CAST(:first AS date)::timestamp, CAST(:today AS date)::timestamp, interval '1 day') AS d
"""
_TOKEN_TYPES = "CROSS JOIN unnest(ARRAY['input', 'input_cache_read', 'output']) AS meter"
_BILLED = f"""
INSERT INTO daily_charges (account_id, day, source, report, meter, unit, model, scope, service_tier, amount_usd)
SELECT account, d::date, 'cost_api', 'costs', model || ', input', 'tokens', model, scope, '',
       (n * 7919 % 100000) / 1234.0 {_STREAMS}
"""
_ESTIMATED = f"""
INSERT INTO daily_charges (account_id, day, source, report, meter, unit, model, scope, service_tier, amount_usd)
SELECT account, d::date, 'priced_usage', 'usage/completions', meter, 'tokens', model, scope, 'default',
       (n * 7919 % 100000) / 4321.0 {_STREAMS} {_TOKEN_TYPES}
"""
_USAGE = f"""
INSERT INTO daily_usage (account_id, day, source, report, meter, unit, model, scope, service_tier, quantity)
SELECT account, d::date, 'usage_api', 'usage/completions', meter,
       CASE meter WHEN 'requests' THEN meter ELSE 'tokens' END, model, scope, 'default', n * 104729 % 9000000 {_STREAMS}
CROSS JOIN unnest(ARRAY['input', 'input_cache_read', 'output', 'requests']) AS meter
"""
_BEST = """
INSERT INTO best_days (account_id, day, source, stated, amount_usd)
SELECT account_id, day, 'cost_api', true, sum(amount_usd) FROM daily_charges WHERE source = 'cost_api' GROUP BY 1, 2
"""
