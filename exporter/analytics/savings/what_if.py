"""The same tokens at other prices.

One rule: only what is priced on both sides is compared; the rest is named, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from exporter.analytics.savings.mix import MILLION, PRICED, Mix

PriceOf = Callable[[str, str], Decimal | None]
"""(meter, service tier) → dollars for one token."""


class Part(NamedTuple):
    """One meter of a mix; a price of `None` is not known."""

    meter: str
    tier: str
    quantity: Decimal
    now: Decimal | None  # dollars
    then: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A mix at two prices."""

    parts: tuple[Part, ...]

    @property
    def priced(self) -> tuple[Part, ...]:
        """What is priced on both sides."""
        return tuple(part for part in self.parts if part.now is not None and part.then is not None)

    @property
    def unpriced(self) -> tuple[Part, ...]:
        """What is not."""
        return tuple(part for part in self.parts if part.now is None or part.then is None)

    @property
    def now(self) -> Decimal:
        """Dollars of what is priced on both sides, at the prices of now."""
        return _sum(part.now for part in self.priced)

    @property
    def then(self) -> Decimal:
        """The same at the other prices."""
        return _sum(part.then for part in self.priced)

    @property
    def per_million(self) -> tuple[Decimal, Decimal]:
        """Dollars for a million tokens of the mix, now and then; needs something priced."""
        tokens = sum(part.quantity for part in self.priced)
        return self.now / tokens * MILLION, self.then / tokens * MILLION

    @property
    def trustworthy(self) -> bool:
        """Enough of the tokens is priced, and nothing becomes unknown that is known now."""
        tokens, priced = (sum(part.quantity for part in parts) for parts in (self.parts, self.priced))
        lost = any(part.then is None and part.now is not None for part in self.parts)
        return bool(priced) and not lost and priced >= PRICED * tokens


def compare(mix: Mix, now: PriceOf, then: PriceOf) -> Comparison:
    """A mix as it is priced, and as it would be."""
    return Comparison(
        tuple(
            Part(meter, tier, quantity, _cost(quantity, now(meter, tier)), _cost(quantity, then(meter, tier)))
            for (meter, tier), quantity in sorted(mix.items())
            if quantity
        )
    )


def _cost(quantity: Decimal, price: Decimal | None) -> Decimal | None:
    return None if price is None else quantity * price


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))
