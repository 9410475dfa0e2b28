"""A breach and its end, all the way: figures → Prometheus with our rules → Alertmanager → every channel, the history.

Everything but the channels is real; Alertmanager's times are cut down to seconds.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from exporter.config.channels import configured

ROOT = Path(__file__).parents[2]
RULES = ROOT / "recording-rules"
CHANNELS = {"/slack", "/discord", "/teams", "/webhook", "/pagerduty", "/mail"}
SECRETS = {
    "slack_url": "/slack/T0FAKE-slack",
    "discord_url": "/discord/FAKE-discord",
    "teams_url": "/teams/FAKE-teams",
    "webhook_url": "/webhook/FAKE-webhook",
    "smtp_password": "FAKE-smtp",
    "pagerduty_key": "FAKE-pagerduty",
    "alerts_token": "FAKE-token",
}
INFO = 'spend_budget_info{budget="search",name="Search <!channel>",team="core",period="month",currency="USD"} 1\n'
PATIENCE = 60


class Figures:
    """What the exporter would publish of one budget."""

    def __init__(self) -> None:
        self.limit, self.spent = 1000, 500
        figures = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = figures.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def text(self) -> str:
        levels = "".join(
            f'spend_budget_threshold_usd{{budget="search",level="{level}",basis="actual"}} {self.limit * share}\n'
            for level, share in (("warning", 0.7), ("critical", 0.9), ("emergency", 1))
        )
        return f"""{INFO}{levels}spend_budget_limit_usd{{budget="search"}} {self.limit}
spend_budget_spent_usd{{budget="search"}} {self.spent}
spend_budget_forecast_usd{{budget="search"}} {self.spent * 1.05}
"""


@pytest.fixture
def figures():
    figures = Figures()
    threading.Thread(target=figures.http.serve_forever, args=(0.05,), daemon=True).start()
    yield figures
    figures.http.shutdown()
    figures.http.server_close()


@pytest.fixture
def secrets(tmp_path, services):
    """A folder with the secrets of every channel."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in SECRETS.items():
        (folder / name).write_text(f"{services.url if value.startswith('/') else ''}{value}\n")
    return folder


@pytest.fixture
def exporter(server, tmp_path, secrets, database_url, monkeypatch):
    """A real one, with nothing to sync."""
    for name in [name for name in os.environ if name.startswith("SPEND_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SPEND_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SPEND_ALERTS_TOKEN_FILE", str(secrets / "alerts_token"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return server(sys.executable, "/-/ready", "-m", "exporter", "serve", "--listen", "{address}")


@pytest.fixture
def told(alertmanager, configuration, secrets, services, exporter):
    """Alertmanager with the shipped configuration, as `alerts config` writes it."""
    found = configured(ROOT / "alertmanager" / "alertmanager.yml", secrets, exporter)
    assert found.left_out == {}
    config = found.config
    config["global"] |= {
        "smtp_smarthost": services.smarthost,
        "smtp_require_tls": False,
        "pagerduty_url": f"{services.url}/pagerduty",
    }
    config["route"] |= {"group_wait": "2s", "group_interval": "1s"}
    config["route"]["routes"][0]["group_interval"] = "1s"  # the history's
    return alertmanager(config)


@pytest.fixture
def prometheus(program, server, tmp_path, figures, told):
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "*.yml")],
        "scrape_configs": [
            {"job_name": "any", "static_configs": [{"targets": [f"127.0.0.1:{figures.http.server_port}"]}]}
        ],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [told.url.removeprefix("http://")]}]}]},
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    return server(program("prometheus"), "/-/ready", *options, "--web.listen-address={address}")


@pytest.fixture
def arrived(services):
    """Wait for a message in each channel that came after `known` others, and return them by channel."""

    def wait(known: int) -> dict[str, object]:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            new = {where: what for _, where, what in services.seen[known:]}
            if new.keys() >= CHANNELS:
                return new
            time.sleep(0.05)
        raise AssertionError(f"only {sorted(new)} had a message")

    return wait


def history(engine, wanted: str):
    """The rows of the history, once they fulfil a condition."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with engine.connect() as db:
            rows = db.execute(
                text("SELECT alertname, ends_at IS NULL, severity, level, value, labels FROM alert_history")
            )
            found = sorted(tuple(row) for row in rows)
            if db.execute(text(f"SELECT {wanted} FROM alert_history")).scalar():
                return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_a_breach_and_its_end_reach_every_channel(prometheus, told, figures, services, arrived, engine):
    figures.spent = 920
    firing = arrived(0)
    check_slack(firing["/slack"], "CRITICAL", "#C62828")
    check_discord(firing["/discord"], "CRITICAL")
    check_teams(firing["/teams"], "CRITICAL")
    check_webhook(firing["/webhook"], "firing")
    check_mail(firing["/mail"], "CRITICAL")
    check_pagerduty(firing["/pagerduty"], "trigger")
    # The warning is in it too if it came before the critical one: the history waits for nothing.
    begun = history(engine, "bool_or(alertname = 'SpendBudgetCritical')")[0]
    assert begun[:5] == ("SpendBudgetCritical", True, "critical", "critical", 920.0)
    assert begun[5]["team"] == "core"

    known = len(services.seen)
    assert known == len(CHANNELS), "the warning below is inhibited, and nothing comes twice"
    figures.limit = 2000
    resolved = arrived(known)
    check_slack(resolved["/slack"], "RESOLVED", "#2E7D32")
    check_discord(resolved["/discord"], "RESOLVED")
    check_teams(resolved["/teams"], "RESOLVED")
    check_webhook(resolved["/webhook"], "resolved")
    check_mail(resolved["/mail"], "RESOLVED")
    check_pagerduty(resolved["/pagerduty"], "resolve")
    assert resolved["/pagerduty"]["dedup_key"] == firing["/pagerduty"]["dedup_key"]
    assert history(engine, "bool_and(ends_at > starts_at)")[0] == (begun[0], False, *begun[2:])

    everything = "\n".join(
        what.as_string() if where == "/mail" else json.dumps(what) for _, where, what in services.seen
    )
    keys = everything.replace('"routing_key": "FAKE-pagerduty"', "")  # PagerDuty's protocol has it in the body
    assert "FAKE" not in keys
    assert services.logins[0].endswith("\0apikey\0FAKE-smtp")
    assert told.count("alertmanager_notifications_failed_total") == 0


def test_a_test_alert_goes_the_way_of_all_alerts(told, services, engine):
    words = [sys.executable, "-m", "exporter", "alerts", "test", "--channel", "discord", "--alertmanager", told.url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("A test alert of severity critical goes to: discord.\n"), done.stderr
    (row,) = history(engine, "count(*) > 0")
    assert row[:4] == ("SpendTest", True, "critical", "")
    until = time.monotonic() + PATIENCE
    while not services.seen and time.monotonic() < until:
        time.sleep(0.05)
    ((_, where, body),) = services.seen
    assert where == "/discord"
    assert body["embeds"][0]["title"] == "[CRITICAL] TEST: nothing is wrong"


SUMMARY = "Budget Search <!channel>: 92% spent, level critical"
TEXT = "Spent: $920.00 of $1000.00; level critical begins at $900.00. Expected by the end of the period: $966.00."
SINCE = r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC"


def check_text(found: str, status: str) -> None:
    assert TEXT in found
    assert "core" in found
    assert re.search(SINCE, found)
    assert bool(re.search(r"resolved \d{4}-\d\d-\d\d \d\d:\d\d UTC after \d+", found)) == (status == "RESOLVED")


def check_slack(body, status, color):
    (attachment,) = body["attachments"]
    assert (
        attachment["title"]
        == attachment["fallback"]
        == f"[{status}] {SUMMARY.replace('<!channel>', '&lt;!channel&gt;')}"
    )
    assert attachment["color"] == color
    check_text(attachment["text"], status)
    assert [(one["type"], one["text"]) for one in attachment["actions"]] == [
        ("button", "Dashboard"),
        ("button", "Alertmanager"),  # the rules as shipped name no runbook that can be opened
        ("button", "Silence"),
    ]
    assert all(one["url"].startswith("http") for one in attachment["actions"])


def check_discord(body, status):
    (embed,) = body["embeds"]
    assert embed["title"] == f"[{status}] {SUMMARY}"
    assert embed["color"] == (3066993 if status == "RESOLVED" else 10038562)
    assert body["content"] == ""  # where a mention would ring
    assert "[Silence](http" in embed["description"]
    check_text(embed["description"].replace("\\", ""), status)


def check_teams(body, status):
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["body"][0]["text"]) == ("AdaptiveCard", f"[{status}] {SUMMARY}")
    assert "[Silence](http" in card["body"][1]["text"]
    check_text(card["body"][1]["text"], status)


def check_webhook(body, status):
    assert (body["version"], body["status"], body["receiver"]) == ("4", status, "webhook")
    (alert,) = body["alerts"]
    assert alert["labels"] == {
        "alertname": "SpendBudgetCritical",
        "severity": "critical",
        "budget": "search",
        "level": "critical",
        "basis": "actual",
        "team": "core",
    }


def check_mail(message, status):
    assert message["Subject"] == f"[{status}] {SUMMARY}"
    assert message["To"] == "finops@example.com"
    assert message.get_content_type() == "multipart/alternative"
    plain, page = message.iter_parts()
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    check_text(plain.get_content(), status)
    assert "<!channel>" not in page.get_content()
    check_text(page.get_content(), status)


def check_pagerduty(body, action):
    assert body["event_action"] == action
    assert body["routing_key"] == "FAKE-pagerduty"
    payload = body["payload"]
    assert (payload["severity"], payload["component"], payload["group"]) == ("critical", "budget search", "core")
    assert payload["summary"].endswith(SUMMARY)
    assert payload["source"]
    assert all(link["href"].startswith("http") for link in body["links"])
    check_text(payload["custom_details"]["text"], "RESOLVED" if action == "resolve" else "")


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
