"""Exporter: are the figures coming in, and if not, what is in the way?"""

from __future__ import annotations

from grafana_foundation_sdk.models.common import VisibilityMode

from dashboards import program
from dashboards.board import Board, Fold, Panel, row
from dashboards.panels import bars, lines, number, rows
from dashboards.queries import ACCOUNTS, BUCKET, FIRST_DAY, LAST_DAY, latest, now_of, series_of, table_of
from dashboards.style import (
    AGE,
    GREEN,
    ORANGE,
    RATIO,
    RED,
    SECONDS,
    YELLOW,
    badge,
    bar,
    coloured,
    look,
    unit,
    wide,
)

RUNS = f"finished_at BETWEEN $__timeFrom() AND $__timeTo() AND {ACCOUNTS}"
_BUCKET = f"CASE WHEN {LAST_DAY} - {FIRST_DAY} <= 8 THEN 'hour' ELSE {BUCKET} END"
WHEN = f"date_trunc({_BUCKET}, finished_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
"""SQL: the bar a sync belongs to: an hour up to eight days, then as for money."""

SYNC = badge({"ok": GREEN, "failing": RED, "never": ORANGE})
OLD = unit(AGE, 0, 120)
TIME_OF = "time:MMM D, HH:mm"


def board() -> Board:
    """Whether it works, whose syncs do not, and how providers answer."""
    return Board(
        uid="spend-exporter",
        title="Exporter",
        question="Are the figures coming in, and if not, what is in the way?",
        shown=("provider", "team", "account"),
        since="now-7d",
        rows=(
            row(4, (4, program.up()), (4, program.database()), (5, _ages()), (5, _failing()), (6, program.series())),
            row(8, (15, _accounts()), (9, _syncs())),
            row(8, (6, _durations()), (6, _restated()), (6, program.requests()), (6, program.answers())),
            Fold("Failed syncs", (row(9, (24, _failures())),)),
            Fold("Reports", (row(10, (24, _reports())),)),
            Fold("The program itself", program.rows_of_panels()),
        ),
    )


def _ages() -> Panel:
    oldest = "time() - max({})"
    return number(
        "How old is what is shown",
        "Since the published figures were read from the database, and since forecasts, anomalies, trends and savings"
        " were last worked out.",
        now_of(oldest.format("spend_exporter_snapshot_timestamp_seconds"), "Figures"),
        now_of(oldest.format("spend_analysis_last_success_timestamp_seconds"), "Analysis"),
        unit=SECONDS,
        thresholds=[(None, GREEN), (26 * 3600, YELLOW), (36 * 3600, RED)],
    ).decimals(0)


def _failing() -> Panel:
    failures = latest("spend_sync_consecutive_failures", "provider", "account")
    data = latest("spend_data_latest_timestamp_seconds", "provider", "account")
    return number(
        "Accounts in trouble",
        "Accounts whose last sync failed, and accounts whose newest figures are older than 48 hours.",
        now_of(f"count({failures} > 0) or vector(0)", "Failing"),
        now_of(f"count(time() - max by (provider, account) ({data}) > 48 * 3600) or vector(0)", "Stale"),
        unit="none",
        thresholds=[(None, GREEN), (1, RED)],
    )


_ACCOUNTS = f"""
    SELECT a.account_id AS "Account", CASE WHEN s.consecutive_failures > 0 THEN 'failing'
             WHEN s.last_success_at IS NULL THEN 'never' ELSE 'ok' END AS "Sync",
           s.consecutive_failures AS "Failures",
           extract(epoch FROM now() - s.last_success_at) AS "Last success",
           extract(epoch FROM now() - max(r.latest_end)) AS "Data is old",
           min(r.settled_until) AS "Settled until",
           avg(CASE WHEN r.history_done THEN 1 WHEN r.account_id <> ''
             THEN least(1, extract(epoch FROM r.read_until - r.read_from)
             / nullif(extract(epoch FROM r.read_until - r.wanted_from), 0)) END) AS "History",
           s.failure_sentence AS "Why it fails"
    FROM (SELECT id AS account_id FROM accounts WHERE removed_at IS NULL) a
    LEFT JOIN sync_state s USING (account_id) LEFT JOIN report_state r USING (account_id)
    WHERE {ACCOUNTS}
    GROUP BY a.account_id, s.account_id ORDER BY s.consecutive_failures DESC NULLS LAST, 5 DESC NULLS FIRST
"""


def _accounts() -> Panel:
    return rows(
        "Accounts",
        "How each account's last sync went, how far its figures reach by its newest report, until when providers will"
        " hardly change them, and how much of the wanted history is stored.",
        table_of(_ACCOUNTS),
        fields={
            "Sync": SYNC + wide(85),
            "Failures": unit("none", 0, 80),
            "Last success": OLD,
            "Data is old": OLD,
            "Settled until": unit(TIME_OF, width=120),
            "History": bar(RATIO, 0, 110) + look(max=1),
            "Why it fails": look(custom__inspect=True),
        },
    )


def _syncs() -> Panel:
    return bars(
        "Syncs",
        "Syncs that ended, by provider, and failed ones by their reason; per hour up to eight days, then per day, week"
        " and month.",
        series_of(f"""
            SELECT {WHEN} AS time, CASE outcome WHEN 'ok' THEN provider ELSE 'failed: ' || reason END AS metric,
                   count(*) AS syncs
            FROM sync_runs JOIN accounts ON accounts.id = account_id WHERE {RUNS} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit="none",
        fields={"/^failed.*/": coloured(RED)},
    ).decimals(0)


def _durations() -> Panel:
    panel = lines(
        "How long syncs take",
        "The longest sync of each provider's accounts in each hour, day, week or month; a first sync reads the whole"
        " history.",
        series_of(f"""
            SELECT {WHEN} AS time, provider AS metric,
                   max(extract(epoch FROM finished_at - started_at))::float8 AS seconds
            FROM sync_runs JOIN accounts ON accounts.id = account_id WHERE {RUNS} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit=SECONDS,
    )
    return panel.min(0).show_points(VisibilityMode.AUTO)


def _restated() -> Panel:
    return bars(
        "Rows restated",
        "Stored rows that a provider changed or withdrew. The running day's rows change at every sync;"
        " much more than usual is a restatement.",
        series_of(f"""
            SELECT {WHEN} AS time, provider AS metric, sum(updated + deleted)::float8 AS rows
            FROM sync_runs JOIN accounts ON accounts.id = account_id WHERE {RUNS} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit="short",
    )


def _failures() -> Panel:
    return rows(
        "Syncs that failed",
        "The newest failed syncs of the time range, with the sentence that says what to do.",
        table_of(f"""
            SELECT finished_at AS "Ended", account_id AS "Account", trigger AS "Trigger", reason AS "Reason",
                   sentence AS "What happened"
            FROM sync_runs WHERE outcome <> 'ok' AND {RUNS} ORDER BY finished_at DESC LIMIT 500
        """),
        fields={
            "Ended": unit(TIME_OF, width=120),
            "Account": wide(160),
            "Trigger": wide(90),
            "Reason": wide(130),
            "What happened": look(custom__inspect=True),
        },
    ).no_value("No sync failed in this time")


def _reports() -> Panel:
    return rows(
        "How far each report reaches",
        "Read from and until: known without a gap. Settled until: not expected to change any more. Missing: why a"
        " report is not available.",
        table_of(f"""
            SELECT account_id AS "Account", report AS "Report", source AS "Source", read_from AS "Read from",
                   read_until AS "Read until", latest_end AS "Newest figures", settled_until AS "Settled until",
                   read_at AS "Last read", missing AS "Missing"
            FROM report_state WHERE {ACCOUNTS} ORDER BY 1, 2
        """),
        fields={
            "Source": wide(100),
            "Read from": unit("time:YYYY-MM-DD", width=110),
            "Read until": unit(TIME_OF, width=120),
            "Newest figures": unit(TIME_OF, width=130),
            "Settled until": unit(TIME_OF, width=120),
            "Last read": unit(TIME_OF, width=120),
        },
    )
