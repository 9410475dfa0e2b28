"""`trends`: everything on one screen, in total as well; what is not known is a dash."""

from __future__ import annotations

import json
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest


@pytest.fixture
def spending(cli, rows):
    """An account of 200 days at 1,000 dollars and one of today's, beside one that ended long ago."""
    assert cli("accounts", "list").exit_code == 0  # migrated
    for account, first, last, amount in (("acme", 200, 0, 1000), ("new", 0, 0, 5), ("old", 900, 800, 7)):
        rows(f"INSERT INTO accounts (id, provider, origin) VALUES ('{account}', 'openai', 'database')")
        rows(f"INSERT INTO sync_state (account_id) VALUES ('{account}')")
        days = f"FROM generate_series({last}, {first}) n"
        rows(f"INSERT INTO best_days SELECT '{account}', spend_today() - n, 'manual', true, {amount} {days}")
        rows(
            f"INSERT INTO daily_charges SELECT '{account}', spend_today() - n, 'manual', 'r', 'm', 'u', '', '', '',"
            f" {amount} {days}"
        )
    return cli


def today() -> date:
    return datetime.now(UTC).date()


def test_tables_fit_a_screen_and_say_what_is_missing(spending):
    done = spending("trends")
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 80
    tables = [line for line in done.stdout.splitlines() if line.startswith(("acme ", "new ", "old ", "total "))]
    assert [line.split()[0] for line in tables] == ["acme", "new", "total"] * 2
    acme, new, _ = tables[:3]
    so_far = today().day * 1000
    same = min(today().day, monthrange(*divmod_month(today()))[1]) * 1000
    assert acme.split()[1:4] == [
        f"{so_far:,}" if so_far >= 1000 else f"{so_far:.2f}",
        f"{same:,}",
        f"{so_far / same - 1:+.0%}",
    ]
    assert new.split()[1:] == ["5.00", *["–"] * 3, "5.00", "–"]
    assert "spend-exporter analyse works them out" in done.stderr


def divmod_month(day: date) -> tuple[int, int]:
    before = day.replace(day=1) - timedelta(days=1)
    return before.year, before.month


def test_json_has_it_all_once_it_is_analysed(spending):
    assert spending("analyse").exit_code == 0
    done = spending("trends", "--json")
    found = json.loads(done.stdout)
    assert list(found["accounts"]) == ["acme", "new"]
    acme, total = found["accounts"]["acme"], found["total"]
    assert acme["avg7_usd"] == acme["avg30_usd"] == total["avg30_usd"] == "1000.000000"
    assert acme["growth"] == {"7d": 0, "30d": 0, "90d": 0}
    assert acme["trend"]["state"] == total["trend"]["state"] == "stable"
    assert (acme["trend"]["usd_per_day"], acme["trend"]["mean_usd"]) == (0, 1000)
    assert found["accounts"]["new"]["trend"] is None
    assert float(total["month"]["so_far_usd"]) == float(acme["month"]["so_far_usd"]) + 5
    assert total["month"]["same_day_usd"] == acme["month"]["same_day_usd"]
    assert total["quarter"]["change_ratio"] > acme["quarter"]["change_ratio"]
    assert spending("trends").stderr == ""


def test_a_total_of_new_accounts_has_nothing_to_compare_with(spending, rows):
    rows("DELETE FROM best_days WHERE account_id <> 'new'")
    before = "(date_trunc('month', spend_today()::timestamp) - interval '1 month' + interval '1 day')::date"
    rows(f"INSERT INTO best_days SELECT 'acme', {before}, 'manual', true, 10")
    found = json.loads(spending("trends", "--json").stdout)
    for line in (found["total"], found["accounts"]["acme"]):
        assert line["month"]["last_usd"] == "10.000000"
        assert line["month"]["change_ratio"] is None


def test_without_figures_it_says_how_to_get_some(cli):
    done = cli("trends")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "There are no figures yet: spend-exporter sync reads them.\n"
    assert json.loads(cli("trends", "--json").stdout)["total"] is None
