"""Anomalies: what was unusual, how much did it cost, and why?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.common import ScaleDistributionConfig
from grafana_foundation_sdk.models.common import BigValueTextMode, ScaleDistribution

from dashboards import anomaly_lists as lists
from dashboards.anomaly_lists import SHOWN
from dashboards.board import Board, Fold, Markers, Panel, row
from dashboards.markers import ANOMALIES, RESTATEMENTS
from dashboards.panels import lines, number
from dashboards.queries import (
    ACCOUNTS,
    DAYS,
    MODELS,
    SCOPES,
    latest,
    moment,
    now_of,
    series_of,
    table_of,
)
from dashboards.style import (
    FORECAST,
    GREY,
    RATIO,
    RED,
    SEVERITIES,
    Look,
    coloured,
    look,
    unit,
)

OPEN = ("provider", "account", "scope", "model")


def board() -> Board:
    """Markers on the series, a list with the reason, and how often people agreed."""
    return Board(
        uid="spend-anomalies",
        title="Anomalies",
        question="What was unusual, how much did it cost, and why?",
        shown=("provider", "team", "account", "scope", "model"),
        since="now-90d",
        rows=(
            row(4, (8, _open()), (5, _excess()), (5, _in_range()), (6, _precision())),
            row(7, (14, _course()), (10, _scores())),
            row(9, (24, lists.unusual())),
            Fold("Requests, and changes that were announced", (row(8, (14, lists.requests()), (10, lists.planned())),)),
        ),
        markers=(ANOMALIES, Markers("Announced changes", lists.announced(), GREY), RESTATEMENTS),
    )


def _open() -> Panel:
    return number(
        "Open now",
        "Anomalies whose last day is not past and that nobody dismissed or expected, by severity.",
        *(
            now_of(f"sum({latest('spend_anomaly_active', *OPEN, severity=name)}) or vector(0)", name)
            for name in SEVERITIES
        ),
        unit="none",
        fields={name: _alarming(colour) for name, colour in SEVERITIES.items()},
    )


def _alarming(colour: str) -> Look:
    steps = [{"value": None, "color": "text"}, {"value": 1, "color": colour}]
    return look(thresholds={"mode": "absolute", "steps": steps})


def _excess() -> Panel:
    return number(
        "Dearer than expected",
        "Money beyond the expected over all days of the rises within the time range. An incident that shows in an"
        " account and its parts counts once.",
        table_of(f"""
            SELECT coalesce(sum(total_excess) FILTER (WHERE total_excess > 0), 0) AS usd
            FROM anomalies WHERE {SHOWN} AND part_of IS NULL AND verdict NOT IN ('dismissed', 'expected')
        """),
    )


def _in_range() -> Panel:
    return number(
        "Incidents",
        "How many began within the time range. An incident that shows in an account and its parts counts once.",
        table_of(f"SELECT count(*) AS incidents FROM anomalies WHERE {SHOWN} AND part_of IS NULL"),
        unit="none",
    )


def _precision() -> Panel:
    return number(
        "Right when judged",
        "Of the anomalies of the last 365 days that people judged, the share that they confirmed; and how many wait for"
        " a judgement. Of all accounts.",
        now_of(latest("spend_anomaly_precision_ratio"), "Confirmed"),
        now_of(f"sum({latest('spend_anomaly_feedback', verdict='open')})", "To be judged"),
        unit=RATIO,
        fields={"To be judged": unit("none")},
    ).text_mode(BigValueTextMode.VALUE_AND_NAME)


def _course() -> Panel:
    return lines(
        "Daily spend, with what was unusual",
        "Charges per UTC day of what is picked. Marks are the days on which anomalies of it began, at what it cost"
        " and at what was expected of it.",
        series_of(f"""
            SELECT {moment("day")} AS time, 'Spend' AS metric, sum(amount_usd)::float8 AS usd
            FROM best_charges WHERE {DAYS} AND {ACCOUNTS} AND {MODELS} AND {SCOPES} GROUP BY day
            UNION ALL
            SELECT {moment("day")}, mark.metric, max(mark.usd)
            FROM anomalies CROSS JOIN LATERAL (
              VALUES ('Unusual', cost), ('Expected', expected), ('Usual at least', lower), ('Usual at most', upper)
            ) mark (metric, usd)
            WHERE {SHOWN} AND part_of IS NULL GROUP BY day, mark.metric ORDER BY 1, 2
        """),
        fields={
            "Spend": coloured("#56A64B"),
            "Unusual": _marks(RED, 11),
            "Expected": _marks(FORECAST, 8),
            "Usual at least": _marks(GREY, 5),
            "Usual at most": _marks(GREY, 5),
        },
    )


def _marks(colour: str, size: int) -> Look:
    return coloured(colour) + look(custom__drawStyle="points", custom__showPoints="always", custom__pointSize=size)


def _scores() -> Panel:
    return lines(
        "Score",
        "How far each anomaly's first day lay outside the usual; 4 is the border. By severity.",
        series_of(f"""
            SELECT {moment("day")} AS time, severity AS metric, max(score) AS score
            FROM anomalies WHERE {SHOWN} GROUP BY 1, 2 ORDER BY 1, 2
        """),
        unit="none",
        fields={name: _marks(colour, 6 + 2 * place) for place, (name, colour) in enumerate(SEVERITIES.items())},
    ).scale_distribution(ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10))
