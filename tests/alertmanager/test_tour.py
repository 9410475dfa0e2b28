"""`make tour`: the stack as `make stack` starts it, and a budget's breach and its end in every channel."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PATIENCE = 120
NAME = "The tour"
SPENT = "sum(max without (instance) (spend_month_to_date_usd)) > 0"
SECRETS = {
    "slack_url": "/slack/FAKE",
    "discord_url": "/discord/FAKE",
    "teams_url": "/teams/FAKE",
    "webhook_url": "/webhook/FAKE",
    "smtp_password": "FAKE",
    "pagerduty_key": "FAKE",
}
OVER = re.compile('RESOLVED|"status": "resolved"')
CHANNELS = {"/slack", "/discord", "/teams", "/webhook", "/pagerduty", "/mail"}
MAY_HAVE_NO_SERIES = {
    "account:spend_sync_last_failure:info": "no sync fails",
    "account:spend_previous_month_usd:delta1d": "compares with a day ago",
    "anomaly:spend_anomaly_active:max": "of today's anomalies, and there may be none",
    "anomaly_team:spend_anomaly_active:max": "of today's anomalies, and there may be none",
    "anomaly:spend_anomaly_excess_usd:max": "of today's anomalies, and there may be none",
    "anomaly:spend_anomaly_expected_usd:max": "of today's anomalies, and there may be none",
    "anomaly:spend_anomaly_info:one": "of today's anomalies, and there may be none",
}


class Stack:
    """A running one."""

    def __init__(self, folder: Path, words: list[str], addresses: dict[str, str]) -> None:
        self.folder, self.addresses, self.started = folder, addresses, time.monotonic()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SPEND_")}
        self.environment |= {"SPEND_PUBLISH_INTERVAL": "1", "PYTHONPATH": str(ROOT)}
        self.environment.pop("DATABASE_URL", None)
        self.log = folder / "said"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.stack", f"--data={folder}", *words],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def say(self, sentence: str) -> None:
        print(f"{time.monotonic() - self.started:6.1f} s  {sentence}", flush=True)

    def wait(self, what: str, found: Callable[[], Any]) -> Any:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError):
                if result := found():
                    self.say(what)
                    return result
            time.sleep(0.2)
        raise AssertionError(f"never: {what}\n{self.log.read_text()}")

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"http://{self.addresses['prometheus']}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=10) as reply:
            return json.load(reply)["data"]

    def run(self, *words: str) -> str:
        command = [sys.executable, "-m", "exporter", f"--data-dir={self.folder}/demo", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self) -> dict[str, Any]:
        """What the history has of our budget's alert."""
        rows = json.loads(self.run("alerts", "history", "--json"))["alerts"]
        ours = [row for row in rows if row["labels"].get("budget") == "tour" and row["alertname"].endswith("Emergency")]
        return ours[0] if ours else {}


@pytest.fixture
def stack(program, services, configuration, free_port, tmp_path) -> Iterator[Stack]:
    for name in ("prometheus", "alertmanager"):
        program(name)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in SECRETS.items():
        (secrets / name).write_text(f"{services.url if value.startswith('/') else ''}{value}\n")
    config = configuration()
    config["global"] |= {"smtp_smarthost": services.smarthost, "smtp_require_tls": False}
    config["global"] |= {"pagerduty_url": f"{services.url}/pagerduty"}
    config["route"] |= {"group_wait": "2s", "group_interval": "1s"}
    config["route"]["routes"][0]["group_interval"] = "1s"
    (tmp_path / "channels.yml").write_text(yaml.safe_dump(config))
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("exporter", "prometheus", "alertmanager")}
    words = [f"--{name}={address}" for name, address in addresses.items()]
    more = [f"--channels={tmp_path}/channels.yml", f"--secrets={secrets}", "--interval=1s", "--months=3"]
    running = Stack(tmp_path, [*words, *more], addresses)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(60)


def text_of(what: object) -> str:
    return str(what["Subject"]) if isinstance(what, EmailMessage) else json.dumps(what)


def everywhere(services: Any, *, over: bool) -> bool:
    """True when each channel was told of our budget, or of its end."""
    ours = [(where, text_of(what)) for _, where, what in list(services.seen) if NAME in text_of(what)]
    return {where for where, text in ours if bool(OVER.search(text)) is over} >= CHANNELS


@pytest.mark.timeout(600)
def test_the_stack_from_nothing_to_a_breach_and_its_end(stack, services):
    stack.wait("three servers run", lambda: "Ctrl-C ends all of it" in stack.log.read_text())
    up = {"spend-exporter", "prometheus", "alertmanager"}
    stack.wait("Prometheus scrapes all of them", lambda: scraped(stack) == up)
    spent = stack.wait("there are figures", lambda: stack.ask("query", query=SPENT)["result"])
    amount = f"{float(spent[0]['value'][1]) * 0.8:.2f}"

    stack.run("budgets", "add", "tour", "--amount", amount, "--name", NAME)
    stack.say(f"a budget of ${amount} is added, of which more is spent already")
    stack.wait("slack, discord, teams, webhook, pagerduty and mail are told", lambda: everywhere(services, over=False))
    row = stack.wait("the history has it", stack.told)
    assert (row["ends_at"], row["level"]) == (None, "emergency")
    assert row["value"] >= float(amount)

    stack.run("budgets", "edit", "tour", "--amount", "10000000")
    stack.say("the budget is raised")
    stack.wait("all of them are told that it is over", lambda: everywhere(services, over=True))
    stack.wait("the history has its end", lambda: stack.told().get("ends_at"))

    stack.wait("all history is in", lambda: "All history is in." in stack.log.read_text())
    stack.run("analyse")
    without = stack.wait("every recording rule has series, or a reason not to", lambda: explained(stack))
    for name in sorted(without["names"]):
        stack.say(f"    none: {name} ({MAY_HAVE_NO_SERIES[name]})")
    assert [rule["lastError"] for rule in rules(stack) if rule.get("lastError")] == []

    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(60) == 0, stack.log.read_text()
    for name, address in stack.addresses.items():
        with pytest.raises(OSError, match="refused"):
            urlopen(f"http://{address}/", timeout=5)
        stack.say(f"{name} has ended")
    assert "Traceback" not in stack.log.read_text()


def scraped(stack: Stack) -> set[str]:
    return {one["labels"]["job"] for one in stack.ask("targets")["activeTargets"] if one["health"] == "up"}


def rules(stack: Stack) -> list[dict[str, Any]]:
    return [rule for group in stack.ask("rules")["groups"] for rule in group["rules"]]


def explained(stack: Stack) -> dict[str, set[str]] | None:
    records = {rule["name"] for rule in rules(stack) if rule["type"] == "recording"}
    without = records - set(stack.ask("label/__name__/values"))
    assert len(records) > 30
    return {"names": without} if without <= MAY_HAVE_NO_SERIES.keys() else None
