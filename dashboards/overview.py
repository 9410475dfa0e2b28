"""Overview: what is spent, is it more than usual, and where will the month end?"""

from __future__ import annotations

from dashboards.board import Board, Fold, Panel, board_url, row
from dashboards.markers import MARKERS
from dashboards.panels import bars, by_source, gauges, number, rows, shares
from dashboards.queries import (
    ACCOUNTS,
    CHARGES,
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    SOURCE,
    SPEND,
    TIME,
    latest,
    now_of,
    series_of,
    table_of,
)
from dashboards.style import (
    CENTS,
    CONFIDENCE_BADGE,
    GREEN,
    MANUAL,
    ORANGE,
    RATIO,
    RED,
    SOURCE_BADGE,
    YELLOW,
    bar,
    link,
    look,
    money,
    unit,
    wide,
    words,
)

PICKED = ("provider", "account", "team", "model", "scope", "source")
SYNCS = {"ok": GREEN, "failing": RED, "never": RED, "by hand": MANUAL}
OWNERS = ("provider", "account", "team")


def board() -> Board:
    """The first dashboard that people open."""
    return Board(
        uid="spend-overview",
        title="Overview",
        question="What is spent, is it more than usual, and where will the month end?",
        shown=PICKED,
        rows=(
            row(4, (4, _month()), (5, _against_last_month()), (6, _month_end()), (5, _today()), (4, _confidence())),
            row(9, (15, _daily()), (9, _budgets())),
            row(7, (6, _providers()), (10, _models()), (8, _freshness())),
            Fold("Where the figures come from", (row(9, (14, _sources()), (10, _books())),)),
        ),
        markers=MARKERS,
    )


def _month() -> Panel:
    return number(
        "Month to date",
        "Charges since the first of the month, UTC, each account and day counted once. As of the last sync.",
        now_of(f"sum({latest('spend_month_to_date_usd', *PICKED)})"),
    )


def _against_last_month() -> Panel:
    return number(
        "Against last month",
        "Month to date against last month up to the same day, and as a share of all of last month.",
        table_of(f"""
            SELECT sum(amount_usd) FILTER (WHERE day >= this.month)
                     / nullif(sum(amount_usd) FILTER (
                         WHERE day < this.month AND day <= spend_today() - interval '1 month'), 0) - 1 AS "Same day",
                   sum(amount_usd) FILTER (WHERE day >= this.month)
                     / nullif(sum(amount_usd) FILTER (WHERE day < this.month), 0) AS "Of all of it"
            FROM {SPEND}, (SELECT date_trunc('month', spend_today()::timestamp)::date AS month) this
            WHERE day BETWEEN (this.month - interval '1 month')::date AND spend_today()
        """),
        unit=RATIO,
        fields={"Same day": look(thresholds=_rise())},
    )


def _rise() -> dict[str, object]:
    colours = [(None, GREEN), (0.1, YELLOW), (0.3, RED)]
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in colours]}


def _month_end() -> Panel:
    figures = {"Expected": "", "At least": "lower_", "At most": "upper_"}
    return number(
        "Forecast to month end",
        "What the month will come to, and the range that holds 95 times in 100. Of whole accounts: model, scope and"
        " source do not narrow it. The ranges of several accounts are added up, which makes them rather too wide.",
        *(
            now_of(f"sum({latest(f'spend_forecast_{bound}usd', *OWNERS, horizon='month_end')})", title)
            for title, bound in figures.items()
        ),
    )


def _today() -> Panel:
    return number(
        "Today",
        "What is known of today, and what it will come to once its figures are complete. Of whole accounts.",
        now_of(f"sum({latest('spend_today_usd', *OWNERS)})", "So far"),
        now_of(f"sum({latest('spend_nowcast_usd', *OWNERS, day='today')})", "Will come to"),
    )


def _confidence() -> Panel:
    return number(
        "Official figures",
        "Share of the month's charges that the provider stated and will hardly change. The rest is provisional,"
        " estimated or entered by hand.",
        table_of(f"""
            SELECT sum(amount_usd) FILTER (WHERE confidence = 'official') / nullif(sum(amount_usd), 0) AS "Official"
            FROM {SPEND} WHERE day >= date_trunc('month', spend_today()::timestamp)::date
        """),
        unit=RATIO,
        thresholds=[(None, ORANGE), (0.5, YELLOW), (0.8, GREEN)],
    )


def _daily() -> Panel:
    return bars(
        "Daily spend by provider",
        "Charges per UTC day; per week from a year on, per month from three years on. The last two days are still"
        " filling up.",
        series_of(f"""
            SELECT {TIME} AS time, provider AS metric, sum(amount_usd)::float8 AS usd
            FROM {SPEND} WHERE {DAYS} GROUP BY 1, 2 ORDER BY 1, 2
        """),
    )


def _budgets() -> Panel:
    return gauges(
        "Budgets: spent so far",
        "Share of each budget's limit that its current period has used. More in Budgets & forecast.",
        now_of(
            f"sort_desc({latest('spend_budget_spent_usd')} / ({latest('spend_budget_limit_usd')} > 0))", "{{budget}}"
        ),
        unit=RATIO,
        thresholds=[(None, GREEN), (0.7, YELLOW), (0.9, ORANGE), (1, RED)],
    ).max(1)


def _providers() -> Panel:
    return shares(
        "Share by provider",
        "Charges within the time range.",
        series_of(f"""
            SELECT {TIME} AS time, provider AS metric, sum(amount_usd)::float8 AS usd
            FROM {SPEND} WHERE {DAYS} GROUP BY 1, 2 ORDER BY 1, 2
        """),
    )


def _models() -> Panel:
    return rows(
        "Top models",
        "The ten dearest models within the time range, and how that compares with as many days before. The"
        " source is the one that most of the money came from.",
        table_of(f"""
            WITH parts AS (
              SELECT model, source,
                     sum(amount_usd) FILTER (WHERE day >= {FIRST_DAY}) AS usd,
                     sum(amount_usd) FILTER (WHERE day < {FIRST_DAY}) AS before
              FROM best_charges
              WHERE day BETWEEN {FIRST_DAY} - ({LAST_DAY} - {FIRST_DAY} + 1) AND {LAST_DAY} AND {CHARGES}
              GROUP BY 1, 2
            )
            SELECT coalesce(nullif(model, ''), '(no model)') AS "Model",
                   (array_agg({SOURCE} ORDER BY usd DESC NULLS LAST))[1] AS "Source",
                   sum(usd) AS "Spend", sum(usd) / nullif(sum(before), 0) - 1 AS "Change"
            FROM parts GROUP BY model HAVING sum(usd) > 0 ORDER BY 3 DESC LIMIT 10
        """),
        fields={
            "Model": link("Models & tokens", board_url("spend-models", model="${__value.raw}")),
            "Source": SOURCE_BADGE + wide(90),
            "Spend": bar(CENTS, width=190),
            "Change": unit(RATIO, 0, 90),
        },
    )


def _freshness() -> Panel:
    return rows(
        "Freshness",
        "Until when there are figures of each account, by its newest report, and how its last sync went.",
        table_of(f"""
            SELECT a.id AS "Account", extract(epoch FROM now() - max(r.latest_end)) AS "Data age",
                   CASE WHEN s.consecutive_failures > 0 THEN 'failing' WHEN s.last_success_at IS NOT NULL THEN 'ok'
                        WHEN EXISTS (SELECT FROM best_days b WHERE b.account_id = a.id) THEN 'by hand'
                        ELSE 'never' END AS "Sync"
            FROM (SELECT id, id AS account_id FROM accounts WHERE removed_at IS NULL) a
            LEFT JOIN sync_state s USING (account_id)
            LEFT JOIN report_state r USING (account_id)
            WHERE {ACCOUNTS}
            GROUP BY a.id, s.consecutive_failures, s.last_success_at ORDER BY 2 DESC NULLS FIRST
        """),
        fields={
            "Data age": unit("dtdurations", 0, 130),
            "Sync": wide(90) + look(mappings=words(SYNCS), custom__cellOptions={"type": "pill"}),
        },
    )


def _sources() -> Panel:
    return bars(
        "Daily spend by source",
        "Charges per UTC day by where the figure came from: stated by the provider's API, estimated from usage at list"
        " prices, entered by hand, or imported (invoices too).",
        series_of(f"""
            SELECT {TIME} AS time, {SOURCE} AS metric, sum(amount_usd)::float8 AS usd
            FROM {SPEND} WHERE {DAYS} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        fields=by_source(),
    )


def _books() -> Panel:
    return rows(
        "Source and confidence by account",
        "Charges within the time range. Official: stated and settled. Provisional: stated, may still change. Estimated:"
        " usage at list prices. Manual: entered by hand.",
        table_of(f"""
            SELECT account_id AS "Account", {SOURCE} AS "Source", confidence AS "Confidence", sum(amount_usd) AS "Spend"
            FROM {SPEND} WHERE {DAYS} GROUP BY 1, 2, 3 ORDER BY 4 DESC
        """),
        fields={"Source": SOURCE_BADGE + wide(100), "Confidence": CONFIDENCE_BADGE + wide(120), "Spend": money()},
    )
