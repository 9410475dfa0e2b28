"""Budgets of the file: what is read, what their family may look like. Single mistakes have a file each in `bad/`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.budgets import DEFAULT_LEVELS, Basis, Budget, Length, Level, family_faults, faults, overallocated
from exporter.config import load
from exporter.errors import ConfigError

RATES = {"USD": Decimal(1), "EUR": Decimal("1.25")}.get


def loaded(tmp_path: Path, text: str) -> tuple[Budget, ...]:
    file = tmp_path / "spend.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, {}, {}).budgets


def test_the_least_a_budget_needs(tmp_path):
    [found] = loaded(tmp_path, "budgets:\n  - {id: all, amount: 0}\n")
    assert found == Budget(id="all", amount=Decimal(0))
    assert (found.period, found.currency, found.time_zone, found.origin) == ("month", "USD", "UTC", "file")
    assert [(level.name, level.percent, level.basis) for level in found.levels] == [
        ("warning", 70, "actual"), ("critical", 90, "actual"), ("emergency", 100, "actual"),
    ]  # fmt: skip


def test_everything_a_budget_may_say(tmp_path):
    text = """
budgets:
  - id: search
    name: Search
    amount: 1234.50
    currency: EUR
    period: custom
    start: 2026-11-15
    length: 45 days
    time_zone: Europe/Berlin
    parent: all
    provider: openai
    account: acme
    team: core
    scope: proj_1
    model: gpt-5
    tags: {feature: search, experiment: b}
    levels:
      - {level: half, percent: 50.5}
      - {level: most, money: 1000}
      - {level: over, percent: 100, basis: forecast}
  - {id: all, amount: 5000, levels: []}
"""
    search, everything = loaded(tmp_path, text)
    assert search == Budget(
        id="search", name="Search", amount=Decimal("1234.50"), currency="EUR", period="custom",
        start=date(2026, 11, 15),
        length=Length(45, "days"), time_zone="Europe/Berlin", parent="all", provider="openai", account="acme",
        team="core", scope="proj_1", model="gpt-5", tags=(("experiment", "b"), ("feature", "search")),
        levels=(Level("half", Decimal("50.5")), Level("most", money=Decimal(1000)),
                Level("over", Decimal(100), basis=Basis.FORECAST)),
    )  # fmt: skip
    assert everything.levels == ()


def test_every_mistake_is_said(tmp_path):
    text = "budgets:\n  - {amount: -1, period: custom, start: soon, length: 45 days}\n  - {id: '', amount: 1}\n"
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert [line.split(": ", 1)[1] for line in str(caught.value).splitlines()] == [
        "budgets[0] needs 'id'",
        "budgets[0].amount must be a number that is not negative",
        "budgets[0].start must be a date such as 2026-11-01",
        "budgets[1].id is empty: give it a value or leave the line out",
    ]


@pytest.mark.parametrize(
    ("words", "length"),
    [("1 day", Length(1, "days")), ("2 months", Length(2, "months")), ("0 days", None), ("6 weeks", None), ("", None)],
)
def test_lengths(words, length):
    assert Length.of(words) == length
    assert length is None or str(length) == words


def test_levels_survive_being_stored():
    levels = (*DEFAULT_LEVELS, Level("x", money=Decimal("0.10"), basis=Basis.FORECAST))
    assert tuple(Level.from_facts(level.facts()) for level in levels) == levels


def test_faults_that_a_file_cannot_have():
    wrong = Budget(id="a", amount=Decimal("nan"), period="monthly", levels=(Level("A b", Decimal(1)), Level("c")))
    assert [name for name, _ in faults(wrong)] == ["amount", "period", "levels", "levels"]


def family(*budgets: Budget) -> dict[str, Budget]:
    return {budget.id: budget for budget in budgets}


def of(id_: str, amount: object, parent: str = "", **more) -> Budget:
    return Budget(id=id_, amount=Decimal(str(amount)), parent=parent, **more)


def test_a_family_without_faults_may_be_deep():
    assert list(family_faults(family(of("a", 1), of("b", 1, "a"), of("c", 1, "b"), of("d", 1, "b")))) == []


def test_children_may_be_promised_all_of_it_but_no_cent_more():
    parent, one, two = of("p", 100), of("a", "60.01", "p"), of("b", "39.99", "p")
    assert list(overallocated(family(parent, one, two), RATES)) == []
    assert list(overallocated(family(parent, one, replace(two, amount=Decimal(40))), RATES)) == [
        "the budgets below p add up to 100.01 USD, more than its own 100.00 USD"
    ]


def test_children_in_other_currencies_and_periods_are_converted():
    parent = of("p", 1200, period="year", currency="USD")
    assert list(overallocated(family(parent, of("a", 100, "p")), RATES)) == []
    assert list(overallocated(family(parent, of("a", 80, "p", currency="EUR")), RATES)) == []
    assert list(overallocated(family(parent, of("a", 80.1, "p", currency="EUR")), RATES)) == [
        "the budgets below p add up to 1201.50 USD, more than its own 1200.00 USD"
    ]
    assert list(overallocated(family(parent, of("a", 9999, "p", currency="XAU")), RATES)) == []
    custom = of("a", 300, "p", period="custom", start=date(2026, 1, 1), length=Length(2, "months"))
    assert len(list(overallocated(family(parent, custom), RATES))) == 1
    assert list(overallocated(family(parent, replace(custom, length=Length(100, "days"))), RATES)) == []
