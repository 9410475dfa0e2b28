"""The expensive tail: prompts beyond a price step, and flows that reason far more than the account's others.

One rule: only the part beyond the ordinary is claimed: the premium over the base price, the reasoning over the median.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from statistics import median

from exporter.analytics.savings.mix import Flow, Prices, Saving, exact, shown

REASONING, OUTPUT = "reasoning", "output"
FAR = Decimal("0.25")  # of the output beyond the median share
FEWEST_FLOWS = 3

Long = Mapping[tuple[str, str, str], Decimal]
"""Tokens of 30 days by meter, service tier and the context window their row states."""


def context_saving(account: str, scope: str, model: str, long: Long, prices: Prices) -> Saving | None:
    """What requests in dearer context windows cost above the base price."""
    premium, tokens, windows = Decimal(0), Decimal(0), set()
    for (meter, tier, window), quantity in long.items():
        base, dear = prices(model, meter, tier), prices(model, meter, tier, window)
        if base is not None and dear is not None and dear > base:
            premium += quantity * (dear - base)
            tokens += quantity
            windows.add(window)
    if premium <= 0:
        return None
    which = ", ".join(sorted(windows))
    sentence = f"Prompts of {which} tokens cost {shown(premium)} a month above the base price: shorten or split them."
    evidence = {"context_window": which, "tokens": str(round(tokens)), "premium_usd": exact(premium)}
    return Saving(account, scope, model, "tail", premium, "shorter prompts", sentence, evidence)


def reasoning_savings(flows: Iterable[Flow], prices: Prices) -> list[Saving]:
    """One account's flows whose share of reasoning lies far above the median of them all."""
    shares = [(flow, share) for flow in flows if (share := _share(flow)) is not None]
    if len(shares) < FEWEST_FLOWS:
        return []
    usual = median(share for _, share in shares)
    return [one for flow, share in shares if share - usual >= FAR and (one := _excess(flow, share, usual, prices))]


def _share(flow: Flow) -> Decimal | None:
    """Reasoning's share of the output; None where reasoning is not stated."""
    thought, said = (_tokens(flow, meter) for meter in (REASONING, OUTPUT))
    return thought / (thought + said) if thought else None


def _excess(flow: Flow, share: Decimal, usual: Decimal, prices: Prices) -> Saving | None:
    """The reasoning beyond what the median share would make of the same visible output."""
    thought, said = (_tokens(flow, meter) for meter in (REASONING, OUTPUT))
    part = 1 - said * usual / (1 - usual) / thought
    usd = Decimal(0)
    for (meter, tier), quantity in flow.mix.items():
        price = prices(flow.model, meter, tier)
        if meter == REASONING and price is not None:
            usd += quantity * part * price
    if usd <= 0:
        return None
    sentence = (
        f"{share:.0%} of the output is reasoning, {usual:.0%} is usual in this account: less effort could save"
        f" {shown(usd)} a month."
    )
    evidence = {"reasoning_share": float(round(share, 4)), "median_share": float(round(usual, 4)),
                "reasoning_tokens": str(round(thought)), "output_tokens": str(round(said))}  # fmt: skip
    return Saving(flow.account, flow.scope, flow.model, "tail", usd, "less reasoning", sentence, evidence)


def _tokens(flow: Flow, wanted: str) -> Decimal:
    return sum((quantity for (meter, _), quantity in flow.mix.items() if meter == wanted), Decimal(0))
