"""check-config, providers and prices: commands that open no database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exporter.cli.providers import _span

GOOD = """\
accounts:
  - {id: prod, provider: openai, team: core, credentials: {admin_key: "sk-admin-x"}, backfill_days: 9}
  - {id: old, provider: anthropic, credentials: {admin_key: "sk-ant-y"}, disabled: true}
prices:
  - {provider: openai, model: gpt-5, meter: output, usd_per_million: 8.50, service_tier: batch, from: 2026-11-01}
fx: {source: fixed, rates: {EUR: 1.1}}
"""


def test_says_what_it_would_do_and_no_secret(run, environment, monkeypatch):
    (environment / "spend.yaml").write_text(GOOD)
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret-word@db.example/spend")
    done = run("check-config")
    assert done.exit_code == 0, done.output
    for word in ("prod", "9 days", "disabled", "output (batch)", "8.5", "fixed: EUR", "u:***@db.example"):
        assert word in done.stdout
    assert "secret-word" not in done.output
    assert "sk-admin" not in done.output
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_password_in_the_query_of_an_address_is_not_shown(run, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/spend?user=u&password=secret-word")
    done = run("check-config")
    assert done.exit_code == 0
    assert "postgresql://db.example/spend\n" in done.stdout
    assert "secret-word" not in done.output


def test_an_address_that_is_none_is_not_right(run, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret-word@db.example:port/spend")
    done = run("check-config")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: DATABASE_URL is not a URL")
    assert "secret-word" not in done.output


def test_without_a_file_it_is_right_too(run):
    done = run("check-config")
    assert done.exit_code == 0
    assert "not there" in done.stdout
    assert "embedded" in done.stdout


def test_every_mistake_is_a_sentence(run, environment):
    (environment / "own.yaml").write_text("acounts: []\nfx: {source: fixed}\n")
    done = run("--config", environment / "own.yaml", "check-config")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 2
    assert all(line.startswith("Error: ") for line in done.stderr.splitlines())
    assert "did you mean 'accounts'?" in done.stderr


def test_an_unknown_setting_is_a_sentence(run, monkeypatch):
    monkeypatch.setenv("SPEND_SERIE_LIMIT", "3")
    done = run("check-config")
    assert done.exit_code == 1
    assert done.stderr == "Error: SPEND_SERIE_LIMIT is not a setting; did you mean 'SPEND_SERIES_LIMIT'?\n"


def test_providers(run):
    assert "admin_key" in run("providers").stdout
    one = run("providers", "openai").stdout
    for word in ("costs_by_api_key", "usage/completions", "1 hour", "2 days", "https://platform.openai.com"):
        assert word in one


@pytest.mark.parametrize(("hours", "said"), [(1, "1 hour"), (24, "1 day"), (36, "36 hours"), (72, "3 days")])
def test_spans_are_said_in_the_round_unit(hours, said):
    assert _span(timedelta(hours=hours)) == said


def test_prices_of_a_model(run, environment):
    (environment / "spend.yaml").write_text(GOOD)
    done = run("prices", "--provider", "openai", "--model", "gpt-5", "--day", "2026-11-20")
    assert done.exit_code == 0, done.output
    assert "override" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "No price is known" in run("prices", "--model", "nobodys-model").stdout
    assert run("prices", "--provider", "acme").exit_code == 1
