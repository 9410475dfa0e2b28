"""Rules: what promtool says of them, and that nothing they name is a ghost.

The cases are in recording-rules/tests; here stands what has to hold of every rule, so that none is forgotten.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.metrics import catalog

FOLDER = Path(__file__).parents[2] / "recording-rules"
LOADED = sorted(FOLDER.glob("*.yml"))
OPTIONAL = sorted((FOLDER / "optional").glob("*.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.yml"))

_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_LABELS = re.compile(r"\b(?:without|by|on|ignoring|group_left|group_right)\s*\([^)]*\)|\{[^}]*\}|\[[^\]]*\]")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_WORDS = {"and", "or", "unless", "offset", "bool", "without", "by", "on", "ignoring", "group_left", "group_right"}
_IN_A_TEMPLATE = re.compile(r"\b(?:[a-z_]+:[a-z0-9_%]+:[a-z0-9_]+|spend_[a-z0-9_]+)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One recording or alerting rule and where it stands."""

    file: Path
    group: str
    name: str
    alert: bool
    body: dict[str, Any]

    @property
    def expr(self) -> str:
        return str(self.body["expr"])

    @property
    def annotations(self) -> dict[str, str]:
        return dict(self.body.get("annotations", {}))

    def metrics(self) -> set[str]:
        """Every metric that the expression or a query in a text names."""
        found = names(self.expr)
        for text in self.annotations.values():
            for name in _IN_A_TEMPLATE.findall(text):
                found |= {name.replace("%s", figure) for figure in ("spent", "forecast")}
        return found


def names(expr: str) -> set[str]:
    """The metrics of a PromQL expression: its identifiers, less functions, label lists, matchers and words."""
    bare = _LABELS.sub(" ", _TEXT.sub('""', re.sub(r"#.*", "", expr)))
    return set(_NAME.findall(bare)) - _WORDS


def rules(files: list[Path]) -> Iterator[Rule]:
    for file in files:
        for group in yaml.safe_load(file.read_text())["groups"]:
            for body in group["rules"]:
                alert = "alert" in body
                yield Rule(file, group["name"], body["alert" if alert else "record"], alert, body)


RULES = list(rules(LOADED))
ALERTS = [rule for rule in RULES if rule.alert]
RECORDS = [rule for rule in RULES if not rule.alert]
CASES = [case for file in TESTS for case in yaml.safe_load(file.read_text())["tests"]]

ONE = "without (instance, job, pod, node, replica, prometheus_replica"
OURS = {definition.name: definition for definition in catalog.DEFINITIONS}
OTHERS = {"up", "alertmanager_notifications_failed_total"}
AWAITED = {
    "spend_prepaid_balance_usd": "comes with the first provider that reports balances",
    "spend_quota_limit": "comes with the first provider that reports quotas",
    "spend_quota_remaining": "comes with the first provider that reports quotas",
    "spend_manual_entry_due_timestamp_seconds": "comes with manual entries",
}
SEVERITIES = {"info", "warning", "critical"}
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}
RUNBOOK = (FOLDER / "RUNBOOK.md").read_text()
HEADINGS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.file.name}:{rule.name}")
every_alert = pytest.mark.parametrize(
    "alert", ALERTS, ids=lambda rule: f"{rule.name}-{rule.body['labels']['severity']}"
)


def test_promtool_finds_nothing_to_say(program):
    files = [*LOADED, *OPTIONAL]
    done = subprocess.run(
        [program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_the_cases_of(file, program):
    done = subprocess.run([program("promtool"), "test", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@every_rule
def test_every_metric_exists(rule):
    known = OURS.keys() | {record.name for record in RECORDS} | OTHERS
    known |= AWAITED.keys() if rule.file.name == "awaited.alerts.yml" else set()
    assert rule.metrics() or "vector(" in rule.expr
    assert rule.metrics() <= known


def test_optional_rules_know_only_what_exists():
    optional = list(rules(OPTIONAL))
    for rule in optional:
        assert rule.metrics() <= OURS.keys() | {other.name for other in optional}


def test_nothing_is_awaited_that_has_come():
    assert not AWAITED.keys() & OURS.keys(), "move its alert to its topic's file and strike it from AWAITED"


@every_rule
def test_replicas_count_once(rule):
    ours = rule.metrics() & OURS.keys()
    per_target = rule.name == "SpendExporterDown"  # which of them is down is the point
    assert not ours or per_target or ONE in rule.expr


@pytest.mark.parametrize("record", RECORDS, ids=lambda rule: rule.name)
def test_records_are_named_by_level_metric_and_operations(record):
    assert re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", record.name)
    assert record.file.name.endswith(".rules.yml")
    assert record.group.startswith("spend.")


@pytest.mark.parametrize("record", RECORDS, ids=lambda rule: rule.name)
def test_records_are_read_by_an_alert_or_a_case(record):
    asked = {name for case in CASES for test in case.get("promql_expr_test", ()) for name in names(test["expr"])}
    assert any(record.name in rule.metrics() for rule in RULES) or record.name in asked


@every_alert
def test_alerts_are_complete(alert):
    assert alert.file.name.endswith(".alerts.yml")
    assert alert.body["labels"]["severity"] in SEVERITIES
    assert alert.annotations.keys() == ANNOTATIONS
    assert alert.annotations["runbook_url"].endswith(f"#{alert.name.lower()}")
    assert re.search(r"/spend-[a-z]+", alert.annotations["dashboard_url"])


@every_alert
def test_alerts_have_a_heading_in_the_runbook(alert):
    parts = re.findall(r"^- \*\*(.+?)\.\*\*", HEADINGS[alert.name], re.MULTILINE)
    assert parts == ["Meaning", "First look", "Usual cause", "Silence"]


def test_the_runbook_knows_no_ghosts():
    assert HEADINGS.keys() == {alert.name for alert in ALERTS}


@every_alert
def test_alerts_are_seen_silent_and_seen_firing_with_their_texts(alert):
    seen = [test for case in CASES for test in case.get("alert_rule_test", ()) if test["alertname"] == alert.name]
    firing = [found for test in seen for found in test.get("exp_alerts", ())]
    assert any(not test.get("exp_alerts") for test in seen), "no case in which it is silent"
    mine = [found for found in firing if found["exp_labels"]["severity"] == alert.body["labels"]["severity"]]
    assert any(found["exp_annotations"].keys() == ANNOTATIONS for found in mine), "no case in which it fires"


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ('a:b_c:d{x="spend_not"} * ignoring (level) group_left (team) spend_x', {"a:b_c:d", "spend_x"}),
        ("sum without (a, b) (rate(spend_x_total[5m] offset 1d)) > 3 # and spend_not", {"spend_x_total"}),
        ('label_replace(up, "x", "$1", "y", "(.+)") and on (job) max_over_time(spend_y[1d:5m])', {"up", "spend_y"}),
    ],
)
def test_the_names_of_an_expression(expr, found):
    assert names(expr) == found
