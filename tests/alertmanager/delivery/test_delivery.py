"""A breach and its end reach every channel and the history, with the payloads that each service asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

CHANNELS = {"/slack", "/discord", "/teams", "/webhook", "/pagerduty", "/mail"}
PATIENCE = 60


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
