"""When messages come: soon enough, and not at night."""

from __future__ import annotations

import time
from pathlib import Path

import yaml

RULES = Path(__file__).parents[2] / "recording-rules"
PATIENCE = 60


def test_a_breach_is_told_within_five_minutes_by_the_shipped_times(configuration):
    route, seconds = configuration()["route"], {"s": 1, "m": 60, "h": 3600}
    wait = int(route["group_wait"][:-1]) * seconds[route["group_wait"][-1]]
    rules = yaml.safe_load((RULES / "budgets.alerts.yml").read_text())["groups"][0]["rules"]
    levels = [
        rule for rule in rules if rule["alert"] in {"SpendBudgetWarning", "SpendBudgetCritical", "SpendBudgetEmergency"}
    ]
    assert len(levels) == 3
    assert all("for" not in rule for rule in levels)
    scrape, evaluation = 60, 60  # docs/alerting.md: an evaluation interval of a minute or less
    assert scrape + evaluation + wait < 300


def test_quiet_hours_hold_back_warnings_and_nothing_critical(alertmanager, configuration, services):
    config = configuration("quiet hours")
    config["time_intervals"][0]["time_intervals"] = [{"weekdays": ["sunday:saturday"]}]
    config["route"] |= {"group_wait": "100ms", "group_interval": "200ms"}
    for receiver in config["receivers"]:
        for kind in [kind for kind in receiver if kind.endswith("_configs")]:
            del receiver[kind]
        receiver["webhook_configs"] = [{"url": f"{services.url}/{receiver['name']}"}]
    server = alertmanager(config)
    server.tell(*({"alertname": severity, "severity": severity} for severity in ("warning", "critical")))
    heard = {"/history", "/pagerduty", "/email", "/slack", "/discord", "/teams", "/webhook"}
    until = time.monotonic() + PATIENCE
    while {where for _, where, _ in services.seen} < heard and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    assert {where for _, where, _ in services.seen} == heard
    told = {(where, alert["labels"]["severity"]) for _, where, body in services.seen for alert in body["alerts"]}
    assert {where for where, severity in told if severity == "warning"} == {"/history"}
