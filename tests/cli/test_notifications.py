"""alerts config, test and history, as their user sees them."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from exporter.alerts import Alert
from exporter.store import alert_history
from exporter.store.engine import open_engine, transaction

SOURCE = Path(__file__).parents[2] / "alertmanager" / "alertmanager.yml"


class Alertmanager(BaseHTTPRequestHandler):
    """Takes alerts and says whom they go to."""

    posted: list[dict]
    receivers: list[str]
    status = 200

    def do_POST(self):
        self.posted.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(None)

    def do_GET(self):
        self.answer([{"receivers": [{"name": name} for name in self.receivers]}])

    def answer(self, body):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"" if body is None else json.dumps(body).encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def alertmanager():
    handler = type("Handler", (Alertmanager,), {"posted": [], "receivers": ["slack", "history"]})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        handler.url = f"http://127.0.0.1:{server.server_port}"
        yield handler
        server.shutdown()


def test_a_test_alert_is_marked_and_ends_by_itself(run, alertmanager):
    done = run("alerts", "test", "--channel", "slack", "--team", "core", "--alertmanager", alertmanager.url)
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "A test alert of severity critical goes to: slack.\n"
        "It arrives within a minute and ends in 5 minutes; that is told within the hour.\n"
    )
    (alert,) = alertmanager.posted
    assert alert["labels"].pop("test")
    assert alert["labels"] == {"alertname": "SpendTest", "severity": "critical", "channel": "slack", "team": "core"}
    assert alert["annotations"]["summary"] == "TEST: nothing is wrong"
    starts, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
    assert ends - starts == timedelta(minutes=5)


def test_without_a_channel_nobody_is_called(run, alertmanager):
    assert run("alerts", "test", "--alertmanager", alertmanager.url).exit_code == 0
    assert run("alerts", "test", "--alertmanager", alertmanager.url).exit_code == 0
    first, second = (alert["labels"] for alert in alertmanager.posted)
    assert (first["severity"], "channel" in first) == ("warning", False)
    assert first["test"] != second["test"]


def test_a_channel_that_is_not_configured_is_said(run, alertmanager):
    alertmanager.receivers = ["history"]
    done = run("alerts", "test", "--channel", "teams", "--alertmanager", alertmanager.url)
    assert done.exit_code == 1
    assert "sends teams of severity critical to nobody" in done.stderr


@pytest.mark.parametrize(
    ("url", "words"), [("http://127.0.0.1:1", "can't reach Alertmanager"), ("nonsense", "can't reach")]
)
def test_no_alertmanager_there(run, url, words):
    done = run("alerts", "test", "--alertmanager", url)
    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_something_else_there(run, alertmanager):
    alertmanager.status = 404
    done = run("alerts", "test", "--alertmanager", alertmanager.url)
    assert done.stderr.endswith("/api/v2/alerts answered 404: is that an Alertmanager?\n")


def test_the_configuration_of_what_is_configured(run, environment):
    (environment / "slack_url").write_text("https://hooks.example.com/FAKE")
    words = ("alerts", "config", "--from", SOURCE, "--secrets", environment)
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[0] == "Channels: history, slack."
    assert f"Left out: discord; {environment / 'discord_url'} is missing or empty." in done.stderr
    assert run(*words, "--out", "made.yml").stdout == ""
    assert (environment / "made.yml").read_text() == done.stdout
    assert "FAKE" not in done.output


def test_a_folder_that_is_not_there(run, environment):
    done = run("alerts", "config", "--from", SOURCE, "--secrets", environment, "--out", "none/made.yml")
    assert (done.exit_code, done.stderr) == (1, "Error: none/made.yml can't be written: No such file or directory\n")


def test_the_history(cli, database_url):
    assert "There are no alerts." in cli("alerts", "history").stdout
    now = datetime.now(UTC)
    lasting = Alert("ab", now - timedelta(hours=5), None, {"alertname": "SpendNoData", "severity": "critical"}, {})
    ended = Alert("cd", now - timedelta(hours=4), now, {"alertname": "SpendTest", "severity": "info"}, {})
    silenced = Alert("ef", now - timedelta(hours=3), None, {"alertname": "SpendDataStale", "account": "acme"}, {})
    engine = open_engine(database_url)
    with transaction(engine) as db:
        alert_history.record(db, [lasting, ended], now)
        alert_history.record(db, [silenced], now - timedelta(hours=3))
    engine.dispose()

    lines = cli("alerts", "history").stdout.splitlines()
    assert re.search(r"unknown.*SpendDataStale.*UTC.*SpendTest.*still.*SpendNoData", " ".join(lines)), lines
    assert "account=acme" in " ".join(lines)
    shown = json.loads(cli("alerts", "history", "--json").stdout)["alerts"]
    assert [alert["alertname"] for alert in shown] == ["SpendDataStale", "SpendTest", "SpendNoData"]
    assert shown[2]["ends_at"] is None
    firing = json.loads(cli("alerts", "history", "--firing", "--json").stdout)["alerts"]
    assert [alert["alertname"] for alert in firing] == ["SpendNoData"]
