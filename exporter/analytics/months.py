"""The words of a reconciliation: one account's month, what its money is of, and why two figures differ.

One rule: immutable values in US dollars; a figure that nobody stated is None, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

_ZERO = Decimal(0)


class Kind(StrEnum):
    """Why two figures differ."""

    NOT_SETTLED = "not_settled"
    MISSING_DAYS = "missing_days"
    UNPRICED_MODELS = "unpriced_models"
    NO_USAGE_REPORT = "no_usage_report"
    PRICE_DIFFERENCE = "price_difference"
    CREDITS = "credits"
    TAX_OR_CURRENCY = "tax_or_currency"
    MISSING_INVOICE = "missing_invoice"
    UNEXPLAINED = "unexplained"


class Compared(StrEnum):
    """The two differences of a month."""

    BILL = "bill"  # billed − estimated
    INVOICE = "invoice"  # invoiced − billed, or − estimated where there is no bill


class Days(StrEnum):
    """What is known of the days that money is of. All but the first are settled."""

    UNSETTLED = "unsettled"
    BOTH = "both"
    BILLED = "billed"  # without an estimate
    ESTIMATED = "estimated"  # without a bill


@dataclass(frozen=True, slots=True)
class Part:
    """US dollars by what they are for; `billed` are the positive charges, `credited` the negative ones."""

    days: Days
    model: str
    meter: str
    unit: str
    billed: Decimal = _ZERO
    credited: Decimal = _ZERO
    estimated: Decimal = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One account's calendar month in UTC, in US dollars.

    `settled`: no figure is expected to change. `billed_from`: where the cost report begins. `compared`: billed and
    estimated of the settled days that have both. `currency`: the invoice's own. `unpriced`: (model, tokens) without a
    price, most first.
    """

    account: str
    provider: str
    month: date
    over: bool
    settled: bool
    billed: Decimal | None = None
    estimated: Decimal | None = None
    invoiced: Decimal | None = None
    entered: Decimal | None = None
    billed_from: date | None = None
    billed_only_days: int = 0
    estimated_only_days: int = 0
    compared: tuple[Decimal, Decimal] | None = None
    currency: str = "USD"
    parts: tuple[Part, ...] = ()
    unpriced: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason, the dollars of the difference it explains, and for what (meters, models), largest first."""

    of: Compared
    kind: Kind
    usd: Decimal
    sentence: str
    parts: tuple[tuple[str, Decimal], ...] = ()
