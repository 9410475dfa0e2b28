"""How an incident went on after its first day: what each of its days was beyond the expected, and how grave it became.

One rule: what is expected of a later day comes from before the incident, by its weekday; the incident teaches nothing.
"""

from __future__ import annotations

import numpy as np

from exporter.analytics.anomaly import robust
from exporter.analytics.anomaly.detect import severity_of
from exporter.analytics.anomaly.events import Anomaly, Days, Severity

WEEK = 7
WEEKS = 8  # before the incident: what a weekday usually has
ORDINARY = 28  # days before the incident: what a day usually has


def excesses(before: Days, days: Days, expected: float) -> Days:
    """Of each day of an incident, the money beyond the expected. `before` ends where `days` begin; NaN is unknown.

    `expected` is of the first day; the later ones are to it as their weekdays were to its own.
    """
    shares = np.array([_usual(before, place % WEEK) for place in range(min(len(days), WEEK))])
    if not len(shares) or not shares[0] > 0:
        return days - expected
    return days - expected * np.resize(shares / shares[0], len(days))


def gravest(one: Anomaly, before: Days, beyond: Days) -> Severity:
    """The severity of an incident's gravest day: it may begin on a quiet Sunday."""
    known = before[-ORDINARY:][~np.isnan(before[-ORDINARY:])]
    ordinary = float(known.mean()) if len(known) else 0.0
    grades = list(Severity)
    times_border = one.score / robust.BORDER
    later = (severity_of(float(excess), ordinary, times_border) for excess in beyond[1:] if not np.isnan(excess))
    same_way = [
        grade for grade, excess in zip(later, beyond[1:][~np.isnan(beyond[1:])], strict=True) if _fits(one, excess)
    ]
    return max([one.severity, *same_way], key=grades.index)


def _fits(one: Anomaly, excess: float) -> bool:
    return (excess > 0) == (one.excess > 0)


def _usual(before: Days, ahead: int) -> float:
    """The median of a weekday's last weeks; `ahead`: days after the last of `before`."""
    same = before[len(before) - WEEK + ahead :: -WEEK][:WEEKS] if len(before) >= WEEK - ahead else before[:0]
    known = same[~np.isnan(same)]
    return float(np.median(known)) if len(known) else np.nan
