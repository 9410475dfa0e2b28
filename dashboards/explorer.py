"""Explorer & export: which rows are behind a figure, and how do I take them along?"""

from __future__ import annotations

from dashboards.board import Board, Fold, Panel, row
from dashboards.markers import MARKERS
from dashboards.panels import bars, by_source, number, rows, words
from dashboards.queries import (
    ACCOUNTS,
    CHARGES,
    DAYS,
    LAST_DAY,
    SOURCE,
    SPEND,
    TIME,
    moment,
    series_of,
    table_of,
)
from dashboards.style import CENTS, CONFIDENCE_BADGE, DATE, SOURCE_BADGE, money, unit, wide

MOST = 5000


def board() -> Board:
    """Every filter, the selection in figures and over time, then its rows."""
    return Board(
        uid="spend-explorer",
        title="Explorer & export",
        question="Which rows are behind a figure, and how do I take them along?",
        shown=("provider", "team", "account", "scope", "model", "source"),
        markers=MARKERS,
        rows=(
            row(4, (5, _sum()), (5, _count()), (6, _span()), (8, _how())),
            row(6, (24, _by_source())),
            row(10, (24, _rows())),
            Fold("Billed, estimated, invoiced", (row(9, (24, _reconciled())),)),
        ),
    )


def _sum() -> Panel:
    return number(
        "Selected",
        "Charges of everything that is picked above, within the time range. Each account and day counts once, by its"
        " best source.",
        table_of(f"SELECT sum(amount_usd) AS usd FROM {SPEND} WHERE {DAYS}"),
    )


def _count() -> Panel:
    return number(
        "Number of rows",
        f"How many rows the selection has. The table shows the newest {MOST:,}.",
        table_of(f"SELECT count(*) AS rows FROM best_charges WHERE {DAYS} AND {CHARGES}"),
        unit="locale",
        thresholds=[(None, "text"), (MOST + 1, "orange")],
    )


def _span() -> Panel:
    return number(
        "Days with charges",
        "How many days of the time range have a charge that fits, and what such a day costs on average.",
        table_of(f"""
            SELECT count(DISTINCT day) AS "Days", sum(amount_usd) / nullif(count(DISTINCT day), 0) AS "A day"
            FROM {SPEND} WHERE {DAYS}
        """),
        fields={"Days": unit("locale", 0)},
    )


def _how() -> Panel:
    return words(
        "Take it along",
        """
        Menu of the table, *Inspect → Data*: **Download CSV** of exactly these rows.
        Links between dashboards keep the selection.

        More rows than the table shows? Pick less above, or a shorter time.
        """,
        "How to download what is selected. The file has the rows that the table has: narrow the selection if it is"
        " cut.",
    )


def _by_source() -> Panel:
    return bars(
        "Selected, by source",
        "Charges per UTC day by where the figure comes from: API as the provider states it, Estimate priced from usage"
        " (outlined), Manual entered by people, Import from a file or an invoice.",
        series_of(f"""
            SELECT {TIME} AS time, {SOURCE} AS metric, sum(amount_usd)::float8 AS usd
            FROM {SPEND} WHERE {DAYS} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        fields=by_source(),
    )


_ROWS = f"""
    SELECT {moment("day")} AS "Day", c.source AS "Source", confidence AS "Confidence", provider AS "Provider",
           c.account_id AS "Account", team AS "Team", coalesce(n.name, c.scope) AS "Project", model AS "Model",
           meter AS "Meter", service_tier AS "Tier", amount_usd AS "Spend"
    FROM (
      SELECT day, {SOURCE} AS source, confidence, provider, account_id, team, scope, model, meter, service_tier,
             amount_usd
      FROM best_charges WHERE {DAYS} AND {CHARGES} ORDER BY day DESC, amount_usd DESC LIMIT {MOST}
    ) c LEFT JOIN names n ON n.account_id = c.account_id AND n.kind = 'scope' AND n.id = c.scope
    ORDER BY day DESC, amount_usd DESC
"""


def _rows() -> Panel:
    panel = rows(
        "Rows",
        f"Charges by day and everything that is known of them, the newest {MOST:,}. Click a column's head to sort, its"
        " funnel to filter.",
        table_of(_ROWS),
        fields={
            "Day": unit(DATE, width=110),
            "Source": SOURCE_BADGE + wide(95),
            "Confidence": CONFIDENCE_BADGE + wide(110),
            "Provider": wide(100),
            "Account": wide(150),
            "Team": wide(110),
            "Tier": wide(90),
            "Spend": unit(CENTS, 4, 110),
        },
    )
    return panel.filterable(filterable=True).no_value("No charges fit: widen the time range, or set a variable to All")


def _reconciled() -> Panel:
    return rows(
        "Do the sources agree?",
        "What each source says of the month the time range ends in and of the one before, in UTC. Ratio: billed by"
        " estimated over settled days that have both; the rest of the way explains `spend-exporter reconcile`. Source,"
        " project and model do not narrow it.",
        table_of(f"""
            SELECT to_char(month, 'YYYY-MM') AS "Month", account_id AS "Account", billed AS "Billed",
                   estimated AS "Estimated", settled_billed / nullif(settled_estimated, 0) AS "Ratio",
                   invoiced AS "Invoiced", invoiced - coalesce(billed, estimated) AS "Invoice differs",
                   entered AS "By hand, imported"
            FROM reconciliation
            WHERE month BETWEEN date_trunc('month', {LAST_DAY}::timestamp) - interval '1 month' AND {LAST_DAY}
              AND {ACCOUNTS}
            ORDER BY 1 DESC, 2
        """),
        fields={
            "Month": wide(110),
            **dict.fromkeys(("Billed", "Estimated", "Invoiced", "Invoice differs", "By hand, imported"), money(160)),
            "Ratio": unit("none", 3, 90),
        },
    ).no_value("Nothing is known of these accounts in this time")
