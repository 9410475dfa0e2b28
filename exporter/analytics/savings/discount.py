"""What an account really pays for a model, as a share of the list price.

One rule: it is never more than 1. A bill above the estimate holds what the list does not price, and no saving is about
that.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

LIST = Decimal(1)


class Billed(NamedTuple):
    """Dollars of one model of one account, over the settled days that have both."""

    account: str
    model: str
    billed: Decimal
    estimated: Decimal


class Discounts:
    """Billed ÷ estimated: of the model itself, else of the account, else 1."""

    def __init__(self, rows: Iterable[Billed] = ()) -> None:
        sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        for account, model, billed, estimated in rows:
            for key in ((account, model), (account, "")):
                before = sums.get(key, (Decimal(0), Decimal(0)))
                sums[key] = before[0] + billed, before[1] + estimated
        self._factors = {key: _factor(*sum_) for key, sum_ in sums.items()}

    def of(self, account: str, model: str) -> Decimal:
        """The share of the list price, above 0 and at most 1."""
        return self._factors.get((account, model)) or self._factors.get((account, "")) or LIST


def _factor(billed: Decimal, estimated: Decimal) -> Decimal | None:
    return min(billed / estimated, LIST) if billed > 0 and estimated > 0 else None
