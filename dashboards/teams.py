"""Teams & projects: who spent what, and what is charged to whom?"""

from __future__ import annotations

from grafana_foundation_sdk.models.common import BigValueTextMode

from dashboards.board import Board, Fold, Panel, board_url, row
from dashboards.markers import MARKERS
from dashboards.panels import bars, number, rows, shares
from dashboards.queries import CHARGES, DAYS, FIRST_DAY, LAST_DAY, SOURCE, SPEND, TIME, series_of, table_of
from dashboards.style import CENTS, GREEN, ORANGE, RATIO, SOURCE_BADGE, bar, link, look, money, unit, wide

TEAM = "coalesce(nullif(team, ''), '(no team)')"
BEFORE = f"day < {FIRST_DAY}"
BOTH = f"day BETWEEN {FIRST_DAY} - ({LAST_DAY} - {FIRST_DAY} + 1) AND {LAST_DAY}"
"""SQL: the time range, and as many days before it."""

SUM = look(custom__footer={"reducers": ["sum"]})
"""The column's sum below it, from Grafana 12.2 on."""

CHANGE = unit(RATIO, 0, 90)


def board() -> Board:
    """Teams in figures and over time, then the table to charge by."""
    return Board(
        uid="spend-teams",
        title="Teams & projects",
        question="Who spent what, and what is charged to whom?",
        shown=("provider", "team", "account", "scope", "model", "source"),
        markers=MARKERS,
        rows=(
            row(4, (6, _spent()), (6, _without_team()), (6, _dearest()), (6, _provisional())),
            row(7, (15, _daily()), (9, _parts())),
            row(9, (12, _chargeback()), (12, _projects())),
            Fold("Month by month", (row(10, (24, _months())),)),
        ),
    )


def _spent() -> Panel:
    return number(
        "Spent",
        "Charges within the time range, each account and day counted once.",
        table_of(f"SELECT sum(amount_usd) AS usd FROM {SPEND} WHERE {DAYS}"),
    )


def _without_team() -> Panel:
    return number(
        "Without a team",
        "Share of the charges of accounts that have no team. Give them one: `team:` in the configuration.",
        table_of(f"""
            SELECT coalesce(sum(amount_usd) FILTER (WHERE team = ''), 0) / nullif(sum(amount_usd), 0) AS share
            FROM {SPEND} WHERE {DAYS}
        """),
        unit=RATIO,
        thresholds=[(None, GREEN), (0.05, ORANGE)],
    )


def _dearest() -> Panel:
    return number(
        "Dearest project",
        "The provider's project, workspace or resource with the largest charges of the time range.",
        series_of(f"""
            SELECT now() AS time, usd,
                   coalesce((SELECT max(name) FROM names WHERE kind = 'scope' AND id = scope), scope) AS metric
            FROM (
              SELECT scope, sum(amount_usd)::float8 AS usd FROM best_charges WHERE {DAYS} AND {CHARGES} AND scope <> ''
              GROUP BY 1 ORDER BY 2 DESC LIMIT 1
            ) dearest
        """),
    ).text_mode(BigValueTextMode.VALUE_AND_NAME)


def _provisional() -> Panel:
    return number(
        "Not official yet",
        "Share of the charges that are estimated or that a provider may still change. Charge back what is official.",
        table_of(f"""
            SELECT sum(amount_usd) FILTER (WHERE confidence IN ('estimated', 'provisional'))
                     / nullif(sum(amount_usd), 0) AS share
            FROM {SPEND} WHERE {DAYS}
        """),
        unit=RATIO,
        thresholds=[(None, GREEN), (0.2, ORANGE)],
    )


def _over_time() -> str:
    return f"""
        SELECT {TIME} AS time, {TEAM} AS metric, sum(amount_usd)::float8 AS usd
        FROM {SPEND} WHERE {DAYS} GROUP BY 1, 2 ORDER BY 1, 2
    """


def _daily() -> Panel:
    return bars(
        "Spend by team",
        "Charges per UTC day by the team of the account; per week from a year on, per month from three years on.",
        series_of(_over_time()),
    )


def _parts() -> Panel:
    return shares("Share by team", "Charges within the time range.", series_of(_over_time()))


_CHARGEBACK = f"""
    WITH own AS (
      SELECT team, sum(amount_usd) FILTER (WHERE {DAYS}) AS usd,
             sum(amount_usd) FILTER (WHERE {BEFORE}) AS before,
             sum(amount_usd) FILTER (WHERE {DAYS} AND confidence = 'official') AS official
      FROM {SPEND} WHERE {BOTH} GROUP BY 1
    ), shared AS (
      SELECT coalesce(sum(usd) FILTER (WHERE team = ''), 0) AS usd,
             sum(usd) FILTER (WHERE team <> '') AS owned
      FROM own
    )
    SELECT {TEAM} AS "Team", own.usd AS "Own",
           CASE WHEN owned > 0 THEN CASE team WHEN '' THEN 0 ELSE own.usd * (1 + shared.usd / owned) END
                ELSE own.usd END AS "To charge",
           official / nullif(own.usd, 0) AS "Official", own.usd / nullif(before, 0) - 1 AS "Change"
    FROM own, shared WHERE own.usd <> 0 ORDER BY 3 DESC, 2 DESC
"""


def _chargeback() -> Panel:
    return rows(
        "Chargeback by team",
        "What accounts without a team cost is shared out by the teams' own charges; both columns add up to the same"
        " sum. Official: what providers will hardly change. Change: own charges against as many days before.",
        table_of(_CHARGEBACK),
        fields={
            "Team": link("Its charges", board_url("spend-explorer", team="${__value.raw}")),
            "Own": money() + SUM,
            "To charge": bar(CENTS, width=220) + SUM,
            "Official": unit(RATIO, 0, 85),
            "Change": CHANGE,
        },
    )


def _projects() -> Panel:
    return rows(
        "By project",
        "Charges within the time range by team, account, project and source. Change: against as many days before.",
        table_of(f"""
            SELECT {TEAM} AS "Team", coalesce(n.name, nullif(p.scope, ''), p.account_id) AS "Project",
                   p.source AS "Source", usd AS "Spend", usd / nullif(before, 0) - 1 AS "Change"
            FROM (
              SELECT team, account_id, scope, {SOURCE} AS source, sum(amount_usd) FILTER (WHERE {DAYS}) AS usd,
                     sum(amount_usd) FILTER (WHERE {BEFORE}) AS before
              FROM best_charges WHERE {BOTH} AND {CHARGES} GROUP BY 1, 2, 3, 4
            ) p LEFT JOIN names n ON n.account_id = p.account_id AND n.kind = 'scope' AND n.id = p.scope
            WHERE usd <> 0 ORDER BY usd DESC
        """),
        fields={
            "Team": wide(110),
            "Source": SOURCE_BADGE + wide(90),
            "Spend": bar(CENTS, width=210),
            "Change": CHANGE,
        },
    )


def _months() -> Panel:
    return rows(
        "Month by month",
        "Whole calendar months in UTC that the time range touches, the last one up to its end, by team, account and"
        " source.",
        table_of(f"""
            SELECT to_char(day, 'YYYY-MM') AS "Month", {TEAM} AS "Team", provider AS "Provider",
                   account_id AS "Account", {SOURCE} AS "Source", sum(amount_usd) AS "Spend"
            FROM {SPEND}
            WHERE day BETWEEN date_trunc('month', {FIRST_DAY}::timestamp)::date AND {LAST_DAY}
            GROUP BY 1, 2, 3, 4, 5 ORDER BY 1 DESC, 6 DESC
        """),
        fields={"Source": SOURCE_BADGE + wide(100), "Spend": bar(CENTS, width=300) + SUM},
    )
