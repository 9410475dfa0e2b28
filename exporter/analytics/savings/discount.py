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
    """Billed ÷ estimated: of the model itself, else the least discount of the account's models, else none.

    A model that was never billed may not share another model's contract, only what all of them enjoy.
    """

    def __init__(self, rows: Iterable[Billed] = ()) -> None:
        self._own: dict[tuple[str, str], Decimal] = {}
        self._least: dict[str, Decimal] = {}
        for account, model, billed, estimated in rows:
            if billed > 0 and estimated > 0:
                share = self._own[account, model] = min(billed / estimated, LIST)
                self._least[account] = max(share, self._least.get(account, share))

    def of(self, account: str, model: str) -> Decimal:
        """The share of the list price, above 0 and at most 1."""
        return self._own.get((account, model)) or self._least.get(account, LIST)
