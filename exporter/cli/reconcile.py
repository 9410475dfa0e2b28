"""`reconcile`: billed against estimated against invoiced, by account and month, and why they differ."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exporter.cli import show, work
from exporter.cli.invoices import month_of, require_account

if TYPE_CHECKING:
    from exporter.analytics.months import Cause
    from exporter.analytics.reconcile import Verdict
    from exporter.app import Runtime

MONTHS = 3
COLUMNS = ("account", "month", "billed $", "estimated $", "ratio", "drift", "invoice $", "differs $")
NUMBERS = COLUMNS[2:]
CENT = Decimal("0.005")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(
    *,
    month: Annotated[
        str | None, typer.Option(help="Only this month in UTC; the last three unless given.", metavar="YYYY-MM")
    ] = None,
    account: Annotated[str, typer.Option(help="Only this account.", metavar="ID")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Hold bills, estimates and entered invoices against each other, and name what makes them differ."""
    wanted = month_of(month) if month else None
    with work.opened() as runtime:
        require_account(runtime, account)
        verdicts = _verdicts(runtime, wanted, account)
    if as_json:
        show.as_json({"months": [_facts(verdict) for verdict in verdicts]})
    elif not verdicts:
        show.say("Nothing is stored of that time.")
    else:
        show.table(COLUMNS, map(_cells, verdicts), right=NUMBERS)
        _explain(verdicts)


def _verdicts(runtime: Runtime, month: date | None, account: str) -> list[Verdict]:
    from exporter.analytics.reconcile import EARLIER, reconcile
    from exporter.publish import reconciliation

    now = runtime.clock()
    first = month or _earlier(now.date(), MONTHS - 1)
    end = _earlier(month or now.date(), -1)
    found = runtime.database.call(
        reconciliation.months, _earlier(first, EARLIER), end, now, runtime.publisher.priced, account
    )
    return [verdict for verdict in reconcile(found) if verdict.month.month >= first]


def _earlier(day: date, months: int) -> date:
    """The first day of the month so many before that of `day`."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def _cells(verdict: Verdict) -> tuple[str, ...]:
    m = verdict.month
    return (
        m.account,
        f"{m.month:%Y-%m}" + ("" if m.settled else "*"),
        _money(m.billed),
        _money(m.estimated),
        "–" if verdict.ratio is None else f"{verdict.ratio:.3f}",
        "–" if verdict.drift is None else f"{verdict.drift:+.1%}",
        _money(m.invoiced),
        _money(verdict.invoice_difference, sign="+"),
    )


def _explain(verdicts: list[Verdict]) -> None:
    if any(not verdict.month.settled for verdict in verdicts):
        show.say("* not settled: figures may still change.")
    show.say("ratio: billed / estimated on settled days with both. drift: against the median of the months before.")
    show.say("differs: the invoice less the bill, or less the estimate where there is no bill.")
    for verdict in verdicts:
        lines = [_sentence(cause) for cause in verdict.causes if _worth_saying(cause)]
        if lines:
            show.say(f"\n{verdict.month.account} {verdict.month.month:%Y-%m}")
        for line in lines:
            show.say(f"  {line}")


def _worth_saying(cause: Cause) -> bool:
    """Not the rounding that is left over; but what offsets itself, and what is no matter of money."""
    from exporter.analytics.months import Kind

    money = (cause.usd, *(usd for _, usd in cause.parts))
    return cause.kind in {Kind.MISSING_INVOICE, Kind.UNPRICED_MODELS} or any(abs(usd) >= CENT for usd in money)


def _sentence(cause: Cause) -> str:
    money = f"{_money(cause.usd, sign='+')} $  " if cause.usd else ""
    return f"{cause.of}: {money}{cause.kind.replace('_', ' ')}: {cause.sentence}."


def _money(amount: Decimal | None, sign: str = "") -> str:
    return "–" if amount is None else f"{amount:{sign},.2f}"


def _facts(verdict: Verdict) -> dict[str, Any]:
    m = verdict.month
    return {
        "account": m.account,
        "provider": m.provider,
        "month": f"{m.month:%Y-%m}",
        "settled": m.settled,
        "billed_usd": _exact(m.billed),
        "estimated_usd": _exact(m.estimated),
        "invoiced_usd": _exact(m.invoiced),
        "entered_usd": _exact(m.entered),
        "bill_difference_usd": _exact(verdict.bill_difference),
        "ratio": _exact(verdict.ratio),
        "drift": _exact(verdict.drift),
        "invoice_difference_usd": _exact(verdict.invoice_difference),
        "invoice_ratio": _exact(verdict.invoice_ratio),
        "unpriced_tokens": {model: _exact(tokens) for model, tokens in m.unpriced},
        "causes": [_cause_facts(cause) for cause in verdict.causes],
    }


def _cause_facts(cause: Cause) -> dict[str, Any]:
    return {
        "of": cause.of,
        "cause": cause.kind,
        "usd": _exact(cause.usd),
        "sentence": cause.sentence,
        "parts": {name: _exact(usd) for name, usd in cause.parts},
    }


def _exact(figure: Decimal | None) -> str | None:
    return None if figure is None else f"{figure:f}"
