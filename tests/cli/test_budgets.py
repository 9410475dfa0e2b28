"""budgets: one model with the file; mistakes are sentences; what the file declares is read-only."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from exporter.cli import budgets as budgets_commands
from exporter.config import read_config


@pytest.fixture
def with_spend(cli, rows):
    """An account with ten dollars on every day from forty days ago until yesterday."""
    assert cli("budgets", "list").exit_code == 0  # migrated
    rows("INSERT INTO accounts (id, provider, team, origin) VALUES ('acme', 'openai', 'core', 'database')")
    rows("INSERT INTO sync_state (account_id) VALUES ('acme')")
    days = "FROM generate_series(current_date - 40, current_date - 1, interval '1 day') AS d"
    rows(f"INSERT INTO best_days SELECT 'acme', d::date, 'cost_api', true, 10 {days}")
    rows(f"INSERT INTO daily_charges SELECT 'acme', d::date, 'cost_api', 'r', 'm', 'u', '', '', '', 10 {days}")
    return cli


def listed(cli) -> dict:
    done = cli("budgets", "list", "--json")
    assert done.exit_code == 0, done.output
    return {row["id"]: row for row in json.loads(done.stdout)["budgets"]}


def test_a_budget_from_cradle_to_grave(with_spend):
    cli = with_spend
    done = cli("budgets", "add", "core", "--amount", "300", "--team", "core", "--period", "custom",
               "--start", "2020-01-01", "--length", "9999 days", "--name", "Core team")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Added budget core" in done.stdout
    assert done.stderr == ""
    row = listed(cli)["core"]
    assert (row["amount"], row["length"], row["team"]) == ("300", "9999 days", "core")
    assert (row["spent_usd"], row["burn_rate_7d_usd"]) == ("400.000000", "10.000000")
    assert row["levels_reached"] == ["warning", "critical", "emergency"]
    assert row["exhausted_at"]
    table = cli("budgets", "list").stdout
    assert "133%" in table
    assert "emergency" in table
    assert max(map(len, table.splitlines())) <= 80

    assert cli("budgets", "edit", "core", "--amount", "4000", "--name", "").exit_code == 0
    row = listed(cli)["core"]
    assert (row["amount"], row["name"], row["levels_reached"], row["team"]) == ("4000", "", [], "core")
    assert cli("budgets", "remove", "core").stderr.startswith("Error: removing core has to be confirmed")
    assert cli("budgets", "remove", "core", "--yes").stdout == "Removed budget core.\n"
    assert "There are no budgets yet" in cli("budgets", "list").stdout


def test_a_level_that_is_not_reached_is_not_shown_as_reached(with_spend):
    """400 of 571.5 dollars are 69.99 %; where the money runs out in another year, the year is said."""
    terms = ("--period", "custom", "--start", "2020-01-01", "--length", "9999 days")
    assert with_spend("budgets", "add", "near", "--amount", "571.5", *terms).exit_code == 0
    row = with_spend("budgets", "list").stdout.splitlines()[1]
    assert " 69% " in row
    assert "warning" not in row
    assert listed(with_spend)["near"]["exhausted_at"][:10] in row


def test_show_tells_terms_figures_and_the_burn_down(with_spend):
    cli = with_spend
    levels = ("--level", "half=50%", "--level", "most=900", "--level", "over=100%@forecast")
    assert cli("budgets", "add", "all", "--amount", "1000", "--period", "year", *levels).exit_code == 0
    shown = cli("budgets", "show", "all")
    assert shown.exit_code == 0, shown.output
    for words in ("half at 50 %, most at 900, over (forecast) at 100 %", "burn rate 7d usd   10.000000", "even pace $"):
        assert words in shown.stdout
    facts = json.loads(cli("budgets", "show", "all", "--json").stdout)
    assert facts["burn_down"][-1]["spent"] == f"{float(facts['spent_usd']):g}"
    assert len(facts["burn_down"]) > 1
    assert cli("budgets", "show", "nothing").stderr == (
        "Error: there is no budget nothing; see `spend-exporter budgets list`\n"
    )


def test_without_data_and_before_a_custom_period_there_are_dashes(cli):
    assert cli("budgets", "add", "now", "--amount", "5").exit_code == 0
    later = ("--period", "custom", "--start", "2099-01-01", "--length", "1 month")
    assert cli("budgets", "add", "later", "--amount", "5", *later).exit_code == 0
    found = listed(cli)
    assert found["now"]["spent_usd"] is None
    assert found["later"]["period_start"] is None
    assert cli("budgets", "list").stdout.count("–") >= 6
    assert "burn_down" in json.loads(cli("budgets", "show", "later", "--json").stdout)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a", "--amount", "much"), "'much' is not a number"),
        (("a", "--amount", "-5"), "the budget's amount must be a number that is not negative"),
        (("a", "--amount", "1e15"), "the budget's amount must be less than 1,000,000,000,000,000"),
        (("a", "--amount", "5", "--start", "9999-12-31"), "the budget's start must be a day from 1970-01-01 on and"),
        (("a", "--amount", "5", "--start", "0001-01-01"), "the budget's start must be a day from 1970-01-01 on and"),
        (("a", "--amount", "5", "--level", "b=1e15"), "the level 'b', which must be less than 1,000,000,000,000,000"),
        (("A b", "--amount", "5"), "the budget's id must consist of a-z"),
        (("a", "--amount", "5", "--currency", "euro"), "the budget's currency is not a currency code"),
        (
            ("a", "--amount", "5", "--time-zone", "Mars"),
            "the budget's time_zone is 'Mars', which is no known time zone",
        ),
        (("a", "--amount", "5", "--period", "daily"), "the budget's period must be one of week, month"),
        (("a", "--amount", "5", "--period", "custom"), "the budget's period is custom and needs 'start' and 'length'"),
        (("a", "--amount", "5", "--start", "soon"), "--start must be a date such as 2026-11-01"),
        (("a", "--amount", "5", "--length", "6 weeks"), "--length must be a number of days or months"),
        (("a", "--amount", "5", "--parent", "a"), "the budget's parent is the budget itself"),
        (("a", "--amount", "5", "--parent", "b"), "the budget's parent is 'b', which is no known budget"),
        (("a", "--amount", "5", "--level", "warning"), "--level warning must look like warning=70%"),
        (("a", "--amount", "5", "--level", "w=70%@hope"), "must look like warning=70%"),
        (("a", "--amount", "5", "--level", "w=70%", "--level", "w=4"), "has the level 'w' on the actual figure twice"),
    ],
)
def test_mistakes_are_sentences_and_nothing_is_stored(cli, words, said):
    done = cli("budgets", "add", *words)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert listed(cli) == {}


def test_editing_needs_something_to_edit(cli):
    assert "nothing to change was given" in cli("budgets", "edit", "a").stderr
    assert "there is no budget a" in cli("budgets", "edit", "a", "--amount", "5").stderr


def test_parents_are_checked_against_their_children(cli):
    assert cli("budgets", "add", "p", "--amount", "100").exit_code == 0
    assert cli("budgets", "add", "a", "--amount", "60", "--parent", "p").stderr == ""
    warned = cli("budgets", "add", "b", "--amount", "50", "--parent", "p")
    sentence = "Warning: the budgets below p add up to 110.00 USD, more than its own 100.00 USD.\n"
    assert (warned.exit_code, warned.stderr) == (0, sentence)
    assert cli("budgets", "list").stderr == sentence
    circle = cli("budgets", "edit", "p", "--parent", "a")
    assert circle.exit_code == 1
    assert "leads back to the budget itself: " in circle.stderr
    assert "budget p is the parent of a, b" in cli("budgets", "remove", "p", "-y").stderr
    assert cli("budgets", "edit", "a", "--parent", "").exit_code == 0
    assert cli("budgets", "list").stderr == ""


def test_a_currency_without_a_rate_is_said(cli):
    done = cli("budgets", "add", "a", "--amount", "5", "--currency", "EUR")
    assert done.exit_code == 0
    assert "no rate of EUR is known" in done.stderr


FILE = """\
fx: {source: fixed, rates: {EUR: 1.5}}
budgets:
  - {id: all, amount: 100, time_zone: Europe/Berlin}
  - {id: part, amount: 80, currency: EUR, parent: all, tags: {feature: search}}
"""


def test_what_the_file_declares_is_read_only(cli, environment):
    (environment / "spend.yaml").write_text(FILE)
    found = listed(cli)
    assert [(row["id"], row["origin"], row["limit_usd"]) for row in found.values()] == [
        ("all", "file", "100.000000"), ("part", "file", "120.000000"),
    ]  # fmt: skip
    assert "feature=search" in cli("budgets", "show", "part").stdout
    for words in (("edit", "all", "--amount", "5"), ("remove", "all", "--yes")):
        assert "budget all is declared in the config file; change it there" in cli("budgets", *words).stderr
    assert "exists already" in cli("budgets", "add", "all", "--amount", "5").stderr


def test_check_config_shows_budgets_and_warns(run, environment):
    (environment / "spend.yaml").write_text(FILE)
    done = run("check-config")
    assert done.exit_code == 0, done.output
    assert "80.00 EUR" in done.stdout
    assert done.stderr == "Warning: the budgets below all add up to 120.00 USD, more than its own 100.00 USD.\n"
    assert read_config({}).budgets[0].id == "all"


def test_a_budget_on_the_command_line_is_not_overwritten_by_the_file(cli, environment):
    assert cli("budgets", "add", "all", "--amount", "5").exit_code == 0
    (environment / "spend.yaml").write_text(FILE)
    done = cli("budgets", "list")
    assert done.exit_code == 1
    assert "budget all was added on the command line; remove it there first" in done.stderr


def test_removing_asks_on_a_terminal(cli, rows, monkeypatch):
    assert cli("budgets", "add", "a", "--amount", "5").exit_code == 0
    monkeypatch.setattr(budgets_commands, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    assert cli("budgets", "remove", "a", input="n\n").exit_code == 1
    assert rows("SELECT id FROM budgets") == [("a",)]
    assert cli("budgets", "remove", "a", input="y\n").exit_code == 0
    assert rows("SELECT id FROM budgets") == []
