"""From the panel to what can be forecast, and from a projection to what the store keeps."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.analytics.projection import History, Projection, history_of
from exporter.domain import Subject
from exporter.insights.panel import Panel
from exporter.store.forecasts import Key, StoredForecast

LONGEST_GAP = 30  # days: what nobody has answered for any longer is not forecast


def histories(panel: Panel, *levels: str) -> Iterator[tuple[Subject, History]]:
    """Every series of these levels that has a known day lately."""
    for subject, start, values in panel.of(*levels):
        past = history_of(values, start, panel.today)
        if past is not None and past.gap <= LONGEST_GAP:
            yield subject, past


def row_of(
    subject: Subject, horizon: str, past: History, made: Projection, *, daily: bool = False, hindcast: bool = False
) -> StoredForecast:
    """As it is stored."""
    days = (made.daily, made.daily_lower, made.daily_upper) if daily else (None, None, None)
    kept = [None if one is None else one.tolist() for one in days]
    return StoredForecast(
        key=Key.of(subject),
        horizon=horizon,
        made_on=past.today,
        since=made.since,
        until=made.until,
        spent=made.spent,
        total=made.total,
        lower=made.lower,
        upper=made.upper,
        naive=made.naive,
        method=made.method,
        volatility=made.volatility,
        hindcast=hindcast,
        daily=kept[0],
        daily_lower=kept[1],
        daily_upper=kept[2],
    )
