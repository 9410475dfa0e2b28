"""Savings and unit costs. One rule: what the last analysis did not find, or found days ago, is absent."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from exporter.metrics import catalog
from exporter.metrics.snapshot import Family, Sample
from exporter.store import savings as store


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
        Family(catalog.POTENTIAL_SAVING_USD, _savings(db, now)),
        Family(catalog.CACHE_HIT_RATIO, hits),
        Family(catalog.CACHE_NET_SAVING_USD, net),
        Family(
            catalog.COST_PER_REQUEST_USD, [(tuple(place), float(usd)) for *place, usd in store.per_request(db, now)]
        ),
    )
    return [family for family in found if family.samples]


def _savings(db: Connection, now: datetime) -> list[Sample]:
    """Over scopes: they don't overlap, kinds do."""
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for one in store.found(db, now):
        sums[one.provider, one.account, one.model, one.kind] += one.usd_per_month
    return [(place, float(usd)) for place, usd in sums.items()]
