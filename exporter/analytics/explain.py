"""Why a day's cost changed: split into price, volume, mix and scopes that came or went.

One rule: the parts add up to the change, always; what no other part explains is mix.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

TOP = 3
SHOWN = 0.05  # of the largest part: what is smaller is not worth a word


class Line(NamedTuple):
    """What one model of one scope consumed and cost on a day."""

    scope: str
    model: str
    quantity: float
    cost: float


class Contributor(NamedTuple):
    """How much one model of one scope added to the change."""

    scope: str
    model: str
    change: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A change of cost and its parts: ``price + volume + mix + new_scope == change``."""

    before: float
    after: float
    price: float  # the same quantity at another price
    volume: float  # more or less of everything, at the old average price
    mix: float  # dearer or cheaper models than before
    new_scope: float  # scopes that came, less scopes that went
    contributors: tuple[Contributor, ...]

    @property
    def change(self) -> float:
        """What is explained."""
        return self.after - self.before

    def text(self, currency: str = "USD") -> str:
        """One sentence for an alert."""
        return _sentence(self, currency)


class _Total(NamedTuple):
    quantity: float
    cost: float


_Table = Mapping[tuple[str, str], _Total]
_NOTHING = _Total(0.0, 0.0)


def explain(before: Iterable[Line], after: Iterable[Line]) -> Explanation:
    """Split the change between two days, or between an expected day and a real one."""
    old, new = _totals(before), _totals(after)
    keys = sorted(old.keys() | new.keys())
    changes = {key: new.get(key, _NOTHING).cost - old.get(key, _NOTHING).cost for key in keys}
    stayed = {scope for scope, _ in old} & {scope for scope, _ in new}
    staying = [key for key in keys if key[0] in stayed]
    came = sum(changes[key] for key in keys if key[0] not in stayed)
    price = sum(_price(old.get(key, _NOTHING), new.get(key, _NOTHING)) for key in staying)
    volume = _volume(old, new, staying)
    cost_before, cost_after = (sum(total.cost for total in table.values()) for table in (old, new))
    mix = _without_dust(cost_after - cost_before - price - volume - came, cost_before + cost_after)
    return Explanation(cost_before, cost_after, price, volume, mix, came, _top(changes, cost_after - cost_before))


def _totals(lines: Iterable[Line]) -> _Table:
    totals: dict[tuple[str, str], _Total] = defaultdict(lambda: _NOTHING)
    for line in lines:
        known = totals[line.scope, line.model]
        totals[line.scope, line.model] = _Total(known.quantity + line.quantity, known.cost + line.cost)
    return totals


def _price(old: _Total, new: _Total) -> float:
    """Today's quantity at the difference of the prices. What has no quantity is a fee: its change is a price change."""
    if old.quantity > 0 and new.quantity > 0:
        return new.cost - old.cost * (new.quantity / old.quantity)
    if old.quantity <= 0 and new.quantity <= 0:
        return new.cost - old.cost
    return 0.0


def _volume(old: _Table, new: _Table, keys: Iterable[tuple[str, str]]) -> float:
    """The difference of the quantities at the old average price of what has a quantity."""
    olds, news = ([table[key] for key in keys if key in table and table[key].quantity > 0] for table in (old, new))
    before, after = (sum(total.quantity for total in totals) for totals in (olds, news))
    return sum(total.cost for total in olds) * (after / before - 1) if before > 0 else 0.0


def _top(changes: Mapping[tuple[str, str], float], change: float) -> tuple[Contributor, ...]:
    """The largest in the direction of the change."""
    sign = 1 if change >= 0 else -1
    ranked = sorted(changes.items(), key=lambda item: (-sign * item[1], item[0]))
    return tuple(Contributor(*key, amount) for key, amount in ranked[:TOP] if sign * amount > 0)


def _without_dust(amount: float, size: float) -> float:
    """Rounding leaves 1e-14 where nothing is."""
    return 0.0 if abs(amount) <= 1e-12 * size else amount


def _sentence(one: Explanation, currency: str) -> str:
    if not one.change:
        return "The cost did not change."
    parts = {"volume": one.volume, "price": one.price, "mix": one.mix, "new scopes": one.new_scope}
    if one.new_scope < 0:
        parts["scopes that ended"] = parts.pop("new scopes")
    largest = max(map(abs, parts.values()))
    ranked = sorted(parts.items(), key=lambda part: -abs(part[1]))
    split = ", ".join(f"{_money(amount, currency)} {name}" for name, amount in ranked if abs(amount) > SHOWN * largest)
    most = ", ".join(f"{_name(top)} {_money(top.change, currency)}" for top in one.contributors)
    return f"{_money(one.change, currency)}{_ratio(one)}: {split}; most from {most}."


def _ratio(one: Explanation) -> str:
    return f" (×{one.after / one.before:.1f})" if one.before > 0 and one.after > 0 else ""


def _name(top: Contributor) -> str:
    return " / ".join(word for word in (top.scope, top.model) if word) or "no scope"


def _money(amount: float, currency: str) -> str:
    sign, size = ("+" if amount >= 0 else "−"), abs(amount)
    figure = f"{size:,.0f}" if size >= 1000 else f"{size:,.2f}"
    return f"{sign}${figure}" if currency == "USD" else f"{sign}{figure} {currency}"
