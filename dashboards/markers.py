"""Annotations on time series: what is unusual, what people entered, what a provider changed afterwards.

One rule: a marker stands at the day whose figure it explains, not at the moment somebody noticed. What lasts longer
than a week is marked where it begins, or it would tint the whole chart.
"""

from __future__ import annotations

from dashboards.board import Markers
from dashboards.queries import ACCOUNTS, FIRST_DAY, LAST_DAY, SOURCES, moment
from dashboards.style import FORECAST, MANUAL, RED

_RANGE = f"day <= {LAST_DAY} AND until >= {FIRST_DAY}"

ANOMALIES = Markers(
    "Anomalies",
    f"""
    SELECT {moment("day")} AS time,
           {moment("CASE WHEN until - day < 7 THEN until ELSE day END + 1")} AS timeend,
           'Anomaly: ' || explanation AS text,
           concat_ws(',', 'anomaly', became, severity, nullif(account_id, '')) AS tags
    FROM anomalies
    WHERE {_RANGE} AND withdrawn_at IS NULL AND part_of IS NULL AND planned IS NULL
      AND verdict NOT IN ('dismissed', 'expected') AND severity <> 'low' AND (account_id = '' OR {ACCOUNTS})
    """,
    RED,
)

ENTRIES = Markers(
    "Manual entries",
    f"""
    SELECT greatest({moment("day")}, $__timeFrom()::timestamptz) AS time,
           account_id || ': $' || to_char(usd, 'FM999,999,990.00') || CASE source
             WHEN 'manual' THEN ' entered by hand' WHEN 'invoice' THEN ' by invoice' ELSE ' imported' END
             || ' for ' || to_char(day, 'YYYY-MM-DD') || ' to ' || to_char(until, 'YYYY-MM-DD') AS text,
           'entry,' || source AS tags
    FROM (
      SELECT account_id, source, min(day) AS day, max(day) AS until, sum(amount_usd) AS usd FROM best_days
      WHERE source IN ('manual', 'import', 'invoice')
        AND day BETWEEN date_trunc('month', {FIRST_DAY}::timestamp)::date AND {LAST_DAY}
        AND {SOURCES} AND {ACCOUNTS}
      GROUP BY account_id, source, date_trunc('month', day::timestamp)
    ) entries WHERE {_RANGE}
    """,
    MANUAL,
)

# A day's last known figure while it was young; after two days providers hold it to be settled.
RESTATEMENTS = Markers(
    "Restatements",
    f"""
    SELECT {moment("day")} AS time,
           account_id || ' restated: $' || to_char(seen.usd, 'FM999,999,990.00') || ' after ' || seen.age_hours / 24
             || ' days, $' || to_char(best_days.amount_usd, 'FM999,999,990.00') || ' now' AS text,
           'restatement' AS tags
    FROM (
      SELECT DISTINCT ON (account_id, day) account_id, day, age_hours, amount_usd AS usd FROM arrivals
      WHERE age_hours >= 48 AND day BETWEEN {FIRST_DAY} AND {LAST_DAY} AND {ACCOUNTS}
      ORDER BY account_id, day, age_hours DESC
    ) seen JOIN best_days USING (account_id, day)
    WHERE abs(best_days.amount_usd - seen.usd) > greatest(1, 0.01 * seen.usd)
    """,
    FORECAST,
)

MARKERS = (ANOMALIES, ENTRIES, RESTATEMENTS)
"""For every dashboard that draws money over time and shows provider, account, team and source."""
