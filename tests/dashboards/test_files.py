"""What holds of every dashboard without a server: the committed files, their shape, and the names they use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.__main__ import drifted, files
from dashboards.board import row
from dashboards.variables import NAMES, variables
from exporter.metrics import catalog

ROOT = Path(__file__).parents[2]
BOARDS = {name.removesuffix(".json"): json.loads(text) for name, text in files().items()}
FIRST_SCREEN = 20  # rows of 38 pixels: 900 less the page's own head
METRICS = {definition.name for definition in catalog.DEFINITIONS}
HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")


def panels(board: dict[str, Any], *, folded: bool = True) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        elif folded:
            yield from panel["panels"]


def targets(board: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in panels(board):
        yield from ((panel["title"], target) for target in panel.get("targets", ()))
    yield from ((one["name"], one["target"]) for one in board["annotations"].get("list", ()))


def every(what) -> list[Any]:
    return [pytest.param(uid, item, id=f"{uid}: {item[0]}") for uid, board in BOARDS.items() for item in what(board)]


def test_the_committed_files_are_what_the_builders_make():
    assert drifted() == [], "run `python -m dashboards`"


def test_uids_and_titles_are_unique():
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)
    assert all(uid == board["uid"] and re.fullmatch("spend-[a-z-]{1,30}", uid) for uid, board in BOARDS.items())


@pytest.mark.parametrize("uid", BOARDS)
def test_nothing_is_lost_on_the_way_through_the_sdk(uid):
    register_default_plugins()
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(BOARDS[uid])))
    assert again == BOARDS[uid]


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_have_a_number_a_title_and_an_explanation(uid):
    found = [*panels(BOARDS[uid])]
    numbers = [panel["id"] for panel in [*found, *(one for one in BOARDS[uid]["panels"] if one["type"] == "row")]]
    assert len(set(numbers)) == len(numbers)
    assert [panel["id"] for panel in found if not panel["title"] or len(panel["description"]) < 15] == []
    assert len({panel["title"] for panel in found}) == len(found)


@pytest.mark.parametrize("uid", BOARDS)
def test_no_panel_lies_on_another(uid):
    def cells(panel):
        at = panel["gridPos"]
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    for group in (BOARDS[uid]["panels"], *(fold["panels"] for fold in BOARDS[uid]["panels"] if fold["type"] == "row")):
        for one, other in combinations(group, 2):
            assert not cells(one) & cells(other), (one["title"], other["title"])
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in group)


@pytest.mark.parametrize("uid", BOARDS)
def test_what_is_open_fits_the_first_screen(uid):
    ends = [panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels(BOARDS[uid], folded=False)]
    assert max(ends) <= FIRST_SCREEN


@pytest.mark.parametrize(("uid", "item"), every(targets))
def test_data_sources_are_provisioned(uid, item):
    file = ROOT / "grafana/provisioning/datasources/spend.yaml"
    known = {(one["uid"], one["type"]) for one in yaml.safe_load(file.read_text())["datasources"]}
    assert (item[1]["datasource"]["uid"], item[1]["datasource"]["type"]) in known


def records() -> set[str]:
    found = [yaml.safe_load(file.read_text()) for file in (ROOT / "recording-rules").glob("*.yml")]
    return {rule["record"] for file in found for one in file["groups"] for rule in one["rules"] if "record" in rule}


@pytest.mark.parametrize(("uid", "item"), every(lambda board: [t for t in targets(board) if "expr" in t[1]]))
def test_metrics_exist(uid, item):
    bare = re.sub(r'"[^"]*"', '""', item[1]["expr"])
    named = {*re.findall(r"(?<![\w:])(spend_\w+)(?![\w:])", bare), *re.findall(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", bare)}
    others = {"up", "ALERTS", "ALERTS_FOR_STATE"} & set(re.findall(r"\w+", bare))
    others |= set(re.findall(r"\b(?:process|alertmanager|prometheus)_\w+", bare))
    assert named | others, "it names no metric"
    assert {name for name in named if HISTOGRAM.sub("", name) not in METRICS} <= records()


@pytest.mark.parametrize("uid", BOARDS)
def test_variables_that_are_used_are_shown(uid):
    asked = json.dumps([target for _, target in targets(BOARDS[uid])])
    used = {name for name in NAMES if re.search(rf"\$\{{{name}[:}}]|\${name}\b", asked)}
    shown = {one["name"] for one in BOARDS[uid]["templating"]["list"] if one.get("hide", 0) == 0}
    assert [one["name"] for one in BOARDS[uid]["templating"]["list"]] == list(NAMES)
    assert shown == used


@pytest.mark.parametrize("uid", BOARDS)
def test_links_lead_to_dashboards_that_exist(uid):
    text = json.dumps(BOARDS[uid])
    assert set(re.findall(r"/d/([\w-]+)", text)) <= set(BOARDS)


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="24 columns"):
        row(4)
    with pytest.raises(ValueError, match="no variable modle"):
        variables(("modle",))
