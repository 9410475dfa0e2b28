"""Savings that only single rows show: flows that could be batches, prompts in dearer context windows.

One rule: what is read is one account at a time, because rows of hours and keys are many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from exporter.analytics.savings import Job, Prices, Rhythm, Saving, batch_saving, context_saving
from exporter.analytics.savings.batch import BUSIEST, NIGHT
from exporter.store import consumption
from exporter.store.consumption import Detail

Place = tuple[str, str]
"""Scope and model."""


def detail_savings(
    db: Connection, account: str, since: date, today: date, month: Decimal, prices: Prices
) -> Iterator[Saving | None]:
    """Batches and long prompts of one account. `month` makes figures of the window figures of 30 days."""
    details = [row._replace(quantity=row.quantity * month) for row in consumption.details(db, account, since, today)]
    for (scope, model), long in _long(details).items():
        yield context_saving(account, scope, model, long, prices)
    for (scope, model), jobs in _jobs(db, account, since, today, details).items():
        yield batch_saving(account, scope, model, jobs, prices)


def _long(details: Sequence[Detail]) -> dict[Place, dict[tuple[str, str, str], Decimal]]:
    """Tokens by meter, tier and window, where a window is stated."""
    found: dict[Place, dict[tuple[str, str, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in details:
        if row.window:
            found[row.scope, row.model][row.meter, row.service_tier, row.window] += row.quantity
    return found


def _jobs(db: Connection, account: str, since: date, today: date, details: Sequence[Detail]) -> dict[Place, list[Job]]:
    """Flows at the ordinary tier that are known by the hour."""
    mixes: dict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in details:
        if row.hourly and row.service_tier in consumption.ORDINARY:
            mixes[row.scope, row.model, row.api_key][row.meter] += row.quantity
    span = [since + timedelta(days=day) for day in range((today - since).days)]
    weekend = sum(day.isoweekday() > 5 for day in span) / len(span)
    busiest = int(BUSIEST * 24 * len(span))
    jobs: dict[Place, list[Job]] = defaultdict(list)
    for one in consumption.hours(db, account, since, today, night=NIGHT, busiest=busiest):
        rhythm = Rhythm(one.tokens, one.by_night, one.in_busiest, one.on_weekends, weekend, one.days)
        mix = mixes[one.scope, one.model, one.api_key]
        jobs[one.scope, one.model].append(Job(one.api_key, mix, rhythm))
    return jobs
