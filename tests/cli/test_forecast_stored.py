"""`forecast` and `budgets show` on what is stored, from `analyse` to the table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def with_spend(cli, rows):
    """An account with ten dollars on every day from 130 days ago until yesterday."""
    assert cli("budgets", "list").exit_code == 0  # migrated
    rows("INSERT INTO accounts (id, provider, team, origin) VALUES ('acme', 'openai', 'core', 'database')")
    rows("INSERT INTO sync_state (account_id) VALUES ('acme')")
    days = "FROM generate_series(current_date - 130, current_date - 1, interval '1 day') AS d"
    rows(f"INSERT INTO best_days SELECT 'acme', d::date, 'cost_api', true, 10 {days}")
    rows(f"INSERT INTO daily_charges SELECT 'acme', d::date, 'cost_api', 'r', 'm', 'u', '', '', '', 10 {days}")
    return cli


def days_from_now(days: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days)}"


def analysed(cli) -> None:
    assert "forecasts" in cli("analyse").stdout


def test_before_the_first_analysis_it_is_said_what_to_do(cli):
    done = cli("forecast")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "`spend-exporter analyse` makes one now" in done.stdout
    assert json.loads(cli("forecast", "--json").stdout) == []


def test_everything_with_its_own_past_error(with_spend):
    analysed(with_spend)

    done = with_spend("forecast")

    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    thirty = lines[lines.index("The next 30 days") :][1:6]
    assert [line.split()[0] for line in thirty[1:]] == ["total", "provider", "team", "account"]
    account = thirty[-1].split()
    assert account[1] == "acme"
    assert float(account[3]) == pytest.approx(300, rel=0.05)
    assert account[-3:] == ["calm", "0%", "100%"]


def test_as_json(with_spend):
    analysed(with_spend)
    found = json.loads(with_spend("forecast", "--json").stdout)
    assert len(found) == 4 * 5
    [ninety] = [one for one in found if (one["level"], one["horizon"]) == ("account", "90d")]
    assert (ninety["name"], ninety["provider"], ninety["team"]) == ("acme", "openai", "core")
    assert ninety["lower"] <= ninety["total"] <= ninety["upper"]
    assert ninety["total"] == pytest.approx(900, rel=0.05)
    assert ninety["score"] is None  # too few of ninety days are over
    [thirty] = [one for one in found if (one["level"], one["horizon"]) == ("account", "30d")]
    assert thirty["score"]["count"] >= 5
    assert thirty["score"]["coverage"] == 1


def test_a_budget_shows_its_forecast_and_runs_out_along_it(with_spend):
    cli, days = with_spend, ("--period", "custom", "--length", "260 days")
    start = days_from_now(-130)
    forecast = ("--level", "over=90%@forecast")
    assert cli("budgets", "add", "b", "--amount", "2000", *days, "--start", start, *forecast).exit_code == 0
    assert "forecast usd" not in cli("budgets", "show", "b").stdout

    analysed(cli)

    facts = json.loads(cli("budgets", "show", "b", "--json").stdout)
    assert float(facts["forecast_usd"]) == pytest.approx(2600, rel=0.05)
    assert float(facts["forecast_lower_usd"]) <= float(facts["forecast_usd"]) <= float(facts["forecast_upper_usd"])
    assert facts["levels_reached"] == ["over (forecast)"]
    assert facts["exhausted_at"] > days_from_now(60)
    shown = cli("budgets", "show", "b").stdout
    for name in ("forecast usd", "forecast lower usd", "forecast upper usd", "exhausted at"):
        assert name in shown
    assert "over (forecast)" in cli("budgets", "list").stdout
