"""Patterns: when is money spent, and how does that change from month to month?"""

from __future__ import annotations

from dashboards.board import Board, Fold, Panel, row
from dashboards.markers import MARKERS
from dashboards.panels import Steps, gauges, lines, number, rows
from dashboards.queries import ACCOUNTS, DAYS, SOURCES, moment, picked, series_of, table_of
from dashboards.style import CENTS, GREEN, GREY, RATIO, RED, USD, YELLOW, badge, bar, coloured, look, money, unit, wide

DAYS_OF_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAY = "(ARRAY['" + "', '".join(DAYS_OF_WEEK) + "'])[{}]"
RISE: Steps = [(None, GREEN), (0.1, YELLOW), (0.3, RED)]
CHANGE = unit(RATIO, 1, 100)
OF_ACCOUNTS = f"{ACCOUNTS} AND {SOURCES}"


def board() -> Board:
    """The week, then months and quarters."""
    return Board(
        uid="spend-patterns",
        title="Patterns",
        question="When is money spent, and how does that change from month to month?",
        shown=("provider", "team", "account", "source"),
        since="now-90d",
        markers=MARKERS,
        rows=(
            row(4, (6, _running("month")), (6, _running("quarter")), (8, _growth()), (4, _weekend())),
            row(9, (24, _week())),
            row(7, (9, _months()), (8, _quarters()), (7, _weekdays())),
            Fold("Where it is heading", (row(9, (14, _averages()), (10, _trends())),)),
        ),
    )


def _running(period: str) -> Panel:
    return number(
        f"This {period} against the last",
        f"The running {period} up to today, and how that compares with the {period} before up to the same day. Only"
        f" accounts that had all of the {period} before are compared. Source does not narrow it.",
        table_of(f"""
            SELECT sum(amount_usd) AS "So far",
                   sum(amount_usd) FILTER (WHERE same_day_change_ratio IS NOT NULL)
                     / nullif(sum(previous_same_day_usd) FILTER (WHERE same_day_change_ratio IS NOT NULL), 0) - 1
                     AS "Same day"
            FROM {period}_comparison
            WHERE {period} = date_trunc('{period}', spend_today()::timestamp)::date AND {ACCOUNTS}
        """),
        fields={"So far": coloured("text"), "Same day": unit(RATIO, 1)},
        thresholds=RISE,
    )


def _growth() -> Panel:
    spans = {"7 days": 7, "30 days": 30, "90 days": 90}
    figures = ",\n".join(
        f"""sum(amount_usd) FILTER (WHERE day >= spend_today() - {days})
            / nullif(sum(amount_usd) FILTER (
                WHERE day BETWEEN spend_today() - {2 * days} AND spend_today() - {days + 1}), 0) - 1 AS "{name}" """
        for name, days in spans.items()
    )
    return number(
        "Growth",
        "The last 7, 30 and 90 complete days against as many days before. Accounts that began in between count as"
        " growth.",
        table_of(f"""
            SELECT {figures} FROM daily_spend
            WHERE day BETWEEN spend_today() - 180 AND spend_today() - 1 AND {OF_ACCOUNTS}
        """),
        unit=RATIO,
        thresholds=RISE,
    ).decimals(1)


def _weekend() -> Panel:
    return number(
        "Weekend day",
        "What an average Saturday or Sunday of the time range costs as a share of an average working day.",
        table_of(f"""
            SELECT avg(usd) FILTER (WHERE weekday > 5) / nullif(avg(usd) FILTER (WHERE weekday < 6), 0) AS share
            FROM (
              SELECT extract(isodow FROM day) AS weekday, sum(amount_usd) AS usd FROM daily_spend
              WHERE {DAYS} AND day < spend_today() AND {OF_ACCOUNTS} GROUP BY day
            ) days
        """),
        unit=RATIO,
    )


def _week() -> Panel:
    hours = ",\n".join(
        f"""coalesce(sum(amount_usd) FILTER (WHERE hour = {hour}), 0) / 8 AS "{hour:02d}" """ for hour in range(24)
    )
    shades = {"mode": "continuous-blues"}
    cells = look(
        custom__cellOptions={"type": "color-background", "mode": "basic"},
        color=shades,
        custom__align="right",
        custom__minWidth=56,
    )
    return rows(
        "Dollars by weekday and hour, UTC",
        "What an average hour of the week costs, over the last eight weeks, at list prices of hourly usage: when money"
        " is spent, rather than how much. The stronger the blue, the dearer. Made by the last analysis; the time range"
        " does not move it, and accounts without hourly usage are not in it.",
        table_of(f"""
            SELECT {WEEKDAY.format("weekday")} AS "Weekday", {hours}
            FROM weekday_hours WHERE {ACCOUNTS} GROUP BY weekday ORDER BY weekday
        """),
        fields={"Weekday": wide(110), "/^[0-9]+$/": unit(USD) + cells},
    ).no_value("No hourly usage, or not analysed yet: `spend-exporter analyse`")


def _compared(period: str, label: str, title: str, reach: str) -> Panel:
    step = "1 month" if period == "month" else "3 months"
    return rows(
        title,
        f"Charges by calendar {period} in UTC and the change against the one before; the running one is compared up to"
        " the same day. Only accounts that had both wholly are compared. Neither time range nor source narrow it.",
        table_of(f"""
            SELECT {label} || CASE WHEN {period} + interval '{step}' > spend_today() THEN ' so far' ELSE '' END
                     AS "{period.capitalize()}",
                   sum(amount_usd) AS "Spend",
                   sum(amount_usd) FILTER (WHERE change IS NOT NULL)
                     / nullif(sum(before) FILTER (WHERE change IS NOT NULL), 0) - 1 AS "Change"
            FROM (
              SELECT *, coalesce(change_ratio, same_day_change_ratio) AS change,
                     coalesce(previous_same_day_usd, previous_usd) AS before
              FROM {period}_comparison WHERE {period} >= spend_today() - interval '{reach}' AND {ACCOUNTS}
            ) compared GROUP BY {period} ORDER BY {period} DESC
        """),
        fields={"Spend": bar(CENTS, 0, 220), "Change": CHANGE},
    )


def _months() -> Panel:
    return _compared("month", "to_char(month, 'YYYY-MM')", "Month over month", "25 months")


def _quarters() -> Panel:
    return _compared("quarter", """to_char(quarter, 'YYYY "Q"Q')""", "Quarter over quarter", "36 months")


def _weekdays() -> Panel:
    return gauges(
        "An average day",
        "Mean charges of each weekday over the complete days of the time range.",
        table_of(f"""
            SELECT {WEEKDAY.format("weekday")} AS "Weekday", avg(usd) AS "Spend"
            FROM (
              SELECT extract(isodow FROM day)::int AS weekday, sum(amount_usd) AS usd FROM daily_spend
              WHERE {DAYS} AND day < spend_today() AND {OF_ACCOUNTS} GROUP BY day
            ) days GROUP BY weekday ORDER BY weekday
        """),
        each_row=True,
        thresholds=[(None, "#5794F2")],
    )


def _averages() -> Panel:
    return lines(
        "Daily spend and its averages",
        "Charges per complete UTC day, and the mean of the 7 and 30 days that end with it. Source does not narrow it.",
        series_of(f"""
            SELECT {moment("day")} AS time, sum(amount_usd)::float8 AS "A day", sum(avg7)::float8 AS "7 days",
                   sum(avg30)::float8 AS "30 days"
            FROM moving_averages WHERE {DAYS} AND {ACCOUNTS} GROUP BY day ORDER BY day
        """),
        fields={
            "A day": coloured(GREY) + look(custom__lineWidth=1),
            "7 days": coloured("#5794F2"),
            "30 days": coloured("#B877D9") + look(custom__lineWidth=3),
        },
    )


def _trends() -> Panel:
    owners = " AND ".join(picked(column, variable) for column, variable in _OWNERS.items())
    return rows(
        "Trends",
        "Over the last 56 complete days, without the pattern of the week and with spikes weighing little. Increasing or"
        " decreasing: surely not level, and a tenth or more in 30 days. By the last analysis.",
        table_of(f"""
            SELECT level AS "Of", coalesce(nullif(concat_ws(' / ', nullif(account_id, ''), nullif(scope, ''),
                     nullif(model, '')), ''), nullif(team, ''), nullif(provider, ''), 'everything') AS "Name",
                   state AS "Trend", mean_usd AS "A day", slope * 30 / nullif(mean_usd, 0) AS "In 30 days"
            FROM trends
            WHERE level <> 'budget' AND {owners}
            ORDER BY abs(slope) DESC LIMIT 100
        """),
        fields={
            "Of": wide(80),
            "Trend": badge({"increasing": RED, "decreasing": GREEN, "stable": GREY}) + wide(100),
            "A day": money(90),
            "In 30 days": CHANGE,
        },
    ).no_value("No trend yet: it needs 14 days of figures and an analysis")


_OWNERS = {"provider": "provider", "team": "team", "account_id": "account"}
