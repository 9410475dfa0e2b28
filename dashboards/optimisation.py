"""Optimisation: what would the same work cost less?"""

from __future__ import annotations

from dashboards.board import Board, Fold, Panel, board_url, row
from dashboards.panels import lines, number, rows
from dashboards.queries import ACCOUNTS, DAYS, MODELS, SCOPES, TIME, series_of, table_of
from dashboards.style import API, CENTS, GREEN, GREY, ORANGE, RATIO, RED, badge, bar, link, look, money, unit, wide

KINDS = {"model": API, "batch": "purple", "cache": GREEN, "seat": ORANGE, "tail": GREY}
FRESH = "made_at > spend_today() - 2"
"""SQL: not older than two days. What an analysis found before that is history, not advice."""

SCOPE_NAME = "LEFT JOIN names n ON n.account_id = f.account_id AND n.kind = 'scope' AND n.id = f.scope"
BY_PROVIDER = "daily_usage JOIN accounts ON accounts.id = account_id"
INPUT = "meter = 'input' OR meter LIKE 'cache%'"


def board() -> Board:
    """Findings first, what caching and batching do below."""
    return Board(
        uid="spend-optimisation",
        title="Optimisation",
        question="What would the same work cost less?",
        shown=("provider", "team", "account", "scope", "model"),
        since="now-90d",
        rows=(
            row(4, (14, _by_kind()), (5, _cache_saved()), (5, _batch_now())),
            row(9, (24, _findings())),
            row(7, (10, _caches()), (7, _hit_ratio()), (7, _batch_share())),
            Fold("Cost per request", (row(10, (14, _requests()), (10, _features())),)),
        ),
    )


def _by_kind() -> Panel:
    sums = ",\n".join(
        f"""sum(usd_per_month) FILTER (WHERE kind = '{kind}') AS "{kind.capitalize()}" """ for kind in KINDS
    )
    return number(
        "Possible savings per month, by kind",
        "Dollars per 30 days at today's prices, of the last 30 complete days. Kinds overlap: don't add them up. A dash"
        " means nothing was found, which for batch needs hourly usage and for seats an activity report.",
        table_of(f"SELECT {sums} FROM savings WHERE {FRESH} AND {ACCOUNTS} AND {MODELS} AND {SCOPES}"),
    )


def _cache_saved() -> Panel:
    return number(
        "Caching saved",
        "Over the last 30 complete days: what cache reads cost less than plain input, less what cache writes cost"
        " more.",
        table_of(
            f"SELECT sum(saved_usd - lost_usd) AS net FROM cache_effects WHERE {FRESH} AND {ACCOUNTS} AND {MODELS}"
        ),
        thresholds=[(None, RED), (0, GREEN)],
    )


def _batch_now() -> Panel:
    return number(
        "At batch or flex price",
        "Share of all tokens of the time range that ran at a reduced tier: batch or flex.",
        table_of(f"""
            SELECT sum(quantity) FILTER (WHERE service_tier IN ('batch', 'flex')) / nullif(sum(quantity), 0) AS share
            FROM daily_usage WHERE source = 'usage_api' AND unit = 'tokens' AND {_USAGE}
        """),
        unit=RATIO,
    )


def _findings() -> Panel:
    return rows(
        "What would cost less",
        "The largest first. What is compared and what is left out: docs/savings.md. Whether a smaller model is good"
        " enough or an answer can wait is yours to say.",
        table_of(f"""
            SELECT f.kind AS "Kind", usd_per_month AS "Saves a month", f.account_id AS "Account",
                   coalesce(n.name, f.scope) AS "Project", model AS "Model", sentence AS "Why"
            FROM (SELECT * FROM savings WHERE {FRESH} AND {ACCOUNTS} AND {MODELS} AND {SCOPES}) f {SCOPE_NAME}
            ORDER BY 2 DESC
        """),
        fields={
            "Kind": badge(KINDS) + wide(80),
            "Saves a month": bar(CENTS, width=190),
            "Account": wide(130),
            "Project": wide(130),
            "Model": wide(210) + link("Its spend", board_url("spend-explorer", model="${__value.raw}")),
            "Why": look(custom__inspect=True),
        },
    ).no_value("Nothing found: under a dollar a month, or fewer than seven days of usage")


def _caches() -> Panel:
    return rows(
        "What caching does, by model",
        "Of the last 30 complete days. Hit ratio: cache reads among all input. Saved: reads at input price less cache"
        " price. Lost: writes above input price. A dash: the model has no known price.",
        table_of(f"""
            SELECT model AS "Model", hit_ratio AS "Hit ratio", saved_usd AS "Saved", lost_usd AS "Lost",
                   saved_usd - lost_usd AS "Net"
            FROM cache_effects WHERE {FRESH} AND {ACCOUNTS} AND {MODELS} ORDER BY 5 DESC NULLS LAST
        """),
        fields={
            "Hit ratio": bar(RATIO, 0, 130) + look(max=1),
            "Saved": money(90),
            "Lost": money(80),
            "Net": money(90),
        },
    ).no_value("No model reads from a cache")


def _hit_ratio() -> Panel:
    return lines(
        "Cache hit ratio",
        "Share of input tokens that were read from the cache on complete days, by provider.",
        series_of(f"""
            SELECT {TIME} AS time, provider AS metric,
                   (sum(quantity) FILTER (WHERE meter = 'cache_read') / sum(quantity))::float8 AS ratio
            FROM {BY_PROVIDER}
            WHERE source = 'usage_api' AND unit = 'tokens' AND ({INPUT}) AND quantity > 0 AND {_COMPLETE}
            GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit=RATIO,
    ).min(0)


def _batch_share() -> Panel:
    return lines(
        "Share at batch or flex price",
        "Tokens at a reduced tier among all tokens of complete days, by provider.",
        series_of(f"""
            SELECT {TIME} AS time, provider AS metric,
                   (coalesce(sum(quantity) FILTER (WHERE service_tier IN ('batch', 'flex')), 0)
                     / sum(quantity))::float8 AS ratio
            FROM {BY_PROVIDER} WHERE source = 'usage_api' AND unit = 'tokens' AND quantity > 0 AND {_COMPLETE}
            GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit=RATIO,
    ).min(0)


_USAGE = f"{DAYS} AND {ACCOUNTS} AND {MODELS} AND {SCOPES}"
_COMPLETE = f"day < spend_today() AND {_USAGE}"


def _requests() -> Panel:
    return rows(
        "Cost per request, by project and model",
        "Estimated charges of the last 30 complete days at the account's own discount, divided by the requests the"
        " provider states.",
        table_of(f"""
            SELECT coalesce(n.name, f.scope) AS "Project", model AS "Model", requests AS "Requests", usd AS "Spend",
                   usd / nullif(requests, 0) AS "A request"
            FROM (SELECT * FROM unit_costs WHERE key = '' AND {FRESH} AND {ACCOUNTS} AND {MODELS} AND {SCOPES}) f
            {SCOPE_NAME} ORDER BY 4 DESC
        """),
        fields={
            "Requests": unit("locale", 0, 110),
            "Spend": money(),
            "A request": unit(CENTS, 4, 110),
        },
    )


def _features() -> Panel:
    return rows(
        "Cost per request, by feature and variant",
        "Of rows with the tags feature, or experiment and variant. The reports of OpenAI and Anthropic have none of"
        " them.",
        table_of(f"""
            SELECT key AS "Of", value AS "Name", sum(requests) AS "Requests", sum(usd) AS "Spend",
                   sum(usd) / nullif(sum(requests), 0) AS "A request"
            FROM unit_costs WHERE key <> '' AND {FRESH} AND {ACCOUNTS} AND {MODELS} AND {SCOPES}
            GROUP BY 1, 2 ORDER BY 4 DESC
        """),
        fields={"Of": wide(90), "Requests": unit("locale", 0, 100), "Spend": money(), "A request": unit(CENTS, 4, 110)},
    ).no_value("No usage carries the tag feature, experiment or variant")
