"""Brings the stored anomalies up to date with what an analysis found.

One rule: a day's verdict is final when providers correct it no more. Until then every analysis judges it anew: what is
no longer there is withdrawn, and what was found on a day that was not corrected stays as it was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import Connection

from exporter.insights.context import Context
from exporter.insights.incidents import graver, parents, plan_for, raised
from exporter.insights.panel import Panel
from exporter.insights.reasons import with_reasons
from exporter.store import anomalies, planned
from exporter.store.anomalies import Anomaly, Incident, Judged, Key

CORRECTED = timedelta(days=35)  # so far back syncs look for corrections
Stored = Mapping[Key, Anomaly]


def keep(db: Connection, context: Context, found: Sequence[Incident], until: Mapping[str, date]) -> str:
    """Store what is new, change what changed, withdraw what is gone. `until`: by account, the first day not judged."""
    stored, links = _stored(db, context), parents(found)
    found = raised(found, links)
    judged = {account: Judged(_books_begin(context.panel, account), day) for account, day in until.items()}
    again = _judged_again(anomalies.judged(db), judged)
    current = _current(db, context.panel, [one for one in found if one.day >= again[one.account]], found, stored)
    new = [one for one in current if one.key not in stored]
    gone = _gone(stored, {one.key for one in current}, again, until)
    anomalies.add(db, new, context.now)
    anomalies.revise(db, {stored[one.key].id: one for one in current if _changed(one, stored.get(one.key))})
    anomalies.withdraw(db, gone, context.now)
    _link(db, current, _stored(db, context) if new else stored, links)
    anomalies.note_judged(db, judged)
    return f"{len(new)} new anomalies, {len(gone)} withdrawn"


def _stored(db: Connection, context: Context) -> dict[Key, Anomaly]:
    return {one.incident.key: one for one in anomalies.since(db, context.panel.first, context.now)}


def _books_begin(panel: Panel, account: str) -> date:
    """The first day of an account's books; '' is the total."""
    days = (day for subject, day in panel.begins.items() if subject.level == "account")
    if not account:
        return min(days, default=panel.first)
    return next(
        day for subject, day in panel.begins.items() if (subject.level, subject.account) == ("account", account)
    )


def _judged_again(before: Mapping[str, Judged], now: Mapping[str, Judged]) -> dict[str, date]:
    """By account, the first day whose verdicts are not final: all of them where the books begin earlier than before.

    The total's books change wherever an account's do.
    """
    first = dict.fromkeys(now, date.min)
    for account in before.keys() & now.keys():
        if before[account].books_begin <= now[account].books_begin:
            first[account] = min(before[account].until, now[account].until) - CORRECTED
    return first | {"": min(first.values())} if date.min in first.values() and "" in first else first


def _current(
    db: Connection, panel: Panel, judged: Iterable[Incident], found: Sequence[Incident], stored: Stored
) -> list[Incident]:
    """What is to be stored: as it was, where its day was not corrected; with a reason, where it is new."""
    ones = [_as_stored(one, stored.get(one.key)) for one in judged]
    explained = with_reasons(db, (one for one in ones if not one.explanation), found, panel)
    plans = planned.every(db)
    return [
        replace(one, planned=plan_for(one, plans)) for one in (*(one for one in ones if one.explanation), *explained)
    ]


def _as_stored(one: Incident, stored: Anomaly | None) -> Incident:
    if stored is None or not math.isclose(one.cost, stored.incident.cost, rel_tol=1e-9, abs_tol=1e-9):
        return one
    before = stored.incident.total_excess
    same = math.isclose(one.total_excess, before, rel_tol=1e-9, abs_tol=1e-6)  # sums of floats, in any order
    total_excess = before if same else one.total_excess
    severity = graver(stored.incident.severity, one.severity)  # it may grow while it lasts
    return replace(stored.incident, until=one.until, became=one.became, total_excess=total_excess, severity=severity)


def _changed(one: Incident, stored: Anomaly | None) -> bool:
    return stored is not None and (one != stored.incident or stored.withdrawn_at is not None)


def _gone(stored: Stored, current: set[Key], again: Mapping[str, date], until: Mapping[str, date]) -> list[int]:
    return [
        one.id
        for key, one in stored.items()
        if key not in current and one.withdrawn_at is None and key.account in until
        if again[key.account] <= key.day < until[key.account]
    ]  # fmt: skip


def _link(db: Connection, current: Iterable[Incident], stored: Stored, parent: Mapping[Key, Key]) -> None:
    """What somebody judged stands for itself from then on."""
    ids = {key: one.id for key, one in stored.items()}
    anomalies.link(
        db,
        {
            ids[one.key]: None if stored[one.key].verdict or one.key not in parent else ids.get(parent[one.key])
            for one in current
        },
    )
