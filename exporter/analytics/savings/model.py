"""The account's own tokens on a cheaper relative of the model.

One rule: the figure is of the nearest relative that is cheaper, not of the cheapest; equal quality is a condition, and
the sentence says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from exporter.analytics.savings.ladder import relatives
from exporter.analytics.savings.mix import Flow, Prices, Saving, exact, shown
from exporter.analytics.savings.what_if import Comparison, compare

KEPT = 3
WORTH = Decimal("0.05")
"""Of the cost: a smaller difference is no reason to change a model."""


def model_saving(flow: Flow, prices: Prices, listed: Iterable[str]) -> Saving | None:
    """The nearest cheaper relative among the listed models; None: there is none, or prices are missing."""
    found = [(name, one) for name in relatives(flow.model, listed) if _cheaper(one := _compared(flow, prices, name))]
    if not found:
        return None
    target, nearest = found[0]
    return Saving(
        flow.account,
        flow.scope,
        flow.model,
        "model",
        nearest.now - nearest.then,
        target,
        f"The same tokens on {target} would cost {shown(nearest.then)} a month in place of {shown(nearest.now)}, if its"
        " quality is enough.",
        {
            "tokens": str(round(sum(flow.mix.values()))),
            "targets": [_evidence(name, one) for name, one in found[:KEPT]],
            "unpriced_meters": sorted({part.meter for part in nearest.unpriced}),
        },
    )


def _compared(flow: Flow, prices: Prices, target: str) -> Comparison:
    return compare(flow.mix, partial(prices, flow.model), partial(prices, target))


def _cheaper(one: Comparison) -> bool:
    return one.trustworthy and one.now - one.then >= WORTH * one.now > 0


def _evidence(name: str, one: Comparison) -> dict[str, Any]:
    now, then = one.per_million
    return {
        "model": name,
        "usd_per_month": exact(one.now - one.then),
        "usd_per_million_now": exact(now),
        "usd_per_million_then": exact(then),
    }
