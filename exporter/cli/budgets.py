"""`budgets …`: add, list, look at, edit and remove budgets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exporter.cli import budgets_shown, show, work
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from exporter.budgets import Budget, Level

app = typer.Typer(help="Add, list, look at, edit and remove budgets.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The budget's id.", metavar="ID")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Name = Annotated[str | None, typer.Option(help="What people call it.")]
Currency = Annotated[str | None, typer.Option(help="Of the amount, such as EUR; USD unless given.", metavar="CODE")]
Every = Annotated[str | None, typer.Option(help="week, month (unless given), quarter, year or custom.")]
Start = Annotated[str | None, typer.Option(help="A day on which a period begins.", metavar="YYYY-MM-DD")]
Lasts = Annotated[str | None, typer.Option(help="Of a custom period: '45 days', '2 months'.")]
Zone = Annotated[str | None, typer.Option(help="Where midnight is, such as Europe/Berlin; UTC unless given.")]
Parent = Annotated[str | None, typer.Option(help="The budget it is a part of.", metavar="ID")]
Provider = Annotated[str | None, typer.Option(help="Only charges of this provider.")]
Account = Annotated[str | None, typer.Option(help="Only charges of this account.", metavar="ID")]
Team = Annotated[str | None, typer.Option(help="Only charges of this team's accounts.")]
Scope = Annotated[str | None, typer.Option(help="Only charges of this project, workspace or resource.", metavar="ID")]
Model = Annotated[str | None, typer.Option(help="Only charges of this model.")]
Tag = Annotated[list[str] | None, typer.Option(help="Only charges with this tag.", metavar="NAME=VALUE")]
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        help="In percent or in money, on the actual or the forecast figure, in place of the three usual ones:"
        " warning=70%, critical=4500, emergency=100%@forecast.",
        metavar="NAME=VALUE[%][@BASIS]",
    ),
]


@app.command()
def add(
    budget: Annotated[str, typer.Argument(help="A name of your own that never changes.", metavar="ID")],
    *,
    amount: Annotated[str, typer.Option(help="Money allowed for each period.", metavar="NUMBER")],
    name: Name = None,
    currency: Currency = None,
    period: Every = None,
    start: Start = None,
    length: Lasts = None,
    time_zone: Zone = None,
    parent: Parent = None,
    provider: Provider = None,
    account: Account = None,
    team: Team = None,
    scope: Scope = None,
    model: Model = None,
    tag: Tag = None,
    level: Levels = None,
) -> None:
    """Add a budget. What it is compared with are the charges that fit all of its filters."""
    from exporter.budgets import Budget
    from exporter.store import budgets

    given = {name: value for name, value in locals().items() if name in _SETTINGS and value is not None}
    wanted = replace(Budget(id=budget, amount=_amount(amount)), **_read(given))
    with work.opened() as runtime:
        runtime.database.call(_checked, wanted, budgets.add)
        show.say(f"Added budget {budget}. A running exporter publishes it within a minute.")
        budgets_shown.warn(runtime, wanted)


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """All budgets and where they stand."""
    with work.opened() as runtime:
        rows = budgets_shown.rows(runtime)
        warnings = budgets_shown.warnings(runtime)
    if as_json:
        show.as_json({"budgets": [row.facts() for row in rows], "warnings": warnings})
        return
    if rows:
        show.table(budgets_shown.COLUMNS, [row.cells() for row in rows], right=budgets_shown.NUMBERS)
    else:
        show.say("There are no budgets yet; add one with `spend-exporter budgets add`.")
    for sentence in warnings:
        show.note(f"Warning: {sentence}.")


@app.command("show")
def show_(budget: Id, *, as_json: Json = False) -> None:
    """Everything about one budget: its terms, where it stands, and its burn-down by day."""
    with work.opened() as runtime:
        row = budgets_shown.row(runtime, budget)
    if as_json:
        show.as_json(row.facts() | {"burn_down": row.burn_down()})
    else:
        budgets_shown.print_details(row)


@app.command()
def edit(
    budget: Id,
    *,
    amount: Annotated[str | None, typer.Option(help="Money allowed for each period.", metavar="NUMBER")] = None,
    name: Name = None,
    currency: Currency = None,
    period: Every = None,
    start: Start = None,
    length: Lasts = None,
    time_zone: Zone = None,
    parent: Parent = None,
    provider: Provider = None,
    account: Account = None,
    team: Team = None,
    scope: Scope = None,
    model: Model = None,
    tag: Tag = None,
    level: Levels = None,
) -> None:
    """Change what is given; the rest stays. An empty text ('') takes a setting back; --tag and --level replace all."""
    from exporter.store import budgets

    given = {name: value for name, value in locals().items() if name in _SETTINGS and value is not None}
    if not given:
        raise ConfigError("nothing to change was given; see `spend-exporter budgets edit --help`")
    with work.opened() as runtime:
        wanted = replace(runtime.database.call(budgets.find, budget), **_read(given))
        runtime.database.call(_checked, wanted, budgets.change)
        show.say(f"Changed budget {budget}. A running exporter publishes it within a minute.")
        budgets_shown.warn(runtime, wanted)


@app.command()
def remove(budget: Id, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False) -> None:
    """Forget a budget. What was spent stays in the books."""
    from exporter.store import budgets

    with work.opened() as runtime:
        runtime.database.call(budgets.find, budget)
        if not yes:
            _confirm(budget)
        runtime.database.call(budgets.remove, budget)
    show.say(f"Removed budget {budget}.")


_SETTINGS = (
    "amount", "name", "currency", "period", "start", "length", "time_zone", "parent",
    "provider", "account", "team", "scope", "model", "tag", "level",
)  # fmt: skip


def _read(given: dict[str, Any]) -> dict[str, Any]:
    """The words of the command line as a budget's values; an empty text is the setting's default."""
    from exporter.budgets import Budget

    default = Budget(id="default", amount=_amount("0"))
    readers: dict[str, Callable[[Any], Any]] = {
        "amount": _amount,
        "start": _day,
        "length": _length,
        "tag": _tags,
        "level": _levels,
    }
    found = {}
    for name, words in given.items():
        field = {"tag": "tags", "level": "levels"}.get(name, name)
        blank = words in ("", [""])
        found[field] = getattr(default, field) if blank and name != "amount" else readers.get(name, str)(words)
    return found


def _checked(db: Connection, budget: Budget, store: Any) -> None:
    """Store the budget if nothing is wrong with it, nor with its place among the others."""
    from exporter.budgets import family_faults, faults
    from exporter.store import budgets

    wrong = list(faults(budget))
    if not wrong:
        family = family_faults({**budgets.every(db), budget.id: budget})
        wrong = [
            ("parent", sentence) for id_, sentence in family if budget.parent and budget.id in (id_, *sentence.split())
        ]
    if wrong:
        raise ConfigError("\n".join(f"the budget's {setting} {sentence}" for setting, sentence in wrong))
    store(db, budget)


def _amount(words: str) -> Any:
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(words)
    except InvalidOperation:
        raise ConfigError(f"{words!r} is not a number") from None


def _day(words: str) -> date:
    try:
        return date.fromisoformat(words)
    except ValueError:
        raise ConfigError("--start must be a date such as 2026-11-01") from None


def _length(words: str) -> Any:
    from exporter.budgets import LENGTH_SENTENCE, Length

    found = Length.of(words)
    if found is None:
        raise ConfigError(f"--length {LENGTH_SENTENCE}")
    return found


def _tags(words: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(work.pairs(words, "--tag").items()))


def _levels(words: list[str]) -> tuple[Level, ...]:
    """`warning=70%`, `critical=4500`, `emergency=100%@forecast`."""
    return tuple(map(_level, words))


def _level(word: str) -> Level:
    from exporter.budgets import Basis, Level

    name, _, rest = word.partition("=")
    value, at, basis = rest.partition("@")
    if not name or not value or (at and basis not in tuple(Basis)):
        raise ConfigError(f"--level {word} must look like warning=70%, critical=4500 or emergency=100%@forecast")
    unit = "percent" if value.endswith("%") else "money"
    return Level(name, basis=Basis(basis or "actual"), **{unit: _amount(value.removesuffix("%"))})


def _confirm(budget: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigError(f"removing {budget} has to be confirmed: add --yes")
    typer.confirm(f"Forget the budget {budget}?", abort=True)
