"""The shipped configuration and every example of its documentation: valid, and each alert goes where it should."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROWS = yaml.safe_load((ROOT / "tests" / "routes.yml").read_text())
RULES = [yaml.safe_load(file.read_text()) for file in (ROOT / "recording-rules").glob("*.alerts.yml")]
ALERTS = {rule["alert"] for file in RULES for group in file["groups"] for rule in group["rules"]}


@pytest.fixture
def amtool(program):
    def run(*words):
        return subprocess.run([program("amtool"), *map(str, words)], capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize("example", ["", "amazon", "mailgun", "resend", "teams", "quiet hours", "yours"])
def test_it_is_valid(amtool, configuration, file, example):
    done = amtool("check-config", file(configuration(example)))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join([row.get("with", ""), *row["labels"].values()]))
def test_an_alert_goes_to(amtool, configuration, file, row):
    config = file(configuration(row.get("with", "")))
    labels = [f"{name}={value}" for name, value in row["labels"].items()]
    wanted = f"--verify.receivers={','.join(row['to'])}"
    done = amtool("config", "routes", "test", f"--config.file={config}", wanted, *labels)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_receiver_is_reached_by_a_row(configuration):
    reached = {receiver for row in ROWS for receiver in row["to"]}
    assert {receiver["name"] for receiver in configuration()["receivers"]} <= reached


def test_secrets_are_in_files_only():
    text = (ROOT / "alertmanager" / "alertmanager.yml").read_text()
    named = set(re.findall(r"(\w*(?:password|key|url|credentials|token)\w*): ", text))
    without_file = {name for name in named if not name.endswith("_file")}
    assert without_file == {"url", "client_url"}
    assert set(re.findall(r"\burl: ([^'\n]+)\n", text)) == {"http://exporter:9918/-/alerts"}


def test_inhibit_rules_name_alerts_that_exist(configuration):
    for rule in configuration()["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            name, operator, value = re.fullmatch(r'(\w+)(=~?)"(.*)"', matcher).groups()
            if name == "alertname":
                pattern = value if operator == "=~" else re.escape(value)
                meant = {alert for alert in ALERTS if re.fullmatch(pattern, alert)}
                assert len(meant) == 1 + value.count("|"), matcher


def test_every_integration_tells_the_end(configuration):
    for receiver in configuration()["receivers"]:
        for kind, integrations in receiver.items():
            for one in integrations if kind.endswith("_configs") else []:
                assert one.get("send_resolved", kind == "webhook_configs"), receiver["name"]
