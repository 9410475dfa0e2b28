"""Models & tokens: what do models cost for what they do?"""

from __future__ import annotations

from dashboards.board import Board, Fold, Panel, row
from dashboards.panels import bars, lines, number, rows
from dashboards.queries import (
    ACCOUNTS,
    CHARGES,
    DAYS,
    MODELS,
    SCOPES,
    SOURCE,
    TIME,
    latest,
    named,
    now_of,
    series_of,
    table_of,
)
from dashboards.style import CENTS, COUNT, ORANGE, RATIO, SOURCE_BADGE, TOKENS, USD, bar, money, unit, wide

USED = f"unit = 'tokens' AND source <> 'analytics' AND {DAYS} AND {ACCOUNTS} AND {MODELS} AND {SCOPES}"
"""SQL: rows of `daily_usage` that are tokens within the time range. Usage knows no source of money."""

INPUT = "meter NOT LIKE 'output%' AND meter <> 'reasoning'"
MILLION = "nullif(sum(tokens), 0) * 1000000"
PRICED = "model <> ''"


def board() -> Board:
    """What a token and a request cost, by model."""
    return Board(
        uid="spend-models",
        title="Models & tokens",
        question="What do models cost for what they do, and what would others cost?",
        shown=("provider", "team", "account", "scope", "model", "source"),
        rows=(
            row(4, (4, _spend()), (4, _tokens()), (5, _price()), (5, _hits()), (6, _unpriced())),
            row(8, (13, _cost()), (11, _mix())),
            row(8, (14, _models()), (10, _what_if())),
            Fold("Over time", (row(8, (12, _price_course()), (12, _hit_course())),)),
        ),
    )


def _spend() -> Panel:
    return number(
        "Spend on models",
        "Charges within the time range that name a model.",
        table_of(f"SELECT sum(amount_usd) AS usd FROM best_charges WHERE {DAYS} AND {CHARGES} AND {PRICED}"),
    )


def _tokens() -> Panel:
    return number(
        "Tokens",
        "Tokens of every kind within the time range; kinds are disjoint. The source does not narrow them.",
        table_of(f"SELECT sum(quantity) AS tokens FROM daily_usage WHERE {USED}"),
        unit=TOKENS,
    )


def _price() -> Panel:
    return number(
        "Effective price per million tokens",
        "Charges of models that used tokens, divided by those tokens: input, cache and output together.",
        table_of(f"""
            WITH used AS (
              SELECT account_id, model, sum(quantity) AS tokens FROM daily_usage WHERE {USED} GROUP BY 1, 2
            ), paid AS (
              SELECT account_id, model, sum(amount_usd) AS usd FROM best_charges
              WHERE {DAYS} AND {CHARGES} AND {PRICED} GROUP BY 1, 2
            )
            SELECT sum(usd) / {MILLION} AS price FROM paid JOIN used USING (account_id, model)
        """),
    ).decimals(2)


def _hits() -> Panel:
    return number(
        "Cache hit ratio",
        "Share of all input tokens that were read from a cache, within the time range.",
        table_of(f"""
            SELECT sum(quantity) FILTER (WHERE meter = 'cache_read') / nullif(sum(quantity), 0) AS ratio
            FROM daily_usage WHERE {USED} AND {INPUT}
        """),
        unit=RATIO,
    )


def _unpriced() -> Panel:
    expr = f"sum({latest('spend_unpriced_tokens_month_to_date', 'provider', 'model')}) or vector(0)"
    return number(
        "Tokens without a price",
        "Tokens of this month that no list price is known for: they are missing from estimates, not from bills.",
        now_of(expr),
        unit=TOKENS,
        thresholds=[(None, "text"), (1, ORANGE)],
    )


def _cost() -> Panel:
    return bars(
        "Cost by model",
        "Charges per UTC day of the ten dearest models of the time range; the rest is other. Per week from a year on.",
        series_of(f"""
            WITH daily AS (
              SELECT day, model, sum(amount_usd) AS usd FROM best_charges
              WHERE {DAYS} AND {CHARGES} AND {PRICED} GROUP BY 1, 2
            ), top AS (SELECT model FROM daily GROUP BY 1 ORDER BY sum(usd) DESC LIMIT 10)
            SELECT {TIME} AS time, CASE WHEN model IN (SELECT model FROM top) THEN model ELSE 'other' END AS metric,
                   sum(usd)::float8 AS usd
            FROM daily GROUP BY 1, 2 ORDER BY 1, 2
        """),
        calcs=("sum",),
    )


KINDS = {
    "input": "Input",
    "cache_read": "Cache read",
    "output": "Output",
    "reasoning": "Reasoning",
}


def _mix() -> Panel:
    kind = named("meter", KINDS).replace(
        "ELSE meter",
        "WHEN 'output_audio' THEN 'Audio and images' WHEN 'output_image' THEN 'Audio and images'"
        " WHEN 'input_audio' THEN 'Audio and images' WHEN 'input_image' THEN 'Audio and images' ELSE 'Cache write'",
    )
    return bars(
        "Token mix",
        "Tokens per UTC day by kind. Kinds are disjoint: input is what came from no cache.",
        series_of(f"""
            SELECT {TIME} AS time, {kind} AS metric, sum(quantity)::float8 AS tokens
            FROM daily_usage WHERE {USED} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit=TOKENS,
        calcs=("sum",),
    )


def _models() -> Panel:
    return rows(
        "Models",
        "Within the time range. The source is the one that most of the money came from; requests are those that the"
        " provider counted.",
        table_of(f"""
            WITH paid AS (
              SELECT model, sum(usd) AS usd, (array_agg({SOURCE} ORDER BY usd DESC))[1] AS source FROM (
                SELECT model, source, sum(amount_usd) AS usd FROM best_charges
                WHERE {DAYS} AND {CHARGES} AND {PRICED} GROUP BY 1, 2
              ) s GROUP BY 1
            ), used AS (
              SELECT model, sum(quantity) FILTER (WHERE unit = 'tokens') AS tokens,
                     sum(quantity) FILTER (WHERE unit = 'tokens' AND {INPUT}) AS input,
                     sum(quantity) FILTER (WHERE meter = 'cache_read') AS cached,
                     sum(quantity) FILTER (WHERE meter = 'requests') AS requests
              FROM daily_usage WHERE {USED.replace("unit = 'tokens'", "unit IN ('tokens', 'requests')")} GROUP BY 1
            )
            SELECT model AS "Model", source AS "Source", usd AS "Spend", tokens AS "Tokens",
                   usd / nullif(tokens, 0) * 1000000 AS "$ per million", cached / nullif(input, 0) AS "Cache hits",
                   usd / nullif(requests, 0) * 1000 AS "$ per 1000 requests"
            FROM paid LEFT JOIN used USING (model) ORDER BY usd DESC
        """),
        fields={
            "Source": SOURCE_BADGE + wide(90),
            "Spend": bar(CENTS, width=170),
            "Tokens": unit(COUNT, 1, 90),
            "$ per million": money(110),
            "Cache hits": unit(RATIO, 0, 90),
            "$ per 1000 requests": money(150),
        },
    )


def _what_if() -> Panel:
    return rows(
        "What another model would cost",
        "The last 30 complete days' tokens on a cheaper relative, at the discount that the account has. Whether its"
        " quality is enough, only an evaluation can tell. Savings overlap: don't add them up.",
        table_of(f"""
            SELECT model AS "Model", t ->> 'model' AS "On", sum((t ->> 'usd_per_month')::numeric) AS "Saves a month",
                   max((t ->> 'usd_per_million_now')::numeric) AS "$/M now",
                   max((t ->> 'usd_per_million_then')::numeric) AS "$/M then"
            FROM savings CROSS JOIN LATERAL jsonb_array_elements(evidence -> 'targets') t
            WHERE kind = 'model' AND {ACCOUNTS} AND {MODELS} AND {SCOPES} GROUP BY 1, 2 ORDER BY 3 DESC
        """),
        fields={"Saves a month": money(120), "$/M now": money(80), "$/M then": money(80)},
    )


def _price_course() -> Panel:
    return lines(
        "Effective price per million tokens, over time",
        "Charges of a model divided by its tokens, of the ten models with the most tokens.",
        series_of(f"""
            WITH used AS (
              SELECT day, model, 0 AS usd, sum(quantity) AS tokens FROM daily_usage WHERE {USED} GROUP BY 1, 2
            ), sides AS (
              SELECT * FROM used UNION ALL
              SELECT day, model, sum(amount_usd), 0 FROM best_charges
              WHERE {DAYS} AND {CHARGES} AND {PRICED} GROUP BY 1, 2
            ), top AS (SELECT model FROM used GROUP BY 1 ORDER BY sum(tokens) DESC LIMIT 10)
            SELECT {TIME} AS time, model AS metric, (sum(usd) / {MILLION})::float8 AS price
            FROM sides JOIN top USING (model) GROUP BY 1, 2 HAVING sum(usd) > 0 AND sum(tokens) > 0 ORDER BY 1, 2
        """),
        unit=USD,
        calcs=("lastNotNull",),
    )


def _hit_course() -> Panel:
    return lines(
        "Cache hit ratio, over time",
        "Share of a model's input tokens that were read from a cache.",
        series_of(f"""
            SELECT {TIME} AS time, model AS metric,
                   (sum(quantity) FILTER (WHERE meter = 'cache_read') / sum(quantity))::float8 AS ratio
            FROM daily_usage WHERE {USED} AND {INPUT} GROUP BY 1, 2
            HAVING sum(quantity) FILTER (WHERE meter = 'cache_read') > 0 ORDER BY 1, 2
        """),
        unit=RATIO,
        calcs=("lastNotNull",),
    )
