"""`prices` and `prices reprice`: what a token costs, and what to do when the list has changed its mind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import show, work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.pricing.book import Difference
    from exporter.sync.reprice import MonthChange

app = typer.Typer(help="List prices and your own; pricing stored usage again.")
COLUMNS = ("provider", "model", "meter", "tier", "$/M", "since", "source")


@app.callback(invoke_without_command=True)
def prices(
    context: typer.Context,
    *,
    provider: Annotated[str | None, typer.Option(help="Only this provider.", metavar="NAME")] = None,
    model: Annotated[str | None, typer.Option(help="Only models whose name contains this.", metavar="TEXT")] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day they hold on; today.", metavar="DAY")
    ] = None,
) -> None:
    """Unit prices of a day, in dollars per million: the list, and your own of the configuration file."""
    if context.invoked_subcommand is not None:
        return
    from exporter.pricing import GenaiPrices, PriceBook
    from exporter.providers import ALL

    if provider is not None:
        work.provider_named(provider)
    config = work.configured()
    lists = {name: one.prices for name, one in ALL.items()}
    book = PriceBook(GenaiPrices(), lists=lists, overrides=config.price_overrides)
    when = (day or datetime.now(UTC)).date()
    rows = [
        (p.provider, p.model, _what(p.meter, p.context), p.service_tier, f"{p.usd_per_million.normalize():f}",
         p.valid_from or "–", p.origin)
        for p in book.list_prices(when, provider, model)
    ]  # fmt: skip
    if rows:
        show.table(COLUMNS, rows, right=("$/M",))
    else:
        show.say(f"No price is known for that on {when}.")


@app.command()
def reprice(
    *, apply: Annotated[bool, typer.Option("--apply", help="Price stored usage again with the new prices.")] = False
) -> None:
    """Recorded prices that differ from the current list; with --apply they replace them, and history follows."""
    from exporter.sync.reprice import Repricing

    with work.opened() as runtime:
        repricing = Repricing(
            database=runtime.database,
            providers=runtime.providers,
            valuer=runtime.valuer,
            holder=f"{runtime.scheduler.holder} (reprice)",
        )
        _print_differences(repricing.differences())
        if not apply:
            show.say("Nothing was changed; --apply prices stored usage again.")
            return
        changes = work.finished(repricing.apply())
    _print_changes(changes)
    show.say("Reload a running exporter (SIGHUP or POST /-/reload): until then it goes on with the old prices.")


def _print_differences(differences: Sequence[Difference]) -> None:
    if not differences:
        show.say("Recorded prices agree with the current list.")
        return
    rows = [
        (
            difference.recorded.key.provider,
            difference.recorded.key.model,
            _what(difference.recorded.key.meter, difference.recorded.key.context),
            difference.recorded.key.service_tier,
            f"{difference.recorded.usd_per_unit * 1_000_000:f}",
            f"{difference.current.usd_per_unit * 1_000_000:f}" if difference.current else "not listed",
        )
        for difference in differences
    ]
    columns = ("provider", "model", "meter", "tier", "recorded $/M", "list $/M")
    show.table(columns, rows, right=columns[-2:])


def _print_changes(changes: Sequence[MonthChange]) -> None:
    if not changes:
        show.say("Priced again: no estimate changed.")
        return
    rows = [
        (change.account, f"{change.month:%Y-%m}", f"{change.before:,.2f}", f"{change.after:,.2f}",
         f"{change.after - change.before:+,.2f}")
        for change in changes
    ]  # fmt: skip
    show.table(("account", "month", "before $", "after $", "change $"), rows, right=("before $", "after $", "change $"))


def _what(meter: str, context: str) -> str:
    return f"{meter}, {context}" if context else meter
