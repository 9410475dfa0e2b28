"""One analysis of everything that is stored: a panel, then one step after the other.

One rule: a step that fails leaves what it found last time; the others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from sqlalchemy import Connection

from exporter.analytics.anomaly import Settings
from exporter.errors import StoreError
from exporter.insights import anomalies, forecasts, nowcasts, savings, trends
from exporter.insights.context import ANOMALIES, Context, Step
from exporter.insights.panel import read_panel
from exporter.pricing import PriceBook
from exporter.store import analysis
from exporter.store.database import Database

log = logging.getLogger(__name__)
_NONE: Mapping[str, Decimal] = MappingProxyType({})


STEPS: dict[str, Step] = {
    "nowcasts": nowcasts.refresh,
    "forecasts": forecasts.refresh,
    "anomalies": anomalies.refresh,
    "trends": trends.refresh,
    "savings": savings.refresh,
}
"""In the order they run: anomalies judge days that nowcasts call as good as complete."""


def run(
    database: Database,
    now: datetime,
    prices: PriceBook,
    fixed_rates: Mapping[str, Decimal] = _NONE,
    anomaly_settings: Settings = ANOMALIES,
) -> dict[str, str]:
    """Work everything out. Returns what each step did; a step that failed is missing.

    Raises:
        StoreError: the database is out of reach.
    """
    books = database.call(analysis.newest_books)
    context = Context(database.call(read_panel, now), now, prices, fixed_rates, anomaly_settings)
    done: dict[str, str] = {}
    for name, step in STEPS.items():
        began = time.perf_counter()
        try:
            done[name] = database.call(_alone, step, context)
        except StoreError:
            raise
        except Exception:
            log.exception("the analysis could not finish its %s; the last ones stay", name)
        else:
            log.debug("%s: %s in %.2f s", name, done[name], time.perf_counter() - began)
    if len(done) == len(STEPS):
        database.call(analysis.finish, now=now, books=books)
    return done


def _alone(db: Connection, step: Step, context: Context) -> str:
    """Somebody may call `analyse` while an exporter analyses by itself."""
    analysis.one_at_a_time(db)
    return step(db, context)
