"""reconcile: the table, the causes as sentences, and the same for programs."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest


@pytest.fixture
def acme(cli, rows):
    """January of 2026 billed at 90 % of list prices, settled, with three dollars of web search."""
    assert cli("reconcile").exit_code == 0  # migrated
    rows("INSERT INTO accounts (id, provider, origin) VALUES ('acme', 'openai', 'database')")
    rows("INSERT INTO sync_state (account_id) VALUES ('acme')")
    into = "report_state (account_id, report, source, read_from, read_until, settled_until, wanted_from)"
    times = "'2025-12-01Z', '2026-02-10Z', '2026-02-08Z', '2025-12-01Z'"
    rows(f"INSERT INTO {into} VALUES ('acme', 'costs', 'cost_api', {times})")
    days = "FROM generate_series(date '2026-01-01', '2026-01-31', interval '1 day') AS d"
    charge = "INSERT INTO daily_charges SELECT 'acme', d::date"
    rows(f"{charge}, 'cost_api', 'costs', 'gpt-5, output', 'tokens', 'gpt-5', '', '', 9 {days}")
    rows(f"{charge}, 'priced_usage', 'usage', 'output', 'tokens', 'gpt-5', '', '', 10 {days}")
    rows("INSERT INTO daily_charges VALUES"
         " ('acme', '2026-01-05', 'cost_api', 'costs', 'web search tool calls', 'calls', '', '', '', 3)")  # fmt: skip
    return cli


def test_the_table_and_the_causes(acme):
    acme("invoices", "add", "acme", "--month", "2026-01", "--amount", "335.58")
    done = acme("reconcile", "--month", "2026-01")
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.split()[:2] == ["acme", "2026-01"] and len(line) > 40)
    assert row.split() == ["acme", "2026-01", "282.00", "310.00", "0.910", "–", "335.58", "+53.58"]
    assert done.stdout.endswith(
        "\nacme 2026-01\n"
        "  bill: +3.00 $  no usage report: billed without usage that has a price: web search tool calls.\n"
        "  bill: -31.00 $  price difference: gpt-5 was billed at 0.90 of list prices.\n"
        "  invoice: +53.58 $  tax or currency: it is 19 % more: a usual rate of value-added tax.\n"
    )


def test_as_json(acme):
    done = acme("reconcile", "--month", "2026-01", "--account", "acme", "--json")
    [month] = json.loads(done.stdout)["months"]
    assert (month["month"], month["settled"], month["provider"]) == ("2026-01", True, "openai")
    assert (month["billed_usd"], month["bill_difference_usd"], month["invoiced_usd"]) == ("282", "-28", None)
    assert [(cause["cause"], cause["usd"], cause["parts"]) for cause in month["causes"]] == [
        ("no_usage_report", "3", {"web search tool calls": "3"}),
        ("price_difference", "-31", {"gpt-5": "-31"}),
    ]


def test_the_last_three_months_unless_told(acme, rows):
    this = datetime.now(UTC).date().replace(day=1)
    firsts: list[date] = [this]
    for _ in range(3):
        firsts.append((firsts[-1] - timedelta(days=1)).replace(day=1))
    rows("DELETE FROM daily_charges")
    for first in firsts:
        rows(f"INSERT INTO daily_charges VALUES ('acme', '{first}', 'cost_api', 'c', 'm', '', '', '', '', 1)")
    found = json.loads(acme("reconcile", "--json").stdout)["months"]
    assert [month["month"] for month in found] == [f"{first:%Y-%m}" for first in reversed(firsts[:3])]
    assert found[-1]["settled"] is False
    assert "* not settled" in acme("reconcile").stdout


def test_nothing_and_nobody(acme):
    assert acme("reconcile", "--month", "2020-01").stdout == "Nothing is stored of that time.\n"
    assert "there is no account nobody" in acme("reconcile", "--account", "nobody").stderr
    assert "--month 2026 must be a month such as 2026-10" in acme("reconcile", "--month", "2026").stderr
