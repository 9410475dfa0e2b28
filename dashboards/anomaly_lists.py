"""Lists of anomalies and marks on charts, for Anomalies. One rule: what the books no longer show is left out."""

from __future__ import annotations

from dashboards.board import Panel
from dashboards.panels import rows
from dashboards.queries import ACCOUNTS, DAYS, FIRST_DAY, LAST_DAY, MODELS, SCOPES, moment, table_of
from dashboards.style import GREEN, GREY, RED, SEVERITY_BADGE, USD, badge, look, unit, wide

VERDICTS = {"open": GREY, "confirmed": RED, "dismissed": GREEN, "expected": GREEN}

# An anomaly of all accounts together has no account: it is shown while nothing is picked.
WHOSE = (
    "CASE level WHEN 'total' THEN $$${provider:regex}|${account:regex}|${team:regex}$$ = '.*|.*|.*'"
    f" ELSE {ACCOUNTS} END AND {MODELS} AND {SCOPES}"
)
SHOWN = f"withdrawn_at IS NULL AND family <> 'requests' AND {DAYS} AND {WHOSE}"
"""SQL: anomalies of money that began within the time range and that the books still show."""

NAMES = """
    LEFT JOIN LATERAL (
      SELECT name FROM names WHERE kind = 'scope' AND id = anomalies.scope AND names.account_id = anomalies.account_id
    ) n ON true
"""
SUBJECT = (
    "concat_ws(' / ', coalesce(nullif(account_id, ''), 'everything'), coalesce(n.name, nullif(scope, '')),"
    " nullif(model, ''))"
)
"""SQL: what an anomaly is of, in words; needs `NAMES`."""


def unusual() -> Panel:
    """The list, with the reasons."""
    return rows(
        "What was unusual, and why",
        "Anomalies that began within the time range, the newest first. Indented are parts of the incident above. Judge"
        " one with `spend-exporter anomalies`.",
        table_of(f"""
            SELECT to_char(day, 'YYYY-MM-DD') AS "Day", until - day + 1 AS "Days", severity AS "Severity",
                   CASE WHEN part_of IS NULL THEN '' ELSE '└ ' END || {SUBJECT} AS "Of",
                   replace(became, '_', ' ') AS "Kind", cost AS "Cost", expected AS "Expected",
                   '$' || round(lower::numeric) || '–' || round(upper::numeric) AS "Usual",
                   total_excess AS "Excess", score AS "Score", explanation AS "Why",
                   coalesce(nullif(verdict, ''), 'open') AS "Judged", anomalies.id AS "No."
            FROM anomalies {NAMES}
            WHERE {SHOWN}
            ORDER BY day DESC, coalesce(part_of, anomalies.id) DESC, part_of NULLS FIRST, abs(total_excess) DESC
            LIMIT 200
        """),
        fields={
            "Day": wide(95),
            "Days": wide(55),
            "Severity": SEVERITY_BADGE + wide(85),
            "Of": wide(260),
            "Kind": wide(90),
            **dict.fromkeys(("Cost", "Expected", "Excess"), unit(USD, 2, 92)),
            "Usual": wide(105),
            "Score": unit("none", 1, 62),
            "Why": look(custom__inspect=True),
            "Judged": badge(VERDICTS) + wide(95),
            "No.": wide(50),
        },
    )


def requests() -> Panel:
    """What was unusual about requests."""
    return rows(
        "Requests without cost",
        "Requests that rose or fell far beyond the usual, whether or not money followed.",
        table_of(f"""
            SELECT to_char(day, 'YYYY-MM-DD') AS "Day", severity AS "Severity", {SUBJECT} AS "Of", cost AS "Requests",
                   expected AS "Expected", score AS "Score", explanation AS "Why"
            FROM anomalies {NAMES}
            WHERE withdrawn_at IS NULL AND family = 'requests' AND {DAYS} AND {WHOSE} ORDER BY day DESC LIMIT 100
        """),
        fields={
            "Day": wide(95),
            "Severity": SEVERITY_BADGE + wide(85),
            **dict.fromkeys(("Requests", "Expected"), unit("short", 1, 90)),
            "Score": unit("none", 1, 62),
        },
    )


def planned() -> Panel:
    """What people announced."""
    return rows(
        "Announced changes",
        "What people said would change, so that it counts as expected. Announce one with `spend-exporter anomalies`.",
        table_of(f"""
            SELECT first_day::text AS "From", last_day::text AS "To", account_id AS "Account", scope AS "Scope",
                   model AS "Model", note AS "Note", planned_by AS "By"
            FROM planned_changes
            WHERE {ACCOUNTS} AND last_day >= {FIRST_DAY} AND first_day <= {LAST_DAY} ORDER BY first_day DESC
        """),
        fields={"From": wide(95), "To": wide(95)},
    )


def announced() -> str:
    """Announced changes as marks."""
    return f"""
        SELECT {moment("first_day")} AS time, {moment("last_day + 1")} AS timeend, account_id || ': ' || note AS text,
               'announced' AS tags
        FROM planned_changes WHERE {ACCOUNTS} AND last_day >= {FIRST_DAY} AND first_day <= {LAST_DAY}
    """
