"""From costs to anomalies: the one door to all methods.

One rule: a verdict uses only data up to its day, so cutting the future off changes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from exporter.analytics.anomaly import classic, robust
from exporter.analytics.anomaly.events import Anomaly, Days, Kind, Method, Settings, Severity
from exporter.analytics.anomaly.incidents import Found

CHUNK = 1024  # series that are judged at once: enough to share the work, few enough for the cache
BARELY = 1.5  # times the border: nothing nearer is more than medium
STEPS = (0.75, 2.0, 5.0)  # ordinary days of money beyond the expected: medium, high, critical
_DEFAULT = Settings()


def find_anomalies(
    costs: Sequence[Days],
    starts: Sequence[date],
    settings: Settings = _DEFAULT,
    *,
    requests: Sequence[Days] | None = None,
) -> list[list[Anomaly]]:
    """The incidents of each series, oldest first. `starts` are the dates of the series' first values.

    With `requests` of the same days, a rise of requests that the cost does not follow is an incident too; its figures
    are requests.

    Raises:
        ValueError: the lengths do not fit.
    """
    if len(costs) != len(starts):
        raise ValueError(f"{len(costs)} series need as many first days, got {len(starts)}")
    values = [np.asarray(one, np.float64) for one in costs]
    anomalies = _all(values, list(starts), settings)
    if requests is None:
        return anomalies
    if [len(one) for one in requests] != [len(one) for one in values]:
        raise ValueError("requests and costs must be of the same days")
    rises = _all([np.asarray(one, np.float64) for one in requests], list(starts), _for_requests(settings))
    return [_with_requests(*both) for both in zip(anomalies, rises, strict=True)]


def severity_of(excess: float, ordinary: float, times_border: float) -> Severity:
    """By how many ordinary days of money it is beyond the expected; what is barely out is never more than medium."""
    days = abs(excess) / ordinary if ordinary > 0 else float("inf")
    step = sum(days >= step for step in STEPS)
    return list(Severity)[step if times_border >= BARELY else min(step, 1)]


def _for_requests(settings: Settings) -> Settings:
    return replace(settings, method=Method.ROBUST, floor=1.0)


def _with_requests(costs: list[Anomaly], requests: list[Anomaly]) -> list[Anomaly]:
    """Add the rises of requests on days that belong to no incident of cost."""
    alone = [
        replace(rise, kind=Kind.REQUESTS, became=Kind.REQUESTS)
        for rise in requests
        if rise.excess > 0 and not any(one.date <= rise.date <= one.until for one in costs)
    ]
    return sorted([*costs, *alone], key=lambda one: (one.date, one.kind))


def _all(costs: list[Days], starts: list[date], settings: Settings) -> list[list[Anomaly]]:
    if settings.method is not Method.ROBUST:
        return [list(_classic(*one, settings)) for one in zip(costs, starts, strict=True)]
    anomalies: list[list[Anomaly]] = [[] for _ in costs]
    order = sorted(range(len(costs)), key=lambda place: len(costs[place]))  # alike together: little padding
    for first in range(0, len(order), CHUNK):
        chunk = order[first : first + CHUNK]
        found = robust.scan([costs[place] for place in chunk], [starts[place] for place in chunk], settings)
        for one in found:
            place = chunk[one.series]
            anomalies[place].append(_anomaly(one, starts[place]))
    return anomalies


def _anomaly(found: Found, start: date) -> Anomaly:
    return Anomaly(
        date=start + timedelta(days=found.day),
        kind=found.kind,
        severity=severity_of(found.cost - found.expected, found.ordinary, found.score / robust.BORDER),
        score=found.score,
        cost=found.cost,
        expected=found.expected,
        lower=found.lower,
        upper=found.upper,
        until=start + timedelta(days=found.until),
        became=Kind.LEVEL_SHIFT if found.stayed else found.kind,
    )


def _classic(costs: Days, start: date, settings: Settings) -> Iterator[Anomaly]:
    z = settings.method is Method.ZSCORE
    judged = classic.zscore(costs, settings) if z else classic.spike(costs, settings)
    border = settings.sigmas if z else settings.factor
    for day, until in classic.first_days(costs, judged, settings.cooling_days):
        cost, expected, score = float(costs[day]), float(judged.expected[day]), float(judged.score[day])
        kind = Kind.SPIKE if cost > expected else Kind.DROP
        yield Anomaly(
            start + timedelta(days=day), kind, severity_of(cost - expected, abs(expected), score / border), score,
            cost, expected, float(judged.lower[day]), float(judged.upper[day]), start + timedelta(days=until), kind,
        )  # fmt: skip
