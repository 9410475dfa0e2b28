"""`savings`: what could cost less, what a request costs, and the account's own tokens on another model."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import show, work
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.analytics.savings import Comparison, Mix
    from exporter.app import Runtime
    from exporter.insights.savings import Books

app = typer.Typer(help="What could cost less, with evidence; unit costs; other models.")
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with the evidence.")]


@app.callback(invoke_without_command=True)
def savings(context: typer.Context, *, as_json: AsJson = False) -> None:
    """What a month would cost less, by the last analysis, the largest first. Kinds overlap: don't add them up."""
    if context.invoked_subcommand is not None:
        return
    from exporter.store import figures
    from exporter.store import savings as store

    with work.opened() as runtime:
        found = runtime.database.call(store.found, runtime.clock())
        names = {one[1:3]: one[3] for one in runtime.database.call(figures.scope_names)}
    if as_json:
        show.as_json([one._asdict() for one in found])
    elif not found:
        show.say("The last analysis found no saving of a dollar a month or more; `spend-exporter analyse` looks again.")
    else:
        rows = [
            (one.account, one.kind, _what(one.model, names.get((one.account, one.scope), one.scope)),
             f"{one.usd_per_month:,.2f}", one.sentence)
            for one in found
        ]  # fmt: skip
        show.table(("account", "kind", "what", "$/month", "why"), rows, right=("$/month",))


@app.command()
def units(*, as_json: AsJson = False) -> None:
    """Cost per request over the last 30 days: by model, by feature and by experiment variant."""
    from exporter.store import savings as store

    with work.opened() as runtime:
        found = runtime.database.call(store.units, runtime.clock())
    if as_json:
        show.as_json([one._asdict() for one in found])
        return
    sums: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for one in found:
        total = sums[one.account, one.key or "model", one.value if one.key else one.model]
        total[0] += one.usd
        total[1] += one.requests
    rows = [
        (*key, f"{usd:,.2f}", f"{requests:,.0f}" if requests else "–", f"{usd / requests:.6f}" if requests else "–")
        for key, (usd, requests) in sums.items()
    ]
    if rows:
        columns = ("account", "by", "value", "$", "requests", "$/request")
        show.table(columns, rows, right=("$", "requests", "$/request"))
    else:
        show.say("No unit cost is known; `spend-exporter analyse` works them out from at least 7 days of usage.")


@app.command("what-if")
def what_if(
    *,
    account: Annotated[str, typer.Option(help="Whose tokens.", metavar="ID")],
    used: Annotated[str, typer.Option("--from", help="The model they were used on.", metavar="MODEL")],
    target: Annotated[str, typer.Option("--to", help="The model to price them on.", metavar="MODEL")],
    provider: Annotated[
        str | None, typer.Option(help="The other model's provider; the account's own.", metavar="NAME")
    ] = None,
) -> None:
    """An account's own tokens of the last 30 days, per 30 days, at the prices of another model."""
    from exporter.analytics.savings import compare

    with work.opened() as runtime:
        books = _books(runtime, account)
    mix = _mix(books, account, used)
    now = books.of(account)
    then = now.at(provider) if provider else now
    found = compare(mix, lambda *use: now(used, *use), lambda *use: then(target, *use))
    if all(part.then is None for part in found.parts):
        raise ConfigError(
            f"no price is known for {target} at {then.provider}: `spend-exporter prices --provider {then.provider}`"
            " lists the models, and a price of your own goes into the configuration file"
        )
    _print(found, used, target)


def _books(runtime: Runtime, account: str) -> Books:
    from exporter.domain import day_of
    from exporter.insights.savings import FEWEST, read_books

    books = runtime.database.call(read_books, runtime.valuer.valuation.book, day_of(runtime.clock()))
    if account not in books.known:
        raise ConfigError(
            f"account {account} has no usage of at least {FEWEST} complete days; `spend-exporter accounts list` says"
            " which accounts there are and how far they have been read"
        )
    return books


def _mix(books: Books, account: str, model: str) -> Mix:
    """The model's tokens over all scopes."""
    mix: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    flows = books.flows.get(account, [])
    for flow in flows:
        if flow.model == model:
            for meter, quantity in flow.mix.items():
                mix[meter] += quantity
    if not mix:
        others = ", ".join(sorted({flow.model for flow in flows})) or "none"
        raise ConfigError(f"account {account} used no tokens of {model} in the last 30 days; models it used: {others}")
    return mix


def _print(found: Comparison, used: str, target: str) -> None:
    columns = ("meter", "tier", "tokens", f"{used} $", f"{target} $")
    rows = [
        (part.meter, part.tier, f"{part.quantity:,.0f}", _money(part.now), _money(part.then)) for part in found.parts
    ]
    show.table(columns, rows, right=columns[2:])
    if found.priced:
        change = f" ({found.then / found.now - 1:+.0%})" if found.now else ""
        show.say(
            f"The same tokens on {target}: ${found.then:,.2f} per 30 days in place of ${found.now:,.2f}{change}."
            " Whether its quality is enough, prices can't say."
        )
    if found.unpriced:
        meters = ", ".join(sorted({part.meter for part in found.unpriced}))
        show.say(f"In neither sum, because a price is not known: {meters}.")


def _money(usd: Decimal | None) -> str:
    return "no price" if usd is None else f"{usd:,.2f}"


def _what(model: str, scope: str) -> str:
    return f"{model} in {scope}" if model and scope else model or scope
