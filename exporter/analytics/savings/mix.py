"""The words of savings: a mix of tokens, whose it is, what a token costs, and a saving.

One rule: a saving carries its evidence; whoever reads it can compute it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

Mix = Mapping[tuple[str, str], Decimal]
"""Tokens of 30 days by meter and service tier."""

MILLION = Decimal(1_000_000)
PRICED = Decimal("0.9")
"""A claim needs prices for this share of the tokens; what stays unpriced is named in the evidence."""

SMALLEST = Decimal(1)
"""Dollars a month: less is not worth a row."""


class Prices(Protocol):
    """What one token costs an account, in dollars; `None`: nobody knows. `window`: a stated context window."""

    def __call__(self, model: str, meter: str, tier: str = "", window: str = "") -> Decimal | None: ...


class Flow(NamedTuple):
    """What one model consumed in one scope of an account, in 30 days."""

    account: str
    scope: str
    model: str
    mix: Mix


@dataclass(frozen=True, slots=True)
class Saving:
    """What a month would cost less, and why one may say so."""

    account: str
    scope: str
    model: str
    kind: str
    usd_per_month: Decimal
    target: str
    sentence: str
    evidence: Mapping[str, Any]


def worth_it(savings: Iterable[Saving | None], smallest: Decimal = SMALLEST) -> list[Saving]:
    """The savings from `smallest` dollars a month on, the largest of each place and kind, largest first."""
    best: dict[tuple[str, str, str, str], Saving] = {}
    for one in savings:
        if one is None or one.usd_per_month < smallest:
            continue
        place = (one.account, one.scope, one.model, one.kind)
        if place not in best or best[place].usd_per_month < one.usd_per_month:
            best[place] = one
    return sorted(best.values(), key=lambda one: (-one.usd_per_month, one.account, one.scope, one.model, one.kind))


def mostly_priced(flow: Flow, prices: Prices) -> bool:
    """True when enough of a flow's tokens have a price."""
    priced = sum(
        quantity for (meter, tier), quantity in flow.mix.items() if prices(flow.model, meter, tier) is not None
    )
    return priced >= PRICED * sum(flow.mix.values())


def shown(usd: Decimal) -> str:
    """``$1,234.50``."""
    return f"${usd:,.2f}"


def exact(usd: Decimal) -> str:
    """A figure for evidence, to a hundredth of a cent; as text, because JSON has no decimals."""
    return f"{usd:.4f}"
