"""What caching does, and what it could do.

One rule: repeated prompts can't be seen in sums, so a gain is claimed only where writes are not read, or where another
scope of the same account and model does better; and then half of the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from exporter.analytics.savings.mix import PRICED, Flow, Mix, Prices, Saving, exact, shown

READ, WRITE, INPUT = "cache_read", "cache_write", "input"
BETTER = Decimal("0.10")  # of the input: a smaller distance may be chance
COMPARABLE = Decimal("0.10")  # a scope with less than this share of the other's input shows nothing
ACHIEVABLE = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class CacheEffect:
    """Tokens by kind, and dollars: `saved` by reads, `lost` by writes; `None` where prices are missing."""

    read: Decimal
    written: Decimal
    fresh: Decimal
    saved: Decimal | None
    lost: Decimal | None

    @property
    def total(self) -> Decimal:
        """All input."""
        return self.read + self.written + self.fresh

    @property
    def hit_ratio(self) -> Decimal:
        """Share of the input that was read from the cache."""
        return self.read / self.total

    @property
    def net(self) -> Decimal | None:
        """Dollars saved less dollars lost."""
        return None if self.saved is None or self.lost is None else self.saved - self.lost


def cache_effect(model: str, mix: Mix, prices: Prices) -> CacheEffect | None:
    """What caching did with a mix; None: no input, or neither cached nor cheaper when cached."""
    read, written, fresh = (_tokens(mix, kind) for kind in (READ, WRITE, INPUT))
    if not read + written + fresh or not (read + written or _could_cache(model, mix, prices)):
        return None
    cached = list(_differences(model, mix, prices))
    known = [one for one in cached if one[2] is not None]
    if sum(one[1] for one in known) < PRICED * (read + written):
        return CacheEffect(read, written, fresh, None, None)
    saved = sum((-quantity * (more or 0) for meter, quantity, more in known if meter == READ), Decimal(0))
    lost = sum((quantity * (more or 0) for meter, quantity, more in known if meter != READ), Decimal(0))
    return CacheEffect(read, written, fresh, saved, lost)


def cache_saving(flow: Flow, peers: Iterable[Flow], prices: Prices) -> Saving | None:
    """Writes that are not read, else the distance to the best scope of the same account and model."""
    effect = cache_effect(flow.model, flow.mix, prices)
    if effect is None or effect.net is None:
        return None
    return _wasted(flow, effect) if effect.net < 0 else _reachable(flow, effect, peers, prices)


def _wasted(flow: Flow, effect: CacheEffect) -> Saving | None:
    saved, lost = effect.saved or Decimal(0), effect.lost or Decimal(0)
    sentence = (
        f"Writing to the cache costs {shown(lost)} a month more than plain input, reading from it saves only"
        f" {shown(saved)}: cache less, or send what is cached more often while it lives."
    )
    evidence = {**_ratios(effect), "saved_usd": exact(saved), "lost_usd": exact(lost)}
    return Saving(flow.account, flow.scope, flow.model, "cache", lost - saved, "fewer cache writes", sentence, evidence)


def _reachable(flow: Flow, own: CacheEffect, peers: Iterable[Flow], prices: Prices) -> Saving | None:
    best: tuple[CacheEffect, str] | None = None
    for peer in peers:
        effect = cache_effect(peer.model, peer.mix, prices)
        if effect is None or effect.net is None or effect.total < COMPARABLE * own.total:
            continue
        if best is None or effect.hit_ratio > best[0].hit_ratio:
            best = effect, peer.scope
    if best is None or best[0].hit_ratio - own.hit_ratio < BETTER:
        return None
    effect, scope = best
    moved = min(own.fresh, (effect.hit_ratio - own.hit_ratio) * ACHIEVABLE * own.total)
    gain = moved * (_gain_of_a_read(flow, own, prices) - (effect.lost or Decimal(0)) / effect.read)
    sentence = (
        f"{effect.hit_ratio:.0%} of the input is read from the cache in {scope or 'requests without a scope'},"
        f" {own.hit_ratio:.0%} here; half of the difference is worth {shown(gain)} a month."
    )
    evidence = {**_ratios(own), "other_scope": scope, "other_hit_ratio": float(round(effect.hit_ratio, 4)),
                "tokens_moved": str(round(moved))}  # fmt: skip
    return Saving(flow.account, flow.scope, flow.model, "cache", gain, scope, sentence, evidence) if gain > 0 else None


def _gain_of_a_read(flow: Flow, own: CacheEffect, prices: Prices) -> Decimal:
    """Dollars for one token of input that is read instead, over the tiers in use; 0 for what has no price."""
    total = Decimal(0)
    for (meter, tier), quantity in flow.mix.items():
        plain, read = prices(flow.model, INPUT, tier), prices(flow.model, READ, tier)
        if meter == INPUT and plain is not None and read is not None:
            total += quantity * (plain - read)
    return total / own.fresh if own.fresh else Decimal(0)


def _differences(model: str, mix: Mix, prices: Prices) -> Iterator[tuple[str, Decimal, Decimal | None]]:
    """Cached meters with their tokens, and what one costs more than plain input."""
    for (meter, tier), quantity in mix.items():
        if meter.startswith((READ, WRITE)) and quantity:
            cached, plain = prices(model, meter, tier), prices(model, INPUT, tier)
            more = None if cached is None or plain is None else cached - plain
            yield READ if meter.startswith(READ) else WRITE, quantity, more


def _could_cache(model: str, mix: Mix, prices: Prices) -> bool:
    for meter, tier in mix:
        plain, read = prices(model, INPUT, tier), prices(model, READ, tier)
        if meter == INPUT and plain is not None and read is not None and read < plain:
            return True
    return False


def _tokens(mix: Mix, kind: str) -> Decimal:
    fits = str.__eq__ if kind == INPUT else str.startswith
    return sum((quantity for (meter, _), quantity in mix.items() if fits(meter, kind)), Decimal(0))


def _ratios(effect: CacheEffect) -> dict[str, object]:
    return {
        "hit_ratio": float(round(effect.hit_ratio, 4)),
        "read_tokens": str(round(effect.read)),
        "written_tokens": str(round(effect.written)),
        "fresh_tokens": str(round(effect.fresh)),
    }
