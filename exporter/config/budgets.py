"""The `budgets` of the configuration file.

One rule: what a budget may be is said in `exporter.budgets`; here it is only read, so that every mistake has its line.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from exporter.budgets import (
    DEFAULT_LEVELS,
    LENGTH_SENTENCE,
    PERIODS,
    SCOPES,
    Basis,
    Budget,
    Length,
    Level,
    family_faults,
    faults,
)
from exporter.config.tree import Section, suggestion
from exporter.domain import Tags

BUDGET_KEYS = (
    "id", "name", "amount", "currency", "period", "start", "length", "time_zone", "parent", *SCOPES, "tags", "levels",
)  # fmt: skip
LEVEL_KEYS = ("level", "percent", "money", "basis")


def budgets_from(top: Section) -> tuple[Budget, ...]:
    """Every budget of the file."""
    found: dict[str, Budget] = {}
    entries: dict[str, Section] = {}
    for entry in top.sections("budgets"):
        budget = _budget(entry)
        if budget.id and budget.id in found:
            entry.wrong("id", f"'{budget.id}' is already the id of {entries[budget.id].path}")
            continue
        found[budget.id], entries[budget.id] = budget, entry
    for id_, sentence in family_faults(found):
        entry, parent = entries[id_], found[id_].parent
        entry.wrong("parent", sentence + (suggestion(parent, found) if parent not in found else ""))
    return tuple(found.values())


def _budget(entry: Section) -> Budget:
    entry.expect(BUDGET_KEYS, required=("id", "amount"))
    amount = entry.number("amount")
    budget = Budget(
        id=entry.text("id"),
        name=entry.text("name"),
        amount=Decimal(0) if amount is None else amount,
        currency=entry.text("currency") or "USD",
        period=entry.one_of("period", PERIODS) or "month",
        start=entry.day("start"),
        length=_length(entry),
        time_zone=entry.text("time_zone") or "UTC",
        parent=entry.text("parent"),
        **{name: entry.text(name) for name in SCOPES},
        tags=_tags(entry),
        levels=_levels(entry),
        origin="file",
    )
    _check(entry, budget)
    return budget


def _check(entry: Section, budget: Budget) -> None:
    """Say what is wrong with what was stated. What is missing or unreadable has been said already."""
    said = set()
    if budget.period not in PERIODS or {"start", "length"} <= set(entry):
        said.add("period")
    if not budget.id:
        said.add("id")
    for name, sentence in faults(budget):
        if name in entry and name not in said:
            entry.wrong(name, sentence)


def _length(entry: Section) -> Length | None:
    words = entry.text("length")
    length = Length.of(words)
    if words and length is None:
        entry.wrong("length", LENGTH_SENTENCE)
    return length


def _tags(entry: Section) -> Tags:
    section = entry.section("tags")
    return () if section is None else tuple(sorted((name, section.text(name)) for name in section))


def _levels(entry: Section) -> tuple[Level, ...]:
    if "levels" not in entry:
        return DEFAULT_LEVELS
    return tuple(_stated(_level(level) for level in entry.sections("levels")))


def _stated(levels: Iterable[Level | None]) -> Iterable[Level]:
    return (level for level in levels if level is not None)


def _level(entry: Section) -> Level | None:
    """A level; None: something is wrong with it, and was said."""
    entry.expect(LEVEL_KEYS, required=("level",))
    name = entry.text("level")
    basis = entry.one_of("basis", tuple(Basis)) or Basis.ACTUAL
    stated = [unit for unit in ("percent", "money") if unit in entry]
    if len(stated) != 1:
        entry.mistakes.add(entry.node, f"{entry.path} needs either 'percent' or 'money'")
        return None
    number = entry.number(stated[0])
    if not name or number is None or basis not in tuple(Basis):
        return None
    return Level(name, basis=Basis(basis), **{stated[0]: number})
