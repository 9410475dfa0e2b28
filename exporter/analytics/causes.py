"""Why the figures of one month differ: every dollar of a difference goes to one named cause.

One rule: the causes of a difference add up to it exactly, and what none of them explains is called unexplained.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from exporter.analytics.months import Cause, Compared, Days, Kind, Month, Part

TOLERANCE = Decimal("0.02")
CURRENCY_TOLERANCE = Decimal("0.03")
TAX_TOLERANCE = Decimal("0.001")
# Standard and reduced rates of value-added, goods and sales taxes, in percent.
TAX_RATES = tuple(map(Decimal, (*range(5, 14), *range(15, 28), "7.5", "7.7", "8.1", "25.5")))
UNATTRIBUTED = "unattributed"
SHOWN = 3
_ZERO = Decimal(0)
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")


@dataclass(slots=True)
class _Sorted:
    """The parts of a bill: named causes by what they are for, and models that can be held against their estimate."""

    named: dict[Kind, dict[str, Decimal]]
    models: dict[str, list[Decimal]]  # [billed, estimated]

    def add(self, kind: Kind, name: str, usd: Decimal) -> None:
        """Another part of a cause."""
        if usd:
            own = self.named[kind]
            own[name] = own.get(name, _ZERO) + usd


def of_bill(month: Month, difference: Decimal) -> list[Cause]:
    """The causes of billed − estimated."""
    found = _sorted_out(month)
    _compare_models(found, {base_name(model) for model, _ in month.unpriced})
    causes = [
        _cause(Compared.BILL, kind, found.named[kind], _bill_sentence(kind, month, found))
        for kind in Kind
        if found.named.get(kind)
    ]
    return [*causes, *_rest(Compared.BILL, difference, causes, "no known cause: small differences of many models")]


def of_invoice(month: Month, difference: Decimal) -> list[Cause]:
    """The causes of invoiced − billed, or of invoiced − estimated where there is no bill."""
    base = (month.invoiced or _ZERO) - difference
    causes = []
    if month.billed is None and month.unpriced:  # how much they cost is what nobody knows
        sentence = f"tokens of {_names(_unpriced(month))} have no price, so the estimate is too low"
        causes.append(Cause(Compared.INVOICE, Kind.UNPRICED_MODELS, _ZERO, sentence, _unpriced(month)))
    if difference:
        kind, sentence = _invoice_reason(month, base, difference)
        causes.append(Cause(Compared.INVOICE, kind, difference, sentence))
    return causes


def base_name(model: str) -> str:
    """The model without the date of its snapshot: bills and usage need not name the same one."""
    return _DATED.sub("", model)


def _sorted_out(month: Month) -> _Sorted:
    found = _Sorted(defaultdict(dict), {})
    estimated = {base_name(part.model) for part in month.parts if part.estimated}
    unpriced = {base_name(model) for model, _ in month.unpriced}
    for part in month.parts:
        if part.days is Days.UNSETTLED:
            found.add(
                Kind.NOT_SETTLED, base_name(part.model) or part.meter, part.billed + part.credited - part.estimated
            )
            continue
        found.add(Kind.CREDITS, part.meter, part.credited)
        _sort_billed(found, part, estimated, unpriced)
        _sort_estimated(found, part)
    return found


def _sort_billed(found: _Sorted, part: Part, estimated: set[str], unpriced: set[str]) -> None:
    model = UNATTRIBUTED if part.meter == UNATTRIBUTED else base_name(part.model)
    if not part.billed:
        return
    if model != UNATTRIBUTED and not _of_tokens(part):
        found.add(Kind.NO_USAGE_REPORT, part.meter, part.billed)
    elif model in unpriced and model not in estimated:
        found.add(Kind.UNPRICED_MODELS, model, part.billed)
    elif part.days is not Days.BOTH:
        found.add(Kind.MISSING_DAYS, Days.BILLED, part.billed)
    elif model not in {UNATTRIBUTED, *estimated}:
        found.add(Kind.NO_USAGE_REPORT, part.meter, part.billed)
    else:
        found.models.setdefault(model, [_ZERO, _ZERO])[0] += part.billed


def _sort_estimated(found: _Sorted, part: Part) -> None:
    if not part.estimated:
        return
    if part.days is not Days.BOTH:
        found.add(Kind.MISSING_DAYS, Days.ESTIMATED, -part.estimated)
    else:
        found.models.setdefault(base_name(part.model) or UNATTRIBUTED, [_ZERO, _ZERO])[1] += part.estimated


def _of_tokens(part: Part) -> bool:
    """Whether usage of a model should stand behind a charge: its unit says so, or it reads `gpt-5, output`."""
    return bool(part.model) and ("tokens" in part.unit or (not part.unit and "," in part.meter))


def _compare_models(found: _Sorted, unpriced: set[str]) -> None:
    if UNATTRIBUTED in found.models:  # a bill that names no models is held against all that it does not name
        unbilled = [model for model, (billed, _) in found.models.items() if not billed and model != UNATTRIBUTED]
        for model in unbilled:
            found.models[UNATTRIBUTED][1] += found.models.pop(model)[1]
    for model, (billed, estimated) in found.models.items():
        if abs(billed - estimated) > TOLERANCE * estimated:
            partly = model in unpriced and billed > estimated
            kind = Kind.UNPRICED_MODELS if partly else Kind.PRICE_DIFFERENCE
            found.add(kind, model, billed - estimated)


def _bill_sentence(kind: Kind, month: Month, found: _Sorted) -> str:
    parts = _largest(found.named[kind])
    match kind:
        case Kind.NOT_SETTLED:
            return "the cost report may still change days that are not settled"
        case Kind.MISSING_DAYS:
            billed, estimated = _days(month.billed_only_days), _days(month.estimated_only_days)
            return f"{billed} billed without an estimate, {estimated} estimated without a bill"
        case Kind.UNPRICED_MODELS:
            return f"tokens without a price: {_names(parts)}; add a price to the configuration file"
        case Kind.NO_USAGE_REPORT:
            return f"billed without usage that has a price: {_names(parts)}"
        case Kind.CREDITS:
            return f"negative charges: {_names(parts)}"
        case _:
            return "; ".join(_priced(model, found.models[model]) for model, _ in parts[:SHOWN]) + _more(parts)


def _priced(model: str, amounts: list[Decimal]) -> str:
    billed, estimated = amounts
    name = "what names no model" if model == UNATTRIBUTED else model
    if not estimated:
        return f"{name} was billed but not estimated"
    return f"{name} was billed at {billed / estimated:.2f} of list prices" if billed else f"{name} was not billed"


def _invoice_reason(month: Month, base: Decimal, difference: Decimal) -> tuple[Kind, str]:
    if not (month.settled if month.billed is not None else month.over):
        return Kind.NOT_SETTLED, "the month's figures may still change"
    if month.billed is not None and month.billed_from and month.billed_from > month.month and difference > 0:
        return Kind.MISSING_DAYS, f"the cost report is stored from {month.billed_from} on only"
    share = difference / base if base > 0 else None
    if share is not None and (rate := _tax_rate(share)) is not None:
        return Kind.TAX_OR_CURRENCY, f"it is {rate.normalize():f} % more: a usual rate of value-added tax"
    if share is not None and month.currency != "USD" and abs(share) <= CURRENCY_TOLERANCE:
        return Kind.TAX_OR_CURRENCY, f"it is in {month.currency}: {share:+.1%} can be another exchange rate"
    return Kind.UNEXPLAINED, "no known cause: compare the invoice's lines with the provider's console"


def _tax_rate(share: Decimal) -> Decimal | None:
    nearest = min(TAX_RATES, key=lambda rate: abs(share - rate / 100))
    return nearest if abs(share - nearest / 100) <= TAX_TOLERANCE else None


def _rest(of: Compared, difference: Decimal, causes: list[Cause], sentence: str) -> Iterator[Cause]:
    if rest := difference - sum((cause.usd for cause in causes), _ZERO):
        yield Cause(of, Kind.UNEXPLAINED, rest, sentence)


def _cause(of: Compared, kind: Kind, named: Mapping[str, Decimal], sentence: str) -> Cause:
    return Cause(of, kind, sum(named.values(), _ZERO), sentence, _largest(named))


def _largest(named: Mapping[str, Decimal]) -> tuple[tuple[str, Decimal], ...]:
    return tuple(sorted(named.items(), key=lambda part: (-abs(part[1]), part[0])))


def _unpriced(month: Month) -> tuple[tuple[str, Decimal], ...]:
    return tuple((model, _ZERO) for model, _ in month.unpriced)


def _names(parts: tuple[tuple[str, Decimal], ...]) -> str:
    return ", ".join(name or "no model" for name, _ in parts[:SHOWN]) + _more(parts)


def _more(parts: tuple[tuple[str, Decimal], ...]) -> str:
    return f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""


def _days(number: int) -> str:
    return f"{number} day{'' if number == 1 else 's'}"
