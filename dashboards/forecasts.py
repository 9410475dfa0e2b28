"""Panels on forecasts, for Budgets & forecast.

One rule: with everything picked the forecast of everything is shown, which was made as one series. Otherwise those of
the accounts are added up, and so are their ranges, which makes them rather too wide.
"""

from __future__ import annotations

from dashboards.board import Panel
from dashboards.panels import ahead, lines, rows
from dashboards.queries import ACCOUNTS, FIRST_DAY, LAST_DAY, moment, named, series_of, table_of
from dashboards.style import ACTUAL, FORECAST, RATIO, USD, bounds, coloured, dashed, look, unit, unlined, wide

EVERYTHING = "$$${provider:regex}|${account:regex}|${team:regex}$$ = '.*|.*|.*'"
LEVEL = f"CASE WHEN {EVERYTHING} THEN level = 'total' ELSE level = 'account' AND {ACCOUNTS} END"
HORIZONS = {
    "month_end": "Month end",
    "quarter_end": "Quarter end",
    "30d": "30 days",
    "60d": "60 days",
    "90d": "90 days",
}
HORIZON = named("horizon", HORIZONS)
RANGE = (
    " With everything picked it is one forecast of everything; else those of the accounts are added up, with their"
    " ranges, which are then rather too wide."
)
BAND = {
    "Spent": coloured(ACTUAL) + look(custom__lineWidth=2),
    "Expected": dashed(FORECAST),
    "At least": [*coloured(FORECAST), *unlined()],
    "At most": bounds("At least"),
}


def daily() -> Panel:
    """What was spent a day, and what is expected."""
    panel = lines(
        "Daily spend and forecast",
        "Charges per UTC day, and the newest forecast with the range that holds 95 days of 100." + RANGE,
        series_of(f"""
            SELECT {moment("day")} AS time, 'Spent' AS metric, sum(amount_usd)::float8 AS usd
            FROM daily_spend WHERE day BETWEEN {FIRST_DAY} AND spend_today() - 1 AND {ACCOUNTS} GROUP BY day
            UNION ALL
            SELECT {moment("p.day")}, b.metric, sum(b.usd)
            FROM forecast_points p
            CROSS JOIN LATERAL (
              VALUES ('Expected', p.expected), ('At least', p.lower), ('At most', p.upper)
            ) b (metric, usd)
            WHERE {LEVEL} AND p.day BETWEEN {FIRST_DAY} AND {LAST_DAY}
              AND p.made_on = (SELECT max(made_on) FROM newest_forecasts WHERE horizon = '90d' AND {LEVEL})
            GROUP BY p.day, b.metric ORDER BY 1, 2
        """),
        fields=BAND,
    )
    return ahead(panel, "45d", "135d")


def horizons() -> Panel:
    """The forecast totals."""
    return rows(
        "Forecast totals",
        "What was spent of the month or quarter and what is expected, or the days from today on alone." + RANGE,
        table_of(f"""
            SELECT {HORIZON} AS "Horizon", sum(total) AS "Expected",
                   sum(lower) AS "At least", sum(upper) AS "At most"
            FROM newest_forecasts
            WHERE {LEVEL} AND made_on > spend_today() - 3 AND until > spend_today()
            GROUP BY horizon ORDER BY array_position(ARRAY{[*HORIZONS]}, horizon)
        """),
        fields=dict.fromkeys(("Expected", "At least", "At most"), unit(USD, 1, 105)),
    )


def against_actual() -> Panel:
    """What was thought then beside what came."""
    panel = lines(
        "30-day forecasts against what came",
        "Over half a year. Each point is a total of 30 days, shown on the day that forecast was made. Those from before"
        " the exporter ran were made afterwards, from the books as they are now." + RANGE,
        series_of(f"""
            SELECT {moment("f.made_on")} AS time, b.metric, sum(b.usd) AS usd
            FROM forecasts f
            CROSS JOIN LATERAL (
              VALUES ('Came', f.came), ('Expected', f.total), ('At least', f.lower), ('At most', f.upper)
            ) b (metric, usd)
            WHERE {LEVEL} AND horizon = '30d' AND made_on BETWEEN {FIRST_DAY} AND {LAST_DAY}
            GROUP BY f.made_on, b.metric ORDER BY 1, 2
        """),
        fields={**{name: seen for name, seen in BAND.items() if name != "Spent"}, "Came": BAND["Spent"]},
    )
    return panel.time_from("180d").hide_time_override(hide_time_override=True)


def own_error() -> Panel:
    """How good the forecasts were."""
    return rows(
        "How good they were",
        "Over the forecasts of the last 26 Mondays: how far the total was off, how often the 95 % range held it, and"
        " how much better that is than carrying on at the mean of 30 days.",
        table_of(f"""
            SELECT {HORIZON} AS "Horizon", avg(error) AS "Off by",
                   avg(coverage) AS "In range", avg(skill) AS "Better by"
            FROM forecast_scores WHERE {LEVEL}
            GROUP BY horizon ORDER BY array_position(ARRAY{[*HORIZONS]}, horizon)
        """),
        fields={"Horizon": wide(105), **dict.fromkeys(("Off by", "In range", "Better by"), unit(RATIO, 0, 88))},
    )
