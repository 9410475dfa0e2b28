"""export: a file or a pipe, everything else on stderr; mistakes are sentences and leave no file."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

TODAY = datetime.now(UTC).date()


@pytest.fixture
def booked(cli, rows):
    """Three days of charges, one of them today, and one long ago."""
    assert cli("invoices", "list").exit_code == 0  # migrated
    rows("INSERT INTO accounts (id, provider, origin) VALUES ('acme', 'openai', 'database')")
    for days, amount in ((0, "9"), (1, "0.00004"), (2, "5"), (60, "7")):
        day = TODAY - timedelta(days=days)
        what = "'cost_api', 'costs', '=m', 't', 'gpt-5', 'p', ''"
        rows(f"INSERT INTO daily_charges VALUES ('acme', '{day}', {what}, {amount})")
        rows(f"INSERT INTO best_days VALUES ('acme', '{day}', 'cost_api', true, {amount})")
        rows(
            f"INSERT INTO daily_usage VALUES ('acme', '{day}', 'usage_api', 'u', 'input', 'tokens', 'gpt-5', '', '', 3)"
        )
    return cli


def test_the_last_30_complete_days_and_it_says_so(booked):
    done = booked("export", "costs")
    assert done.exit_code == 0, done.output
    records = list(csv.DictReader(io.StringIO(done.stdout_bytes.decode("utf-8-sig"), newline="")))
    assert [(row["amount_usd"], row["meter"]) for row in records] == [("5", "'=m"), ("0.00004", "'=m")]
    first, last = TODAY - timedelta(days=30), TODAY - timedelta(days=1)
    assert done.stderr == (
        f"Costs of the last 30 complete days, {first} to {last} (UTC).\n2 records; 5.00004 USD in all.\n"
    )


def test_a_file_and_what_stands_beside_a_csv(booked, environment):
    done = booked("export", "usage", "--from", str(TODAY), "--to", str(TODAY + timedelta(days=1)), "--out", "u.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert done.stderr == f"Usage of {TODAY} (UTC).\n1 record in u.csv; 3 tokens in all.\n"
    told = json.loads((environment / "u.csv.metadata.json").read_text())
    assert (told["records"], told["totals"], told["period"]["default"]) == (1, {"tokens": "3"}, False)
    assert (environment / "u.csv").read_bytes().startswith(b"\xef\xbb\xbfdate,")
    assert not list(environment.glob("*.part")) + list(environment.glob(".*.part"))


@pytest.mark.parametrize("name", ["json", "ndjson", "parquet", "xlsx", "focus"])
def test_other_formats_hold_their_metadata(booked, environment, name):
    done = booked("export", "costs", "--format", name, "--out", f"costs.{name}")
    assert done.exit_code == 0, done.output
    assert (environment / f"costs.{name}").stat().st_size > 300
    assert (environment / f"costs.{name}.metadata.json").exists() == (name == "focus")


def test_filters_columns_and_the_rest_reach_the_export(booked):
    done = booked(
        "export", "costs", "--format", "json", "--provider", "openai",
        "--account", "acme", "--model", "gpt-5",
        "--model", "x", "--scope", "p", "--source", "cost_api", "--confidence", "provisional",
        "--columns", "model, amount_usd",
        "--all-sources", "--redact",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["records"] == [{"model": "gpt-5", "amount_usd": "5"}, {"model": "gpt-5", "amount_usd": "0.00004"}]
    assert told["metadata"]["filters"]["model"] == ["gpt-5", "x"]
    assert (told["metadata"]["all_sources"], told["metadata"]["redacted"]) == (True, True)
    assert json.loads(booked("export", "costs", "--format", "json", "--team", "nobody").stdout)["records"] == []


def test_it_goes_on_where_it_ended(booked):
    done = booked("export", "usage", "--limit", "1", "--format", "json")
    assert done.stderr.splitlines()[1] == "1 record of 2; 6 tokens in all."
    cursor = json.loads(done.stdout)["metadata"]["next_cursor"]
    assert done.stderr.splitlines()[2] == f"There is more: --cursor {cursor}"
    rest = booked("export", "usage", "--cursor", cursor, "--format", "json")
    assert [row["date"] for row in json.loads(rest.stdout)["records"]] == [f"{TODAY - timedelta(days=1)}"]


def test_focus_by_version(booked):
    done = booked("export", "costs", "--focus-version", "1.4", "--format", "ndjson")
    assert json.loads(done.stdout.splitlines()[0])["ServiceProviderName"] == "OpenAI"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--format", "docx"), "there is no format docx: use csv, json, ndjson, parquet, xlsx"),
        (("--from", "yesterday"), "from yesterday is not a day such as 2026-10-01"),
        (("--account", "nobody"), "there is no account nobody; see `spend-exporter accounts list`"),
        (("--focus-version", "2"), "there is no FOCUS version 2: use 1.2, 1.4"),
        (("--columns", "price"), "there is no column price: use date,"),
        (("--out", "missing/costs.csv"), "can't write missing/costs.csv: No such file or directory"),
    ],
)
def test_mistakes(booked, environment, words, sentence):
    done = booked("export", "costs", *words)
    assert done.exit_code == 1
    assert f"Error: {sentence}" in done.stderr
    assert done.stdout == ""
    assert not list(environment.glob("*.csv*"))
