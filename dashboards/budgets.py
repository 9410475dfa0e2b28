"""Budgets & forecast: will the money last, and how sure is that?"""

from __future__ import annotations

from dashboards import forecasts
from dashboards.board import Board, Fold, Panel, board_url, row
from dashboards.panels import Fields, ahead, joined, lines, rows
from dashboards.queries import latest, moment, now_of, picked, series_of
from dashboards.style import (
    ACTUAL,
    FORECAST,
    GREEN,
    GREY,
    ORANGE,
    RED,
    USD,
    YELLOW,
    coloured,
    dashed,
    link,
    look,
    unit,
    wide,
)


def board() -> Board:
    """Panels about what lies ahead have a time range of their own."""
    return Board(
        uid="spend-budgets",
        title="Budgets & forecast",
        question="Will the money last, and how sure is that?",
        shown=("provider", "team", "account", "budget"),
        rows=(
            row(7, (24, _budgets())),
            row(6, (12, _burn_down()), (12, forecasts.daily())),
            row(7, (8, forecasts.horizons()), (10, forecasts.against_actual()), (6, forecasts.own_error())),
            Fold("Levels of the budgets", (row(7, (24, _levels())),)),
        ),
    )


FIGURES = {  # column → metric, its fixed labels
    "Limit": ("spend_budget_limit_usd", {}),
    "Spent": ("spend_budget_spent_usd", {}),
    "Forecast": ("spend_budget_forecast_usd", {}),
    "At least": ("spend_budget_forecast_lower_usd", {}),
    "At most": ("spend_budget_forecast_upper_usd", {}),
    "A day, lately": ("spend_budget_burn_rate_usd_per_day", {"window": "7d"}),
}


def _budgets() -> Panel:
    used = f"{_of('spend_budget_spent_usd')} / ({_of('spend_budget_limit_usd')} > 0)"
    ending = _of("spend_budget_period_end_timestamp_seconds")
    runs_out = _of("spend_budget_exhaustion_timestamp_seconds")
    queries = {name: _of(metric, **labels) for name, (metric, labels) in FIGURES.items()}
    queries = {"Used": used, **queries}
    columns = {"budget": "Budget"} | {f"Value #{letter}": name for letter, name in zip("ABCDEFG", queries, strict=True)}
    columns |= {"Value #H": "Runs out", "Value #I": "Period ends"}
    panel = rows(
        "Budgets",
        "Each budget's current period: what is spent, what it will come to with its 95 % range, what a day cost over"
        " the last week, and when the money runs out at the forecast's pace. Empty: it lasts.",
        *(now_of(expr, table=True) for expr in (*queries.values(), f"1000 * {runs_out}", f"1000 * {ending}")),
        fields=_columns(),
        sort="Used",
    )
    return joined(panel, columns)


def _of(metric: str, **labels: str) -> str:
    return f"max by (budget) ({latest(metric, 'budget', **labels)})"


def _columns() -> Fields:
    shades = [(None, GREEN), (0.7, YELLOW), (0.9, ORANGE), (1, RED)]
    levels = {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in shades]}
    gauge = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    used = unit("percentunit", 0, 220) + look(custom__cellOptions=gauge, thresholds=levels, min=0, max=1)
    return {
        "Budget": link("Only this budget", board_url("spend-budgets", budget="${__value.raw}")),
        "Used": used,
        **dict.fromkeys(FIGURES, unit(USD, 1, 120)),
        "Runs out": unit("time:MMM D, HH:mm", width=120),
        "Period ends": unit("time:MMM D, HH:mm", width=120),
    }


PATH = """
    WITH candidates AS (
      SELECT DISTINCT ON (b.id) b.*, o.first_day, o.days, o.total,
             b.amount * CASE b.currency WHEN 'USD' THEN 1 ELSE (
               SELECT usd_per_unit FROM fx_rates f WHERE f.currency = b.currency ORDER BY f.day DESC LIMIT 1
             ) END AS limit_usd,
             (o.period_start AT TIME ZONE b.time_zone)::date AS first,
             (o.period_end AT TIME ZONE b.time_zone)::date AS last
      FROM budgets b JOIN budget_outlooks o ON o.budget = b.id
      WHERE b.tags = '{}' AND {budget} ORDER BY b.id, o.made_on DESC
    ), b AS (SELECT * FROM candidates ORDER BY total / nullif(limit_usd, 0) DESC NULLS LAST LIMIT 1), spent AS (
      SELECT c.day, sum(c.amount_usd) AS usd FROM b JOIN best_charges c ON b.provider IN ('', c.provider)
        AND b.account IN ('', c.account_id) AND b.team IN ('', c.team) AND b.scope IN ('', c.scope)
        AND b.model IN ('', c.model)
      WHERE c.day >= (SELECT first FROM b) AND c.day < (SELECT first_day FROM b) GROUP BY 1
    ), daily AS (
      SELECT d::date AS day, coalesce(s.usd, 0) AS usd, 'left' AS metric
      FROM b CROSS JOIN LATERAL generate_series(b.first, b.first_day - 1, '1 day') d LEFT JOIN spent s ON s.day = d
      UNION ALL
      SELECT b.first_day + (p.number - 1)::int, p.usd::numeric, 'expected'
      FROM b CROSS JOIN LATERAL unnest(b.days) WITH ORDINALITY AS p (usd, number)
    )
"""


def _burn_down() -> Panel:
    path = PATH.replace("{budget}", picked("b.id", "budget"))
    panel = lines(
        "Burn-down of the tightest budget",
        "Money left at the end of each day of the current period, beside an even pace. Of the budgets picked, the one"
        " whose forecast is the largest share of its limit. Budgets of tags are left out.",
        series_of(f"""
            {path}
            SELECT {moment("day + 1")} AS time, b.id || ': ' || metric AS metric,
                   (b.limit_usd - sum(usd) OVER (ORDER BY day))::float8 AS usd
            FROM daily CROSS JOIN b
            UNION ALL
            SELECT {moment("d.day")}, b.id || ': even pace',
                   (b.limit_usd * (b.last - d.day) / (b.last - b.first))::float8
            FROM b CROSS JOIN LATERAL (VALUES (b.first), (b.last)) d (day)
            ORDER BY 1, 2
        """),
        fields={
            "/left$/": coloured(ACTUAL) + look(custom__lineWidth=3, custom__fillOpacity=8),
            "/expected$/": dashed(FORECAST),
            "/even pace$/": coloured(GREY) + look(custom__lineWidth=1, custom__spanNulls=True),
        },
    )
    return ahead(panel, "45d", "76d")


def _levels() -> Panel:
    panel = rows(
        "Levels",
        "From how much money on each level is reached, by what was spent or by what is forecast.",
        now_of(f"max by (budget, level, basis) ({latest('spend_budget_threshold_usd', 'budget')})", table=True),
        fields={"Budget": wide(220), "From": unit(USD, 1, 140)},
    )
    return joined(panel, {"budget": "Budget", "level": "Level", "basis": "Compared with", "Value": "From"})
