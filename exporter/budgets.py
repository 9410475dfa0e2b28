"""What a budget is: one model for the configuration file, the command line and the API.

One rule: whatever can be wrong with a budget is said by `faults` and `family_faults`, whoever stated it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from exporter.domain import Tags

PERIODS = ("week", "month", "quarter", "year", "custom")
SCOPES = ("provider", "account", "team", "scope", "model")
SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
SLUG_SENTENCE = "must consist of a-z, 0-9, '.', '_' and '-' and begin with a letter or digit"
LENGTH_SENTENCE = "must be a number of days or months such as '45 days' or '2 months'"
_TOO_MUCH = Decimal(10) ** 15  # a slip of the finger in any currency
_STARTS = (date(1970, 1, 1), date(2200, 1, 1))  # the longest period from any of these days ends before the calendar
_CURRENCY = re.compile(r"[A-Z]{3}")
_LENGTH = re.compile(r"([1-9]\d{0,3}) (day|month)s?")
# Mean lengths in days, only for comparing budgets of different periods.
_MONTH_DAYS = Decimal("30.4375")
_MEAN_DAYS = {"week": Decimal(7), "month": _MONTH_DAYS, "quarter": _MONTH_DAYS * 3, "year": _MONTH_DAYS * 12}

UsdPerUnit = Callable[[str], Decimal | None]
"""What one unit of a currency is worth in US dollars today; None: nobody knows."""


class Basis(StrEnum):
    """What a level is compared with."""

    ACTUAL = "actual"  # what was spent so far
    FORECAST = "forecast"  # what will have been spent when the period ends


@dataclass(frozen=True, slots=True)
class Level:
    """A threshold with a name: a share of the amount, or money in the budget's currency."""

    name: str
    percent: Decimal | None = None
    money: Decimal | None = None
    basis: Basis = Basis.ACTUAL

    def of(self, amount: Decimal) -> Decimal:
        """The threshold in money."""
        return self.money if self.money is not None else (amount * (self.percent or Decimal(0))).scaleb(-2)

    def facts(self) -> dict[str, str]:
        """As names and texts: how it is stored and shown."""
        unit, value = ("percent", self.percent) if self.money is None else ("money", self.money)
        return {"level": self.name, unit: f"{value:f}", "basis": self.basis.value}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Level:
        """The reverse of `facts`."""
        numbers = {unit: Decimal(facts[unit]) for unit in ("percent", "money") if unit in facts}
        return cls(facts["level"], **numbers, basis=Basis(facts["basis"]))


DEFAULT_LEVELS = (
    Level("warning", Decimal(70)),
    Level("critical", Decimal(90)),
    Level("emergency", Decimal(100)),
)


@dataclass(frozen=True, slots=True)
class Length:
    """How long a custom period lasts."""

    count: int
    unit: str  # "days" or "months"

    def __str__(self) -> str:
        return f"{self.count} {self.unit if self.count > 1 else self.unit[:-1]}"

    @classmethod
    def of(cls, words: str) -> Length | None:
        """From `45 days` or `2 months`; None: it is neither."""
        found = _LENGTH.fullmatch(words.strip())
        return cls(int(found[1]), f"{found[2]}s") if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Money allowed for each period, for the charges that fit *all* of its filters; an empty filter fits everything.

    `start` moves the borders of a period: months from the 15th, weeks from a Sunday, a fiscal year. A custom period
    begins there and follows itself; before `start` there is none.
    """

    id: str
    amount: Decimal
    currency: str = "USD"
    name: str = ""
    period: str = "month"
    start: date | None = None
    length: Length | None = None
    time_zone: str = "UTC"
    parent: str = ""
    provider: str = ""
    account: str = ""
    team: str = ""
    scope: str = ""
    model: str = ""
    tags: Tags = ()
    levels: tuple[Level, ...] = DEFAULT_LEVELS
    origin: str = field(default="database", compare=False)

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, tags aside."""
        return {name: value for name in SCOPES if (value := getattr(self, name))}


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset({"UTC", *available_timezones()})


def zone_of(budget: Budget) -> tzinfo:
    """Its time zone. UTC needs no time zone database: some small systems have none."""
    return UTC if budget.time_zone == "UTC" else ZoneInfo(budget.time_zone)


def faults(budget: Budget) -> Iterator[tuple[str, str]]:
    """(setting, sentence that continues after its name) for everything wrong with one budget by itself."""
    if not SLUG.fullmatch(budget.id):
        yield "id", SLUG_SENTENCE
    if not budget.amount.is_finite() or budget.amount < 0:
        yield "amount", "must be a number that is not negative"
    elif budget.amount >= _TOO_MUCH:
        yield "amount", f"must be less than {_TOO_MUCH:,}"
    if not _CURRENCY.fullmatch(budget.currency):
        yield "currency", "is not a currency code of three capital letters such as EUR"
    if budget.time_zone not in _zones():
        yield "time_zone", f"is '{budget.time_zone}', which is no known time zone such as Europe/Berlin"
    if budget.parent == budget.id:
        yield "parent", "is the budget itself"
    yield from _period_faults(budget)
    yield from (("levels", sentence) for sentence in _level_faults(budget.levels))


def _period_faults(budget: Budget) -> Iterator[tuple[str, str]]:
    if budget.period not in PERIODS:
        yield "period", f"must be one of {', '.join(PERIODS)}"
    elif budget.period == "custom" and (budget.start is None or budget.length is None):
        yield "period", "is custom and needs 'start' and 'length'"
    elif budget.period != "custom" and budget.length is not None:
        yield "length", "is for a custom period only"
    if budget.start is not None and not _STARTS[0] <= budget.start < _STARTS[1]:
        yield "start", f"must be a day from {_STARTS[0]} on and before {_STARTS[1]}"


def _level_faults(levels: Iterable[Level]) -> Iterator[str]:
    seen = set()
    for level in levels:
        value = level.percent if level.money is None else level.money
        if not SLUG.fullmatch(level.name):
            yield f"has the level '{level.name}', whose name {SLUG_SENTENCE}"
        if (level.percent is None) == (level.money is None):
            yield f"has the level '{level.name}', which needs either 'percent' or 'money'"
        elif value is None or not value.is_finite() or value <= 0:
            yield f"has the level '{level.name}', which must be more than 0"
        elif value >= _TOO_MUCH:
            yield f"has the level '{level.name}', which must be less than {_TOO_MUCH:,}"
        if (level.name, level.basis) in seen:
            yield f"has the level '{level.name}' on the {level.basis} figure twice"
        seen.add((level.name, level.basis))


def family_faults(budgets: Mapping[str, Budget]) -> Iterator[tuple[str, str]]:
    """(budget, sentence about its parent): it doesn't exist, or it leads back. A circle is said once."""
    told: set[str] = set()
    for budget in budgets.values():
        if budget.parent and budget.parent not in budgets:
            yield budget.id, f"is '{budget.parent}', which is no known budget"
        line = _line(budget, budgets)
        # A budget that is its own parent is a fault of its own, see `faults`.
        if len(line) > 2 and line[-1] == budget.id and told.isdisjoint(line):
            told.update(line)
            yield budget.id, f"leads back to the budget itself: {' → '.join(line)}"


def _line(budget: Budget, budgets: Mapping[str, Budget]) -> list[str]:
    """The budget and its ancestors, up to the top or to one that was there before."""
    line = [budget.id]
    while (parent := budgets[line[-1]].parent) in budgets:
        line.append(parent)
        if parent in line[:-1]:
            break
    return line


def overallocated(budgets: Mapping[str, Budget], usd_per_unit: UsdPerUnit) -> Iterator[str]:
    """A sentence for each parent whose children were promised more than it has. Unknown currencies are left out."""
    for parent in budgets.values():
        children = [budget for budget in budgets.values() if budget.parent == parent.id and budget is not parent]
        shares = [share for child in children if (share := _share(child, parent, usd_per_unit)) is not None]
        promised = sum(shares, Decimal(0))
        if promised > parent.amount:
            yield (
                f"the budgets below {parent.id} add up to {promised:.2f} {parent.currency},"
                f" more than its own {parent.amount:.2f} {parent.currency}"
            )


def _share(child: Budget, parent: Budget, usd_per_unit: UsdPerUnit) -> Decimal | None:
    """The child's amount in its parent's currency and period. Equal ones are not converted, so they stay exact."""
    amount = child.amount
    if child.currency != parent.currency:
        mine, theirs = usd_per_unit(child.currency), usd_per_unit(parent.currency)
        if mine is None or theirs is None:
            return None
        amount = amount * mine / theirs
    if (child.period, child.length) != (parent.period, parent.length):
        amount = amount * _mean_days(parent) / _mean_days(child)
    return amount


def _mean_days(budget: Budget) -> Decimal:
    if budget.length is None:
        return _MEAN_DAYS[budget.period]
    return budget.length.count * (_MONTH_DAYS if budget.length.unit == "months" else Decimal(1))
