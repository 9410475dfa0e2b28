"""Savings and unit costs. One rule: what the last analysis did not find, or found days ago, is absent."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from exporter.metrics import catalog
from exporter.metrics.snapshot import Family
from exporter.store import savings as store

_Sums = dict[tuple[str, ...], Decimal]


def families(db: Connection, now: datetime) -> list[Family]:
    """What the last analysis found: savings, cache effects, cost per request."""
    effects = store.effects(db, now)
    hits = [((one.provider, one.account, one.model), one.hit_ratio) for one in effects]
    net = [
        ((one.provider, one.account, one.model), float(one.saved_usd - one.lost_usd))
        for one in effects
        if one.saved_usd is not None and one.lost_usd is not None
    ]
    found = (
        Family(catalog.POTENTIAL_SAVING_USD, _samples(_savings(db, now))),
        Family(catalog.CACHE_HIT_RATIO, hits),
        Family(catalog.CACHE_NET_SAVING_USD, net),
        Family(catalog.COST_PER_REQUEST_USD, _samples(_per_request(db, now))),
    )
    return [family for family in found if family.samples]


def _savings(db: Connection, now: datetime) -> _Sums:
    """Over scopes: they don't overlap, kinds do."""
    sums: _Sums = defaultdict(Decimal)
    for one in store.found(db, now):
        sums[one.provider, one.account, one.model, one.kind] += one.usd_per_month
    return sums


def _per_request(db: Connection, now: datetime) -> _Sums:
    usd: _Sums = defaultdict(Decimal)
    requests: _Sums = defaultdict(Decimal)
    for one in store.units(db, now):
        if not one.key and one.model:
            usd[one.provider, one.account, one.model] += one.usd
            requests[one.provider, one.account, one.model] += one.requests
    return {key: amount / requests[key] for key, amount in usd.items() if requests[key]}


def _samples(sums: _Sums) -> list[tuple[tuple[str, ...], float]]:
    return [(key, float(amount)) for key, amount in sums.items()]
