"""What came of past forecasts, and how good they were.

One rule: only settled days count, and what came follows the books when they are restated. One forecast a week is
scored, since those of neighbouring days share nearly all of their days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby

import numpy as np
from sqlalchemy import Connection

from exporter.analytics.scoring import Score, Scored, score
from exporter.analytics.series import Days
from exporter.domain import Subject
from exporter.insights.hindcasts import mondays
from exporter.insights.panel import Panel
from exporter.store import forecasts as store
from exporter.store.forecasts import Key, Past, StoredScore

LEVELS = ("total", "provider", "team", "account", "budget")
MONDAY = 1


def refresh(db: Connection, panel: Panel) -> int:
    """Fill in what came, then score the forecasts of the last 26 Mondays. Returns how many series were scored."""
    accounts = [subject for subject in panel.series if subject.level == "account"]
    running = {
        Key.of(subject): _running(panel, subject, _settled(panel, subject, accounts))
        for subject in panel.series
        if subject.level in LEVELS
    }
    store.fill_came(db, panel.first, running)
    past = store.over(db, mondays(panel.today)[0], MONDAY)
    scores = [
        _stored(key, horizon, found)
        for (key, horizon), rows in groupby(past, key=lambda one: (one.key, one.horizon))
        if (found := score([_scored(row) for row in rows])) is not None
    ]
    store.replace_scores(db, scores)
    return len(scores)


def _running(panel: Panel, subject: Subject, settled: date) -> list[float]:
    """What was spent from the panel's first day up to each day, NaN from the first day that is not settled."""
    values: Days = panel.series[subject].copy()
    values[max((settled - panel.first).days, 0) :] = np.nan
    return [0.0, *np.cumsum(values).tolist()]


def _settled(panel: Panel, subject: Subject, accounts: Sequence[Subject]) -> date:
    """Until when every account of a series is settled. A budget's may be any: the slowest decides."""
    inside = (panel.settled.get(one.account, panel.today) for one in accounts if _within(one, subject))
    return min(inside, default=panel.today)


def _within(account: Subject, group: Subject) -> bool:
    wanted = ((group.provider, account.provider), (group.account, account.account), (group.team, account.team))
    return all(not name or name == own for name, own in wanted)


def _scored(row: Past) -> Scored:
    return Scored(row.total, row.lower, row.upper, row.naive, row.came)


def _stored(key: Key, horizon: str, found: Score) -> StoredScore:
    return StoredScore(key, horizon, found.count, found.error, found.coverage, found.skill)
