"""What `budgets list` and `budgets show` print. One rule: a figure that is not known is a dash, never a zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from exporter.cli import show

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from exporter.analytics.budget import BurnDownDay, Standing
    from exporter.app import Runtime
    from exporter.budgets import Budget

COLUMNS = ("id", "amount", "period", "spent $", "used", "level", "runs out", "origin")
NUMBERS = ("amount", "spent $", "used")


@dataclass(frozen=True, slots=True)
class Row:
    """One budget and where it stands. No standing: its period has not begun."""

    budget: Budget
    standing: Standing | None
    days: tuple[BurnDownDay, ...] = ()

    @property
    def fired(self) -> list[str]:
        """The levels that are reached."""
        return (
            [_called(status.level.facts()) for status in self.standing.levels if status.fires] if self.standing else []
        )

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        b, s = self.budget, self.standing
        used = "–" if s is None or s.spent is None or not s.limit else _percent(s.spent / s.limit)
        ends = f"{s.exhausted_at:%Y-%m-%d}" if s and s.exhausted_at else "–"
        amount = f"{b.amount:,.2f} {b.currency}"
        return b.id, amount, b.period, _money(s.spent if s else None), used, (self.fired or ["–"])[-1], ends, b.origin

    def facts(self) -> dict[str, Any]:
        """Everything, for a program. Money is text, so that it stays exact."""
        b = self.budget
        return {
            "id": b.id,
            "name": b.name,
            "amount": f"{b.amount:f}",
            "currency": b.currency,
            "period": b.period,
            "start": b.start,
            "length": None if b.length is None else str(b.length),
            "time_zone": b.time_zone,
            "parent": b.parent,
            **b.filters,
            "tags": dict(b.tags),
            "levels": [level.facts() for level in b.levels],
            "origin": b.origin,
            **_figures(self.standing),
            "levels_reached": self.fired,
        }

    def burn_down(self) -> list[dict[str, str]]:
        """Day by day, for a program."""
        return [
            {"day": f"{d.day}", "spent": f"{d.spent:f}", "left": f"{d.left:f}", "even": f"{d.even:f}"}
            for d in self.days
        ]


def rows(runtime: Runtime) -> list[Row]:
    """Every budget."""
    return runtime.database.call(_rows, runtime.clock(), runtime.config.fx.rates)


def row(runtime: Runtime, budget: str) -> Row:
    """One budget, with its burn-down.

    Raises:
        ConfigError: there is none.
    """
    return runtime.database.call(_row, budget, runtime.clock(), runtime.config.fx.rates)


def warnings(runtime: Runtime) -> list[str]:
    """What is odd about the budgets together."""
    return runtime.database.call(_warnings, runtime.config.fx.rates)


def warn(runtime: Runtime, budget: Budget) -> None:
    """Say what is odd about a budget that was stored."""
    for sentence in warnings(runtime):
        mine = {budget.id, budget.parent} & set(sentence.split())
        if mine or sentence.startswith(f"no rate of {budget.currency} "):
            show.note(f"Warning: {sentence}.")


def _rows(db: Connection, now: datetime, fixed: Mapping[str, Decimal]) -> list[Row]:
    from exporter.publish.budgets import standing_of
    from exporter.publish.forecasts import outlooks
    from exporter.store import budgets

    rates, expected = budgets.usd_per_unit(db, fixed), outlooks(db, now)
    known = budgets.every(db).values()
    return [Row(budget, standing_of(db, budget, now, rates, expected.get(budget.id))) for budget in known]


def _row(db: Connection, id_: str, now: datetime, fixed: Mapping[str, Decimal]) -> Row:
    from exporter.analytics.budget import burn_down
    from exporter.publish.budgets import spending_of, standing_of
    from exporter.publish.forecasts import outlooks
    from exporter.store import budgets

    budget = budgets.find(db, id_)
    found = standing_of(db, budget, now, budgets.usd_per_unit(db, fixed), outlooks(db, now).get(id_))
    if found is None or found.limit is None or found.spent is None:
        return Row(budget, found)
    days = spending_of(db, budget, found.period, now).days
    return Row(budget, found, burn_down(found.limit, days, found.period, now))


def _warnings(db: Connection, fixed: Mapping[str, Decimal]) -> list[str]:
    from exporter.budgets import family_faults, overallocated
    from exporter.store import budgets

    known, rates = budgets.every(db), budgets.usd_per_unit(db, fixed)
    unknown = {b.currency for b in known.values()} - rates.keys()
    return [
        *(f"the parent of {id_} {sentence}" for id_, sentence in family_faults(known)),
        *overallocated(known, rates.get),
        *(f"no rate of {code} is known, so its budgets have no limit: state one under fx.rates" for code in unknown),
    ]


def print_details(row: Row) -> None:
    """A line for each fact, then the burn-down."""
    for name, value in row.facts().items():
        if value not in ("", None, {}, []):
            show.say(f"{name.replace('_', ' '):<19}{_plain(value)}")
    if row.days:
        columns = ("day", "spent $", "left $", "even pace $")
        cells = [(f"{d.day}", _money(d.spent), _money(d.left), _money(d.even)) for d in row.days]
        show.table(columns, cells, right=columns[1:])


def _figures(found: Standing | None) -> dict[str, Any]:
    if found is None:
        return {"period_start": None, "period_end": None}
    money = {
        "limit_usd": found.limit,
        "spent_usd": found.spent,
        **{f"burn_rate_{window}_usd": rate for window, rate in found.rates.items()},
        "at_this_rate_usd": found.at_this_rate,
        "forecast_usd": found.forecast,
        "forecast_lower_usd": found.forecast_lower,
        "forecast_upper_usd": found.forecast_upper,
    }
    return {
        "period_start": found.period.start,
        "period_end": found.period.end,
        **{name: None if amount is None else f"{amount:.6f}" for name, amount in money.items()},
        "exhausted_at": found.exhausted_at,
    }


def _called(level: Mapping[str, str]) -> str:
    return level["level"] if level["basis"] == "actual" else f"{level['level']} (forecast)"


def _percent(ratio: Decimal) -> str:
    """Rounded down: 69.99 % is not shown as the 70 % that it has not reached."""
    return f"{(ratio * 100).to_integral_value(ROUND_FLOOR):f}%"


def _money(amount: Decimal | None) -> str:
    return "–" if amount is None else f"{amount:,.2f}"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return show.moment(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value)
    return str(value)


def _words(one: object) -> str:
    if not isinstance(one, Mapping):
        return str(one)
    value = f"{one['percent']} %" if "percent" in one else one["money"]
    return f"{_called(one)} at {value}"
