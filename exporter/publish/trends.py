"""The trend families of a publication. One rule: a trend that was made longer than two days ago is no present one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from exporter.metrics import catalog
from exporter.metrics.catalog.insights import TREND_STATES
from exporter.metrics.snapshot import Family, Sample
from exporter.store import trends
from exporter.store.trends import Trend

OLDEST = timedelta(days=2)


def present(db: Connection, now: datetime, *levels: str) -> list[Trend]:
    """The trends of these levels that are young enough to show."""
    return [trend for trend in trends.every(db, *levels) if now - trend.made_at <= OLDEST]


def families(db: Connection, now: datetime) -> list[Family]:
    """Slope, state and growth of every account, where they are known."""
    slopes: list[Sample] = []
    states: list[Sample] = []
    growth: list[Sample] = []
    for trend in present(db, now, "account"):
        account = (trend.subject.provider, trend.subject.account)
        slopes.append((account, trend.slope))
        states.extend(((*account, state), float(state == trend.state)) for state in TREND_STATES)
        growth.extend(((*account, window), ratio) for window, ratio in trend.growth.items() if ratio is not None)
    by_definition = {catalog.TREND_USD_PER_DAY: slopes, catalog.TREND_STATE: states, catalog.GROWTH_RATIO: growth}
    return [Family(definition, samples) for definition, samples in by_definition.items() if samples]
