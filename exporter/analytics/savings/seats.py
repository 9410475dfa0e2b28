"""Seats that are paid and not used.

One rule: nobody seen at all means activity is not reported, not that every seat is idle.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from exporter.analytics.savings.mix import Saving, shown


class Seats(NamedTuple):
    """An account's paid seats, what they cost in 30 days, and how many people were seen in that time."""

    account: str
    paid: Decimal
    usd_per_month: Decimal
    active: int


def seat_saving(seats: Seats) -> Saving | None:
    """What the idle seats cost; None: there are none, or nobody's activity is known."""
    idle = seats.paid - seats.active
    if seats.active <= 0 or idle <= 0:
        return None
    usd = seats.usd_per_month * idle / seats.paid
    sentence = f"{idle:f} of {seats.paid:f} paid seats had no activity in 30 days; they cost {shown(usd)} a month."
    evidence = {"paid": str(seats.paid), "active": seats.active, "usd_per_month": str(seats.usd_per_month)}
    return Saving(seats.account, "", "", "seat", usd, f"{seats.active} seats", sentence, evidence)
