"""What every step of an analysis is handed, and what a step is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from exporter.analytics.anomaly import Settings
from exporter.insights.panel import Panel
from exporter.pricing import PriceBook

ANOMALIES = Settings(floor=1.0)  # a dollar: less is not worth anybody's look


@dataclass(frozen=True, slots=True)
class Context:
    """`panel` and `now` are of the same moment. `fixed_rates`: dollars per unit, where the configuration fixes it."""

    panel: Panel
    now: datetime
    prices: PriceBook
    fixed_rates: Mapping[str, Decimal]
    anomaly_settings: Settings = ANOMALIES


Step = Callable[[Connection, Context], str]
"""Works something out and stores it, in one transaction. Returns what it did, for the log: `12 forecasts`."""
