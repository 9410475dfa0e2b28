"""What could cost less, with evidence, and what a request costs.

One rule: the last 30 complete days as they were used, at the prices of today as the account pays them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from sqlalchemy import Connection

from exporter.analytics.savings import (
    CacheEffect,
    Discounts,
    Flow,
    Saving,
    Seats,
    cache_effect,
    cache_saving,
    model_saving,
    mostly_priced,
    reasoning_savings,
    seat_saving,
    worth_it,
)
from exporter.analytics.savings.discount import Billed
from exporter.domain import day_of
from exporter.insights.context import Context
from exporter.insights.flow_savings import detail_savings
from exporter.pricing import PriceBook
from exporter.store import consumption, unit_costs
from exporter.store import savings as store
from exporter.store.consumption import Known
from exporter.store.savings import EffectRow, SavingRow, UnitRow

WINDOW = 30  # days: a month of this module
FEWEST = 7


@dataclass(frozen=True, slots=True)
class Books:
    """What everything below is worked out from. `flows` are of 30 days, by account."""

    today: date
    prices: PriceBook
    discounts: Discounts
    known: Mapping[str, Known]
    flows: Mapping[str, list[Flow]]

    def days(self, account: str) -> int:
        """Complete days of the window that are known."""
        return min(WINDOW, (self.today - self.known[account].first).days)

    def since(self, account: str) -> date:
        """The first of them."""
        return self.today - timedelta(days=self.days(account))

    def month(self, account: str) -> Decimal:
        """What makes figures of the known days figures of 30 days."""
        return Decimal(WINDOW) / self.days(account)

    def of(self, account: str) -> AccountPrices:
        """What this account pays."""
        return AccountPrices(self.prices, self.known[account].provider, account, self.discounts, self.today)


@dataclass(frozen=True, slots=True)
class AccountPrices:
    """Today's list price times what the account is billed of it. `account`: whose discounts hold, or ''."""

    book: PriceBook
    provider: str
    account: str
    discounts: Discounts
    day: date

    def __call__(self, model: str, meter: str, tier: str = "", window: str = "") -> Decimal | None:
        """Dollars for one token; None: not known."""
        tags = (("context_window", window),) if window else ()
        found = self.book.unit_price(self.provider, model, meter, tier, self.day, tags)
        return None if found is None else found.usd_per_unit * self.discounts.of(self.account, model)

    def at(self, provider: str) -> AccountPrices:
        """The prices of a provider; list prices where it isn't the account's own."""
        return self if provider == self.provider else replace(self, provider=provider, account="")

    def models(self) -> list[str]:
        """What the provider's list has on that day."""
        return sorted({price.model for price in self.book.list_prices(self.day, self.provider)})


def refresh(db: Connection, context: Context) -> str:
    """Look for everything that could cost less, and store it in place of what was found before."""
    books = read_books(db, context.prices, day_of(context.now))
    savings = worth_it(_all(db, books))
    effects = list(_effects(books))
    rows = [_saving_row(books, one) for one in savings]
    store.replace(db, context.now, rows, effects, list(_units(db, books)))
    return f"{len(savings)} savings"


def read_books(db: Connection, prices: PriceBook, today: date) -> Books:
    """What is stored of the last 30 complete days; accounts known for less than a week are left out."""
    since = today - timedelta(days=WINDOW)
    known = {one.account: one for one in consumption.known(db) if (today - one.first).days >= FEWEST}
    discounts = Discounts(Billed(*row) for row in consumption.paid(db, since, today))
    books = Books(today, prices, discounts, known, defaultdict(list))
    rows = (row for row in consumption.consumed(db, since, today) if row.account in known)
    flows: dict[str, list[Flow]] = defaultdict(list)
    for (account, scope, model), group in groupby(rows, key=lambda row: row[:3]):
        mix = {(row.meter, row.service_tier): row.quantity * books.month(account) for row in group}
        flows[account].append(Flow(account, scope, model, mix))
    return replace(books, flows=flows)


def _all(db: Connection, books: Books) -> Iterator[Saving | None]:
    for account, flows in books.flows.items():
        prices = books.of(account)
        listed = prices.models()
        for flow in flows:
            peers = [one for one in flows if one.model == flow.model and one.scope != flow.scope]
            yield model_saving(flow, prices, listed)
            yield cache_saving(flow, peers, prices)
        yield from reasoning_savings(flows, prices)
        yield from detail_savings(db, account, books.since(account), books.today, books.month(account), prices)
    since = books.today - timedelta(days=WINDOW)
    for account, paid, usd, active in consumption.seats(db, since, books.today):
        if account in books.known:
            yield seat_saving(Seats(account, paid, usd * books.month(account), active))


def _effects(books: Books) -> Iterator[EffectRow]:
    """By account and model, over the known days: not blown up to a month."""
    for account, flows in books.flows.items():
        for model, group in groupby(sorted(flows, key=lambda flow: flow.model), key=lambda flow: flow.model):
            mix: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
            for flow in group:
                for meter, quantity in flow.mix.items():
                    mix[meter] += quantity / books.month(account)
            if (effect := cache_effect(model, mix, books.of(account))) is not None:
                yield _effect_row(account, model, effect)


def _units(db: Connection, books: Books) -> Iterator[UnitRow]:
    """Dollars as the account pays them. Where too many tokens have no price, a cost per request would be too low."""
    since = books.today - timedelta(days=WINDOW)
    flows = [flow for account in books.flows.values() for flow in account]
    unpriced = {flow[:3] for flow in flows if not mostly_priced(flow, books.of(flow.account))}
    tags = unit_costs.tagged_units(db, since, books.today)
    for row in (*unit_costs.units(db, since, books.today), *tags):
        if row.account in books.known and row[:3] not in unpriced:
            factor = books.discounts.of(row.account, row.model) if row.source == "priced_usage" else Decimal(1)
            yield UnitRow(*row[:5], row.usd * factor, row.requests)


def _saving_row(books: Books, one: Saving) -> SavingRow:
    evidence = {
        **one.evidence,
        "days": books.days(one.account),
        "paid_share_of_list_price": float(round(books.discounts.of(one.account, one.model), 4)),
    }
    where = one.account, one.scope, one.model, one.kind
    return SavingRow(*where, round(one.usd_per_month, 4), one.target, one.sentence, evidence)


def _effect_row(account: str, model: str, effect: CacheEffect) -> EffectRow:
    return EffectRow(account, model, float(effect.hit_ratio), effect.saved, effect.lost)
