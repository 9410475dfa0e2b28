"""A real Prometheus evaluates every rule over every metric there is, scraped from two replicas."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from exporter.metrics import catalog

FOLDER = Path(__file__).parents[2] / "recording-rules"
TYPICAL = {
    "level": "warning", "basis": "actual", "kind": "spike", "severity": "high", "day": "today", "window": "7d",
    "token_type": "input", "code_class": "2xx", "reason": "try_later", "horizon": "month_end",
}  # fmt: skip
LATER = {"account:spend_previous_month_usd:delta1d"}  # compares with a day ago


def exposition() -> str:
    """One sample of every family, with the labels that rules tell apart. Counters count seconds, the rest is 1."""
    lines = []
    for family in catalog.DEFINITIONS:
        labels = {name: TYPICAL.get(name, "x") for name in family.labels}
        lines.append(sample(family.name, labels))
        if family is catalog.TOKENS_RECOGNIZED:
            lines.append(sample(family.name, labels | {"token_type": "output"}))
    return "\n".join(lines) + "\n"


def sample(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}} {time.time() if name.endswith('_total') else 1}"


class Replica(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = exposition().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def replicas() -> Iterator[list[str]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Replica) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"127.0.0.1:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def prometheus(program, replicas, tmp_path) -> Iterator[str]:
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(FOLDER / "*.yml"), str(FOLDER / "optional" / "*.yml")],
        "scrape_configs": [{"job_name": "any", "static_configs": [{"targets": replicas}]}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    log = tmp_path / "log"
    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with log.open("w") as output:
        server = subprocess.Popen(
            [program("prometheus"), *options, f"--web.listen-address={address}"], stdout=output, stderr=output
        )
        try:
            yield address
            said = log.read_text().splitlines()
        finally:
            server.terminate()
            server.wait(60)
    assert [line for line in said if re.search("level=(warn|error)", line, re.IGNORECASE)] == []


def ask(address: str, path: str) -> dict:
    with urlopen(f"http://{address}/api/v1/{path}", timeout=10) as reply:
        return json.load(reply)["data"]


def wait_until(what, patience: float = 90) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            missing = what()
        except OSError as error:
            missing = error
        if not missing:
            return
        assert time.monotonic() < end, missing
        time.sleep(0.5)


def test_every_rule_is_evaluated_and_every_record_has_a_series(prometheus):
    def found() -> set[str]:
        return {
            rule["name"]
            for group in ask(prometheus, "rules")["groups"]
            for rule in group["rules"]
            if rule["type"] == "recording"
        }

    def empty() -> set[str]:
        records = found()
        return (records - LATER - set(ask(prometheus, "label/__name__/values"))) if records else {"no rules"}

    wait_until(empty)
    rules = [rule for group in ask(prometheus, "rules")["groups"] for rule in group["rules"]]
    files = [*FOLDER.glob("*.yml"), *FOLDER.glob("optional/*.yml")]
    assert len(rules) == sum(len(g["rules"]) for file in files for g in yaml.safe_load(file.read_text())["groups"])
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
    firing = {alert["labels"]["alertname"]: alert for alert in ask(prometheus, "alerts")["alerts"]}
    assert firing["SpendBudgetWarning"]["annotations"]["summary"] == "Budget x: 100% spent, level warning"
    assert "instance" not in firing["SpendBudgetWarning"]["labels"]
