"""Every query of every dashboard against real servers: it runs, finds rows and has the columns its panel needs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboards.__main__ import files

BOARDS = {name.removesuffix(".json"): json.loads(text) for name, text in files().items()}
NOTHING = "no-such-thing"
# What is rightly empty in a world in which all is well.
MAY_BE_EMPTY = {
    ("spend-anomalies", "Requests without cost"),  # the demo's incidents are of money
    ("spend-optimisation", "Cost per request, by feature and variant"),  # its usage has no tags
    ("spend-exporter", "Syncs that failed"),
    ("spend-exporter", "Requests to providers per hour"),  # nobody was throttled
    ("spend-exporter", "Unknown fields per day"),
}


def cases(source: str) -> list[Any]:
    found = []
    for uid, board in BOARDS.items():
        flat = [inner for panel in board["panels"] for inner in (panel, *panel.get("panels", ()))]
        for panel in flat:
            for target in panel.get("targets", ()):
                if source in target:
                    name = f"{uid}: {panel['title']} {target['refId']}"
                    found.append(pytest.param(uid, panel, target, id=name))
    return found


def variables() -> list[Any]:
    board = next(iter(BOARDS.values()))
    return [pytest.param(one["query"], id=one["name"]) for one in board["templating"]["list"] if one["type"] == "query"]


def annotations() -> list[Any]:
    return [
        pytest.param(one["target"]["rawSql"], id=f"{uid}: {one['name']}")
        for uid, board in BOARDS.items()
        for one in board["annotations"].get("list", ())
    ]


@pytest.mark.parametrize(("uid", "panel", "target"), cases("rawSql"))
def test_queries_of_postgres(grafana, uid, panel, target):
    columns, rows = grafana.rows(target["rawSql"])
    if (uid, panel["title"]) not in MAY_BE_EMPTY:
        assert rows, "no rows"
        assert any(value is not None for row in rows for value in row), "nothing but nulls"
    assert len(set(columns)) == len(columns)
    if target["format"] == "time_series":
        check_series(columns, rows)
    numbers = [i for i, name in enumerate(columns) if any(isinstance(row[i], int | float | Decimal) for row in rows)]
    assert numbers or panel["type"] == "table"
    check_fields(panel, {*columns, *(row[columns.index("metric")] for row in rows if "metric" in columns)})


def check_series(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    assert columns[0] == "time"
    times = [row[0] for row in rows]
    assert all(isinstance(time, datetime) and time.tzinfo for time in times)
    assert times == sorted(times), "Grafana refuses a series that is not sorted by time"
    texts = [name for i, name in enumerate(columns) if any(isinstance(row[i], str) for row in rows)]
    assert texts in ([], ["metric"])


def check_fields(panel: dict[str, Any], names: set[str]) -> None:
    """An override that fits no column is a column that was renamed. Series of sources may lack some."""
    if len(panel["targets"]) > 1 or "time_series" in {target.get("format") for target in panel["targets"]}:
        return
    wanted = {
        one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"] if one["matcher"]["id"] == "byName"
    }
    assert wanted <= names, f"no column {wanted - names}"
    by = panel["options"].get("sortBy") or []
    assert {one["displayName"] for one in by} <= names


@pytest.mark.parametrize(("uid", "panel", "target"), cases("rawSql"))
def test_queries_of_postgres_when_nothing_fits(grafana, uid, panel, target):
    picked = dict.fromkeys(("provider", "account", "team", "model", "scope", "budget"), NOTHING)
    grafana.rows(target["rawSql"], **picked, source=NOTHING)
    grafana.rows(target["rawSql"], **dict.fromkeys(picked, "(o'neill|a\\.b)"))


@pytest.mark.parametrize(("uid", "panel", "target"), cases("rawSql"))
def test_queries_of_postgres_over_years(grafana, uid, panel, target, monkeypatch):
    monkeypatch.setattr(grafana, "span", timedelta(days=1461))
    _, rows = grafana.rows(target["rawSql"])
    if target["format"] == "time_series" and "date_trunc" in target["rawSql"]:
        assert {row[0].day for row in rows} == {1}
        assert {row[0].astimezone(UTC).hour for row in rows} == {0}


@pytest.mark.parametrize(("uid", "panel", "target"), cases("expr"))
def test_queries_of_prometheus(grafana, uid, panel, target):
    found = grafana.series(target["expr"])
    if (uid, panel["title"]) not in MAY_BE_EMPTY:
        assert found, "no series"
    for label in re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")):
        assert all(one["metric"].get(label) for one in found), f"a series has no {label}"
    grafana.series(target["expr"], **dict.fromkeys(("provider", "account", "team", "model", "scope"), NOTHING))


@pytest.mark.parametrize("query", variables())
def test_variables_offer_something(grafana, query):
    columns, rows = grafana.rows(query)
    assert rows
    assert len(columns) == 1 or columns == ["__text", "__value"]
    grafana.rows(query, provider=NOTHING, account=NOTHING, team=NOTHING)


@pytest.mark.parametrize("query", annotations())
def test_annotations(grafana, query):
    columns, rows = grafana.rows(query)
    assert {"time", "text", "tags"} <= set(columns) <= {"time", "timeend", "text", "tags"}
    assert all(isinstance(row[columns.index("time")], datetime) for row in rows)
