"""What a metric family is, and the words its definitions share. Names only; no figures.

One rule: a family is named, typed and described in this package and nowhere else. What can go down is a gauge; counters
end in ``_total``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric family. A sample's label values stand in the order of `labels`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


def gauge(name: str, labels: tuple[str, ...], text: str) -> Definition:
    """A figure that may go down."""
    return Definition(name, "gauge", text, labels)


def counter(name: str, labels: tuple[str, ...], text: str) -> Definition:
    """A figure that only grows."""
    return Definition(name, "counter", text, labels)


ACCOUNT = ("provider", "account")
REPORT = (*ACCOUNT, "report")
TEAM = (*ACCOUNT, "team", "category")
COMMON = (*ACCOUNT, "team", "scope", "model", "category", "source")
TOKENS = (*ACCOUNT, "team", "scope", "model", "token_type", "service_tier")

FOLDABLE = ("scope", "model")
"""Labels that give way to `OTHER` when a family would grow beyond the cap."""
OTHER = "other"

FAILURE_REASONS = ("needs_attention", "try_later", "unexpected_reply", "unit_mismatch", "beyond_history", "error")
ROW_OUTCOMES = ("inserted", "updated", "deleted", "unchanged")

DAY = "Days are UTC days; as of the last sync."
MONTH = "Months are calendar months in UTC; as of the last sync."
