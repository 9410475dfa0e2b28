"""Alerts: what alerted, how long did it last, and did the messages arrive?"""

from __future__ import annotations

from dashboards.board import Board, Fold, Panel, row
from dashboards.panels import bars, gauges, joined, number, rows
from dashboards.queries import BUCKET, now_of, picked, series_of, table_of
from dashboards.style import API, GREEN, GREY, ORANGE, RATIO, RED, SECONDS, badge, coloured, look, unit, wide

SEVERITIES = {"critical": RED, "warning": ORANGE, "info": API}
SEVERITY = badge(SEVERITIES) + wide(95)
WHEN = "time:MMM D, HH:mm"

NAMED = " AND ".join(
    picked(f"coalesce(labels ->> '{name}', '')", name) for name in ("provider", "account", "team", "budget")
)
"""SQL: a row of `alert_history` is about what is picked. An alert that has no such label is in All only."""

HISTORY = f"starts_at BETWEEN $__timeFrom() AND $__timeTo() AND {NAMED}"
LASTED = "extract(epoch FROM ends_at - starts_at)"
STATE = """
    CASE WHEN ends_at IS NOT NULL THEN 'resolved' WHEN received_at > now() - interval '2 hours' THEN 'firing'
         ELSE 'lost sight of' END
"""

_OURS = ", ".join(f'{name}=~"${name}"' for name in ("provider", "account", "team", "budget"))
_ALERTS = f'alertname=~"Spend.+", {_OURS}'
FIRING = f'ALERTS{{alertstate="firing", {_ALERTS}}}'
SINCE = f"1000 * ALERTS_FOR_STATE{{{_ALERTS}}} * ignoring (alertstate) {FIRING}"
ABOUT = f'label_join({SINCE}, "about", " ", "budget", "provider", "account", "model", "level")'


def board() -> Board:
    """What fires now, then what did."""
    return Board(
        uid="spend-alerts",
        title="Alerts",
        question="What alerted, how long did it last, and did the messages arrive?",
        shown=("provider", "team", "account", "budget"),
        rows=(
            row(4, (9, _firing_count()), (5, _count()), (6, _resolved()), (4, _delivered())),
            row(8, (12, _firing()), (7, _daily()), (5, _channels())),
            row(8, (18, _history()), (6, _time_to_resolve())),
            Fold("Texts and labels", (row(10, (24, _texts())),)),
        ),
    )


def _firing_count() -> Panel:
    queries = (
        now_of(f'count(ALERTS{{alertstate="firing", severity="{name}", {_ALERTS}}}) or vector(0)', name.capitalize())
        for name in SEVERITIES
    )
    return number(
        "Firing now",
        "Our alerts that fire at this moment, by severity, as Prometheus says; silenced ones are among them.",
        *queries,
        unit="none",
        thresholds=[(None, GREEN), (1, ORANGE)],
        fields={"Critical": look(thresholds={"mode": "absolute", "steps": _CRITICAL})},
    )


_CRITICAL = [{"value": None, "color": GREEN}, {"value": 1, "color": RED}]


def _count() -> Panel:
    return number(
        "Began",
        "How many alerts began within the time range, and how many of them have not ended as far as we were told.",
        table_of(f"""
            SELECT count(*) AS "All", count(*) FILTER (WHERE ends_at IS NULL) AS "Open"
            FROM alert_history WHERE {HISTORY}
        """),
        unit="none",
    )


def _resolved() -> Panel:
    return number(
        "Time to resolve",
        "How long alerts that began within the time range lasted, from the start to the end: the median, and the"
        " longest.",
        table_of(f"""
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY {LASTED}) AS "Median", max({LASTED}) AS "Longest"
            FROM alert_history WHERE ends_at IS NOT NULL AND {HISTORY}
        """),
        unit=SECONDS,
    )


SENT = "sum by (integration) (increase(alertmanager_notifications_total[24h]))"
FAILED = "sum by (integration) (increase(alertmanager_notifications_failed_total[24h]))"


def _delivered() -> Panel:
    return number(
        "Delivered, 24 hours",
        "Messages that Alertmanager could deliver, of all it tried to send over the last 24 hours on every channel. A"
        " dash: nothing was sent, or Prometheus does not scrape Alertmanager.",
        now_of(f"1 - sum({FAILED}) / (sum({SENT}) > 0)"),
        unit=RATIO,
        thresholds=[(None, RED), (0.95, ORANGE), (1, GREEN)],
    )


def _firing() -> Panel:
    panel = rows(
        "What fires",
        "Our alerts that fire now, and since when Prometheus has seen their condition.",
        now_of(f"max by (severity, alertname, about, team) ({ABOUT})", table=True),
        fields={
            "Severity": SEVERITY,
            "Alert": wide(235),
            "Team": wide(100),
            "Since": unit("dateTimeFromNow", width=120),
        },
        sort="Since",
    )
    columns = {"severity": "Severity", "alertname": "Alert", "about": "About", "team": "Team"}
    return joined(panel, columns | {"Value": "Since"}).no_value("Nothing fires")


def _daily() -> Panel:
    return bars(
        "How many began",
        "Alerts by the UTC day they began, and severity; per week from a year on, per month from three years on.",
        series_of(f"""
            SELECT date_trunc({BUCKET}, starts_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS time, severity AS metric,
                   count(*) AS alerts
            FROM alert_history WHERE {HISTORY} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit="none",
        fields={name: coloured(colour) for name, colour in SEVERITIES.items()},
    ).decimals(0)


def _channels() -> Panel:
    panel = rows(
        "Messages by channel, 24 hours",
        "How many messages Alertmanager tried to send over each channel, and how many it could not. Webhook is also"
        " how the history below is written.",
        now_of(f"round({SENT}) > 0", table=True),
        now_of(f"round({FAILED}) and on (integration) (round({SENT}) > 0)", table=True),
        fields={
            "Sent": unit("none", 0, 70),
            "Failed": unit("none", 0, 80) + look(thresholds={"mode": "absolute", "steps": _CRITICAL}),
        },
        sort="Sent",
    )
    columns = {"integration": "Channel", "Value #A": "Sent", "Value #B": "Failed"}
    return joined(panel, columns).no_value("No messages, or Prometheus does not scrape Alertmanager")


def _history() -> Panel:
    return rows(
        "History",
        "Alerts that began within the time range, as Alertmanager told the exporter. Silenced and inhibited ones are"
        " not told. Lost sight of: neither its end nor a reminder came for two hours, so probably it was silenced.",
        table_of(f"""
            SELECT starts_at AS "Began", severity AS "Severity", alertname AS "Alert",
                   coalesce(annotations ->> 'summary', '') AS "What", value AS "Dollars", {LASTED} AS "Lasted",
                   {STATE} AS "State"
            FROM alert_history WHERE {HISTORY} ORDER BY starts_at DESC LIMIT 1000
        """),
        fields={
            "Began": unit(WHEN, width=120),
            "Severity": SEVERITY,
            "Alert": wide(235),
            "Dollars": unit("prefix:$", 2, 90),
            "Lasted": unit(SECONDS, 1, 110),
            "State": badge({"firing": RED, "resolved": GREEN, "lost sight of": GREY}) + wide(110),
        },
    ).no_value("No alert began in this time, or Alertmanager does not tell the exporter: docs/notifications.md")


def _time_to_resolve() -> Panel:
    return gauges(
        "Time to resolve, by alert",
        "The median of alerts that began within the time range and have ended.",
        table_of(f"""
            SELECT regexp_replace(alertname, '^Spend', '') AS "Alert",
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY {LASTED}) AS "Median"
            FROM alert_history WHERE ends_at IS NOT NULL AND {HISTORY} GROUP BY 1 ORDER BY 2 DESC LIMIT 8
        """),
        unit=SECONDS,
        each_row=True,
        thresholds=[(None, "#5794F2")],
    )


def _texts() -> Panel:
    return rows(
        "What they said",
        "The description as last told while the alert fired, its level and labels, and how often it was told.",
        table_of(f"""
            SELECT starts_at AS "Began", alertname AS "Alert", level AS "Level", notified AS "Told",
                   annotations ->> 'description' AS "Description", labels::text AS "Labels"
            FROM alert_history WHERE {HISTORY} ORDER BY starts_at DESC LIMIT 1000
        """),
        fields={
            "Began": unit(WHEN, width=120),
            "Alert": wide(230),
            "Level": wide(90),
            "Told": unit("none", 0, 70),
            "Description": look(custom__inspect=True),
            "Labels": look(custom__inspect=True),
        },
    ).no_value("No alert began in this time")
