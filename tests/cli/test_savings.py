"""`savings` as a user runs it, over a simulated organisation."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from exporter.demo.clock import Clock
from exporter.demo.truth import Truth

LUNA = "gpt-5.6-luna"


@pytest.fixture
def truth():
    return Truth(clock=Clock(), seed=7, days=14, projects=2, models=4)


@pytest.fixture
def analysed(cli, openai):
    """Twelve days of the simulated OpenAI, read and analysed."""
    assert cli("backfill", "--days", "12").exit_code == 0
    done = cli("analyse")
    assert done.exit_code == 0, done.output
    return done


def figures(line: str) -> list[Decimal]:
    return [Decimal(word.replace(",", "")) for word in re.findall(r"\$([\d,.]+\d)", line)]


def test_before_anything_is_known(cli):
    assert "found no saving of a dollar a month or more" in cli("savings").stdout
    assert "No unit cost is known" in cli("savings", "units").stdout
    assert json.loads(cli("savings", "--json").stdout) == []


def test_savings_largest_first_with_their_evidence(analysed, cli):
    found = json.loads(cli("savings", "--json").stdout)
    amounts = [Decimal(one["usd_per_month"]) for one in found]
    assert amounts == sorted(amounts, reverse=True)
    assert {one["kind"] for one in found} >= {"model"}
    for one in found:
        assert one["account"] == "acme"
        assert one["evidence"]["days"] >= 7
    assert "if its" in cli("savings").stdout


def test_unit_costs(analysed, cli):
    found = json.loads(cli("savings", "units", "--json").stdout)
    assert LUNA in {one["model"] for one in found}
    assert re.search(rf"acme\s+model\s+{LUNA}\s+[\d.,]+\s+[\d,]+\s+0\.00\d+", cli("savings", "units").stdout)


def what_if(cli, used: str, target: str, *more: str):
    return cli("savings", "what-if", "--account", "acme", "--from", used, "--to", target, *more)


def test_what_if_on_the_same_model_changes_nothing(analysed, cli):
    done = what_if(cli, LUNA, LUNA)
    assert done.exit_code == 0, done.output
    then, now = figures(" ".join(done.stdout.split("The same tokens")[1].split()))
    assert then == now > 0
    assert "(+0%)" in done.stdout


def test_what_if_at_another_provider_names_what_has_no_price(analysed, cli):
    done = what_if(cli, "gpt-5.6-terra", "claude-sonnet-5", "--provider", "anthropic")
    assert done.exit_code == 0, done.output
    assert "In neither sum, because a price is not known: cache_write_12h." in done.stdout
    assert "flex" in done.stdout  # the tier goes along


@pytest.mark.parametrize(
    ("used", "target", "account", "sentence"),
    [
        (LUNA, "aurora", "acme", "no price is known for aurora at openai"),
        ("gpt-2", LUNA, "acme", "models it used: .*gpt-5.6-luna"),
        (LUNA, LUNA, "nobody", "account nobody has no usage of at least 7 complete days"),
    ],
)
def test_mistakes_are_sentences(analysed, cli, used, target, account, sentence):
    done = cli("savings", "what-if", "--account", account, "--from", used, "--to", target)
    assert done.exit_code == 1
    assert re.search(sentence, done.stderr)
