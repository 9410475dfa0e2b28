"""`anomalies` on what is stored: found by an analysis, listed, judged, announced."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

DAYS = 60
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SINCE = str((TODAY - timedelta(days=1)).date())


@pytest.fixture
def spike(cli, books):
    """An account whose web shop cost six times as much yesterday, by a report that is settled."""
    books.start = TODAY - timedelta(days=DAYS)
    scopes = [
        (day, scope, 6.0 if (day, scope) == (DAYS - 1, "web") else 1.0)
        for day in range(DAYS)
        for scope in ("web", "lab")
    ]
    charges = [books.charge(day, 40 * times, scope=scope, model="large") for day, scope, times in scopes]
    books.costs(books.account(team="core"), books.window(0, DAYS), *charges, settled_until=books.moment(DAYS))
    return cli


def analysed(cli):
    done = cli("analyse")
    assert "anomalies       4 new anomalies, 0 withdrawn" in done.stdout, done.output
    return cli


def listed(cli, *more: str) -> list[dict]:
    done = cli("anomalies", "--json", *more)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_before_an_analysis_it_says_what_to_do(spike):
    assert spike("anomalies").stdout.startswith("Nothing was judged yet. `spend-exporter analyse` does it now")


def test_a_quiet_history_is_said(cli, books):
    books.start = TODAY - timedelta(days=DAYS)
    charges = [books.charge(day, 40) for day in range(DAYS)]
    books.costs(books.account(), books.window(0, DAYS), *charges, settled_until=books.moment(DAYS))
    cli("analyse")
    assert cli("anomalies").stdout == "No day of the last 90 was unusual.\n"


def test_an_incident_is_one_row_with_its_reason(spike):
    analysed(spike)
    [facts] = listed(spike)
    assert (facts["account"], facts["team"], facts["level"], facts["since"]) == ("acme", "core", "account", SINCE)
    assert (facts["kind"], facts["severity"], facts["open"], facts["verdict"]) == ("spike", "high", True, "")
    assert (facts["expected"], facts["excess"]) == (pytest.approx(80), pytest.approx(200))
    why = "+$200.00 (×3.5): +$200.00 price; most from web / large +$200.00."
    assert facts["why"] == why
    lines = spike("anomalies").stdout.splitlines()
    assert lines[1].split() == [str(facts["id"]), SINCE, "acme", "spike", "high", "+$200.00", "open"]
    assert lines[-1] == f"{facts['id']}: {why}"


def test_all_shows_the_parts_too(spike):
    analysed(spike)
    [event] = listed(spike)
    parts = [one for one in listed(spike, "--all") if one["id"] != event["id"]]
    assert {one["level"] for one in parts} == {"scope", "model", "total"}
    assert {one["part_of"] for one in parts} == {event["id"]}
    table = spike("anomalies", "--all").stdout
    assert table.count(f"part of {event['id']}") == 3
    assert "everything" in table
    refused = spike("anomalies", "dismiss", str(parts[0]["id"]))
    assert refused.stderr == (
        f"Error: anomaly {parts[0]['id']} is part of anomaly {event['id']}; say it of {event['id']}\n"
    )


@pytest.mark.parametrize(
    ("word", "verdict", "is_open"),
    [("confirm", "confirmed", True), ("dismiss", "dismissed", False), ("expect", "expected", False)],
)
def test_people_say_what_it_is(spike, monkeypatch, word, verdict, is_open):
    monkeypatch.setenv("USER", "ann")
    analysed(spike)
    [event] = listed(spike)
    done = spike("anomalies", word, str(event["id"]), "--note", "the launch")
    assert (done.exit_code, done.stdout.split(".")[0]) == (0, f"Anomaly {event['id']} is {verdict}")
    [facts] = listed(spike)
    said = (facts["verdict"], facts["verdict_by"], facts["verdict_note"], facts["open"])
    assert said == (verdict, "ann", "the launch", is_open)
    assert verdict in spike("anomalies").stdout


def test_an_unknown_number_is_one_sentence(cli):
    expected = "Error: there is no anomaly 9; see `spend-exporter anomalies`\n"
    assert cli("anomalies", "confirm", "9").stderr == expected
    assert cli("anomalies", "unplan", "9").stderr == (
        "Error: there is no planned change 9; see `spend-exporter anomalies plans`\n"
    )


def test_an_announced_change_is_not_reported(spike):
    assert spike("anomalies", "plans").stdout.startswith("No change is planned;")
    announced = ("--account", "acme", "--scope", "web", "--from", SINCE, "--to", SINCE, "--note", "launch")
    assert spike("anomalies", "plan", *announced).exit_code == 0
    [plan] = json.loads(spike("anomalies", "plans", "--json").stdout)
    assert (plan["account"], plan["scope"], plan["first_day"], plan["note"]) == ("acme", "web", SINCE, "launch")
    assert f"acme / web {SINCE} {SINCE}" in spike("anomalies", "plans").stdout
    analysed(spike)
    assert listed(spike) == []
    assert f"planned {plan['id']}" in spike("anomalies", "--all").stdout
    assert spike("anomalies", "unplan", str(plan["id"])).exit_code == 0
    assert len(listed(spike)) == 1


@pytest.mark.parametrize(
    ("account", "first", "last", "sentence"),
    [
        ("nobody", SINCE, SINCE, "there is no account nobody; see `spend-exporter accounts list`"),
        ("acme", "soon", SINCE, "--from must be a date such as 2026-11-01"),
        ("acme", SINCE, "2020-01-01", f"a planned change can't end on 2020-01-01, before it begins on {SINCE}"),
    ],
)
def test_a_wrong_announcement_is_one_sentence(spike, account, first, last, sentence):
    done = spike("anomalies", "plan", "--account", account, "--from", first, "--to", last)
    assert (done.exit_code, done.stderr) == (1, f"Error: {sentence}\n")


def test_the_sensitivity_of_the_file_is_used(spike, environment):
    (environment / "spend.yaml").write_text("anomalies:\n  floor_usd: 250\n")
    assert "0 new anomalies" in spike("analyse").stdout
