"""What messages say, rendered by amtool from the data that Alertmanager hands to templates."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

TEMPLATES = Path(__file__).parents[2] / "alertmanager" / "templates" / "*.tmpl"
LABELS = {
    "alertname": "SpendBudgetCritical",
    "budget": 'R&D "one"',
    "level": "critical",
    "severity": "critical",
    "team": "core",
}
FIRING = {
    "status": "firing",
    "labels": LABELS,
    "annotations": {
        "summary": "Budget <!channel> & Co: 92% spent, level critical",
        "description": "Spent: $920.00 of $1000.00. Expected by the end of the period: $1400.50. [x](http://evil) *y*",
        "dashboard_url": "https://grafana.example.com/d/spend-budgets?var-budget=a b",
        "runbook_url": "https://wiki.example.com/runbook#spendbudgetcritical",
    },
    "startsAt": "2026-11-20T06:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus:9090/graph?g0.expr=x",
    "fingerprint": "ab",
}
RESOLVED = FIRING | {"status": "resolved", "endsAt": "2026-11-20T08:30:00Z"}
SINCE = r"since 2026-11-20 06:00 UTC \(\d+d [^)]+\)"
ENDED = r"since 2026-11-20 06:00 UTC, resolved 2026-11-20 08:30 UTC after 2h 30m 0s"


@pytest.fixture
def render(program, tmp_path):
    """The text of a template for a message of some alerts."""

    def render(template: str, *alerts: dict[str, Any], common: dict[str, str] | None = None) -> str:
        data = {
            "receiver": "any",
            "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
            "alerts": alerts,
            "groupLabels": {},
            "commonLabels": LABELS if common is None else common,
            "commonAnnotations": {},
            "externalURL": "https://alerts.example.com",
        }
        (tmp_path / "data.json").write_text(json.dumps(data))
        text = f'{{{{ template "{template}" . }}}}'
        options = [f"--template.glob={TEMPLATES}", f"--template.text={text}", f"--template.data={tmp_path}/data.json"]
        kind = ["--template.type=html"] if template.endswith("html") else []
        done = subprocess.run(
            [program("amtool"), "template", "render", *options, *kind], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return render


def without(alert, *names):
    return alert | {"annotations": {key: text for key, text in alert["annotations"].items() if key not in names}}


@pytest.mark.parametrize(
    ("alerts", "common", "title"),
    [
        ([FIRING], None, "[CRITICAL] Budget <!channel> & Co: 92% spent, level critical"),
        ([RESOLVED], None, "[RESOLVED] Budget <!channel> & Co: 92% spent, level critical"),
        ([FIRING, RESOLVED, FIRING], None, "[CRITICAL] SpendBudgetCritical: 2 firing, 1 resolved"),
        ([RESOLVED, RESOLVED], {}, "[RESOLVED] Spend: 2 resolved"),
        ([without(FIRING, "summary")], {}, "[FIRING] SpendBudgetCritical"),
    ],
)
def test_the_title(render, alerts, common, title):
    assert render("spend.title", *alerts, common=common) == title


@pytest.mark.parametrize("template", ["spend.plain", "spend.slack.text", "spend.discord.text", "spend.teams.text"])
def test_every_text_has_amounts_forecast_owner_and_since_when(render, template):
    text = render(template, FIRING)
    for part in (r"\$920\.00 of \$1000\.00", r"Expected by the end of the period: \$1400\.50", "core", SINCE):
        assert re.search(part, text), text
    assert "It said" not in text
    ended = render(template, RESOLVED)
    assert re.search("It said: Spent: ", ended), ended
    assert re.search(ENDED, ended), ended


def test_of_several_each_has_its_summary(render):
    text = render("spend.plain", FIRING, RESOLVED)
    assert text.count("Budget <!channel> & Co: 92% spent, level critical\n") == 2
    assert text.count("[RESOLVED] Budget") == 1


def test_without_a_team_it_says_so(render):
    assert "Owner: no team;" in render("spend.plain", FIRING | {"labels": {"alertname": "SpendNoData"}})


@pytest.mark.parametrize("template", ["spend.slack.title", "spend.slack.text"])
def test_a_name_wakes_nobody_in_slack(render, template):
    text = render(template, FIRING, RESOLVED)
    assert "<!" not in text + render(template, FIRING)
    assert "&lt;!channel&gt; &amp; Co" in text + render(template, FIRING)


def test_a_name_makes_no_link_and_no_markup_in_discord_and_teams(render):
    assert r"\[x\](http://evil) \*y\*" in render("spend.discord.text", FIRING)
    assert "(x)(http://evil)" in render("spend.teams.text", FIRING)


def test_buttons_lead_to_dashboard_and_runbook(render):
    assert render("spend.dashboard.url", FIRING) == "https://grafana.example.com/d/spend-budgets?var-budget=a%20b"
    assert render("spend.runbook.url", FIRING) == "https://wiki.example.com/runbook#spendbudgetcritical"
    assert (render("spend.dashboard.name", FIRING), render("spend.runbook.name", FIRING)) == ("Dashboard", "Runbook")


def test_without_addresses_they_lead_to_the_graph_and_to_alertmanager(render):
    alert = without(FIRING, "dashboard_url") | {"generatorURL": "http://prometheus:9090/graph?g0.expr=x"}
    alert["annotations"]["runbook_url"] = "RUNBOOK.md#x"
    assert render("spend.dashboard.url", alert) == "http://prometheus:9090/graph?g0.expr=x"
    assert render("spend.runbook.url", alert) == "https://alerts.example.com"
    assert (render("spend.dashboard.name", alert), render("spend.runbook.name", alert)) == ("Graph", "Alertmanager")
    alone = alert | {"generatorURL": "javascript:alert(1)"}
    assert (render("spend.dashboard.url", alone), render("spend.dashboard.name", alone)) == (
        "https://alerts.example.com",
        "Alertmanager",
    )


def test_the_silence_form_is_filled_in(render):
    url = render("spend.silence.url", FIRING)
    assert re.fullmatch(r"https://alerts\.example\.com/#/silences/new\?filter=[\w%.-]+", url), url
    assert unquote(url).endswith(
        '{alertname="SpendBudgetCritical", budget="R&D \\"one\\"", level="critical", severity="critical", team="core"}'
    )


def test_a_mail_escapes_what_came_from_outside(render):
    page = render("spend.email.html", FIRING, RESOLVED)
    assert "<!channel>" not in page
    assert "Budget &lt;!channel&gt; &amp; Co" in page
    assert re.search(ENDED, page)
    assert '<a href="https://wiki.example.com/runbook#spendbudgetcritical"' in page
    silence = re.search(r'href="([^"]*/#/silences/new[^"]*)"', page).group(1)
    assert unquote(unescape(silence)) == unquote(render("spend.silence.url", FIRING, RESOLVED))
    text = render("spend.email.text", FIRING)
    assert "Dashboard: https://grafana.example.com/d/spend-budgets?var-budget=a%20b\n" in text


@pytest.mark.parametrize(
    ("severity", "page", "color"),
    [("critical", "critical", "#C62828"), ("warning", "warning", "#EF6C00"), ("", "error", "#EF6C00")],
)
def test_severity_where_a_channel_has_one(render, severity, page, color):
    assert render("spend.pagerduty.severity", FIRING, common={"severity": severity}) == page
    assert render("spend.slack.color", FIRING, common={"severity": severity}) == color
    assert render("spend.slack.color", RESOLVED, common={"severity": severity}) == "#2E7D32"


@pytest.mark.parametrize(
    ("common", "subject"),
    [({"budget": "b"}, "budget b"), ({"provider": "openai", "account": "acme"}, "openai / acme"), ({}, "")],
)
def test_what_it_is_about(render, common, subject):
    assert render("spend.subject", FIRING, common=common) == subject
