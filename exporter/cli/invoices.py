"""`invoices …`: enter what a provider asked for, list it, take it back."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import show, work
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from decimal import Decimal

    from exporter.app import Runtime
    from exporter.store.invoices import Invoice

app = typer.Typer(help="Enter, list and remove invoices, one for each account and month.", no_args_is_help=True)
COLUMNS = ("account", "month", "amount", "$", "number", "note")
LARGEST = 1_000_000_000_000

Account = Annotated[str, typer.Argument(help="The account's id.", metavar="ACCOUNT")]
Month = Annotated[str, typer.Option(help="The calendar month it is for, in UTC.", metavar="YYYY-MM")]


@app.command()
def add(
    account: Account,
    *,
    month: Month,
    amount: Annotated[str, typer.Option(help="What it comes to; negative for a credit note.", metavar="NUMBER")],
    currency: Annotated[str, typer.Option(help="Of the amount, such as EUR.", metavar="CODE")] = "USD",
    number: Annotated[str, typer.Option(help="The invoice's own number.", metavar="TEXT")] = "",
    note: Annotated[str, typer.Option(help="Anything worth keeping.", metavar="TEXT")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="In place of the month's invoice.")] = False,
) -> None:
    """Enter an invoice. It counts as spend on days that no cost report was read for."""
    from exporter.store import invoices

    stated, code, first = amount_of(amount), currency_of(currency), month_of(month)
    with work.opened() as runtime:
        _refuse_future(first, runtime)
        usd = _usd(runtime, stated, code, first)
        invoice = invoices.Invoice(
            account=account, month=first, amount=stated, currency=code, usd=usd, number=number, note=note
        )
        runtime.database.call(invoices.add, invoice, f"{runtime.scheduler.holder} (invoices)", replace=replace)
        _say_what_counts(runtime, invoice)


@app.command("list")
def list_(
    *,
    account: Annotated[str, typer.Option(help="Only this account.", metavar="ID")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """All invoices that were entered, by account and month."""
    from exporter.store import invoices

    with work.opened() as runtime:
        require_account(runtime, account)
        found = runtime.database.call(invoices.every, account)
    if as_json:
        show.as_json({"invoices": [_facts(invoice) for invoice in found]})
    elif found:
        show.table(COLUMNS, map(_cells, found), right=("amount", "$"))
    else:
        show.say("There are no invoices; add one with `spend-exporter invoices add`.")


@app.command()
def remove(account: Account, *, month: Month) -> None:
    """Take an invoice back; its money leaves the books."""
    from exporter.store import invoices

    first = month_of(month)
    with work.opened() as runtime:
        holder = f"{runtime.scheduler.holder} (invoices)"
        was = runtime.database.call(invoices.remove, account, first, holder)
    show.say(f"Removed the invoice of {account} for {month}: {_stated(was)}.")


def month_of(words: str) -> date:
    """The first day of a month such as 2026-10.

    Raises:
        ConfigError: it is none.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}", words):
            return date.fromisoformat(f"{words}-01")
    except ValueError:
        pass
    raise ConfigError(f"--month {words} must be a month such as 2026-10")


def amount_of(words: str) -> Decimal:
    """An amount of money.

    Raises:
        ConfigError: it is none.
    """
    from decimal import Decimal, InvalidOperation

    try:
        amount = Decimal(words)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) >= LARGEST:
        raise ConfigError(f"--amount {words} must be a number such as 1234.56")
    return amount


def currency_of(words: str) -> str:
    """A currency's code in capitals.

    Raises:
        ConfigError: it is none.
    """
    if not re.fullmatch(r"[A-Za-z]{3}", words):
        raise ConfigError(f"--currency {words} must be a code of three letters such as EUR")
    return words.upper()


def require_account(runtime: Runtime, account: str) -> None:
    """Raise `ConfigError` when an account is named that does not exist."""
    from exporter.store import accounts

    if account and runtime.database.call(accounts.find, account) is None:
        raise ConfigError(f"there is no account {account}; see `spend-exporter accounts list`")


def _refuse_future(month: date, runtime: Runtime) -> None:
    if month > runtime.clock().date():
        raise ConfigError(f"{month:%Y-%m} has not begun; enter its invoice when it has")


def _usd(runtime: Runtime, amount: Decimal, currency: str, month: date) -> Decimal:
    """The dollars by the rate of the month's last day, or today's while the month lasts."""
    from exporter.domain import DAY, day_of
    from exporter.store import invoices
    from exporter.sync.reading import RateMissing

    today = day_of(runtime.clock())
    day = min(day_of(invoices.month_of(month).end - DAY), today)
    usd = runtime.valuer.valuation.rates.usd(amount, currency, day)
    if usd is None and _fetched(runtime, currency, day, today):
        usd = runtime.valuer.valuation.rates.usd(amount, currency, day)
    if usd is None:
        raise RateMissing(currency, day)
    return usd


def _fetched(runtime: Runtime, currency: str, day: date, today: date) -> bool:
    from exporter.errors import TryLater

    try:
        return work.finished(runtime.valuer.fetch_rates(runtime.database, day, today))
    except TryLater as error:
        what = f"try again later, or set a fixed rate for {currency} under `fx` in spend.yaml"
        raise ConfigError(f"{error} Nothing was stored: {what}") from None


def _say_what_counts(runtime: Runtime, invoice: Invoice) -> None:
    from exporter.store import invoices

    month, account = f"{invoice.month:%Y-%m}", invoice.account
    counts = runtime.database.call(invoices.weight, account, invoice.month)
    show.say(f"Entered the invoice of {account} for {month}: {_stated(invoice)}.")
    if invoice.amount < 0:
        show.note("Warning: the amount is negative, so it counts as a credit note.")
    if counts.days == monthrange(invoice.month.year, invoice.month.month)[1]:
        show.say("It counts as this month's spend, in equal shares on each day.")
    elif counts.days:
        days = "1 day" if counts.days == 1 else f"{counts.days} days"
        show.say(
            f"It counts on {days} that no cost report was read for, ${counts.usd:,.2f} together;"
            " elsewhere the bill counts."
        )
    else:
        show.say(
            "The cost report goes on counting as this month's spend; the invoice is for `spend-exporter reconcile`."
        )


def _stated(invoice: Invoice) -> str:
    dollars = "" if invoice.currency == "USD" else f" (${invoice.usd:,.2f})"
    return f"{invoice.amount:,.2f} {invoice.currency}{dollars}"


def _cells(i: Invoice) -> tuple[str, ...]:
    amount = f"{i.amount:,.2f} {i.currency}"
    return i.account, f"{i.month:%Y-%m}", amount, f"{i.usd:,.2f}", i.number or "–", i.note or "–"


def _facts(invoice: Invoice) -> dict[str, str]:
    return {
        "account": invoice.account,
        "month": f"{invoice.month:%Y-%m}",
        "amount": f"{invoice.amount:f}",
        "currency": invoice.currency,
        "amount_usd": f"{invoice.usd:f}",
        "number": invoice.number,
        "note": invoice.note,
    }
