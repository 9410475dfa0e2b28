"""Incidents in every series of the books, one event each, with their reasons.

One rule: a day is judged once it is sure: settled, or as good as complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from exporter.analytics.anomaly import Anomaly, Kind, Severity, find_anomalies, severity_of
from exporter.analytics.anomaly.course import excesses, gravest
from exporter.analytics.anomaly.robust import BORDER
from exporter.analytics.series import Days
from exporter.domain import DAY, Subject
from exporter.insights.context import Context
from exporter.insights.panel import Panel
from exporter.insights.reasons import LEVELS
from exporter.insights.upkeep import keep
from exporter.store import accounts, daily, nowcasts
from exporter.store.anomalies import Incident

PARTS = ("scope", "model")
NEW = timedelta(days=35)
USUAL = 28  # days before an incident
SURE = 0.98  # of a day's final figure: enough to judge it
Series = tuple[Subject, date, Days]
Completeness = Mapping[tuple[str, date], float]
"""By account and day, the share of its final figure that is there; what is not known of is not sure."""


def refresh(db: Connection, context: Context) -> str:
    """Incidents in every series, one event each, with their reasons."""
    until = _sure_days(db, context.panel, nowcasts.completeness(db))
    cut = (_cut(one, until[one[0].account]) for one in context.panel.of(*LEVELS))
    series = [one for one in cut if np.isfinite(one[2]).any()]
    found = [*_of_costs(series, context), *_of_requests(db, series, context)]
    return keep(db, context, found, until)


def judged_until(panel: Panel, account: Subject, completeness: Completeness, *, typed_in: bool = False) -> date:
    """The first day of an account that has to wait: the first that is not settled, nor as good as complete.

    What has no cost report is never settled: there every day counts that has been read. What people type in comes when
    it comes: there every day counts up to the last that has a charge.
    """
    values = panel.series[account]
    known = np.flatnonzero(values) if typed_in else np.flatnonzero(~np.isnan(values))
    end = panel.first + timedelta(days=int(known[-1]) + 1 if len(known) else 0)
    until = min(panel.settled.get(account.account, end), end)
    while until < end and completeness.get((account.account, until), 0.0) >= SURE:
        until += DAY
    return until


def _sure_days(db: Connection, panel: Panel, completeness: Completeness) -> dict[str, date]:
    """By account, the first day that waits; '' is the total, which waits for every account that is still read."""
    typed_in = {span.account for span in daily.spans(db) if span.end is None}
    until = {
        subject.account: judged_until(panel, subject, completeness, typed_in=subject.account in typed_in)
        for subject, _, _ in panel.of("account")
    }
    read = {one.id for one in accounts.every(db) if not one.disabled} - typed_in
    return until | {"": min((day for account, day in until.items() if account in read), default=panel.first)}


def _cut(one: Series, until: date) -> Series:
    subject, start, values = one
    return subject, start, values[: max(0, (until - start).days)]


def _of_costs(series: Sequence[Series], context: Context) -> Iterator[Incident]:
    costs, starts = [values for _, _, values in series], [start for _, start, _ in series]
    found = find_anomalies(costs, starts, context.anomaly_settings)
    ordinary = _ordinary_days(context.panel)
    for (subject, start, values), ones in zip(series, found, strict=True):
        for one in _once_while_new(ones, start, values) if subject.level in PARTS else ones:
            incident = _incident(subject, one, values, (one.date - start).days)
            yield _weighed(incident, ordinary(subject.account, one.date)) if subject.level in PARTS else incident


def _once_while_new(found: Iterable[Anomaly], start: date, values: Days) -> Iterator[Anomaly]:
    """What has just begun has no usual days yet: that it came is one event, what it does for a month after is none."""
    spent = np.flatnonzero(np.nan_to_num(values))
    settled_in = start + timedelta(days=int(spent[0]) if len(spent) else 0) + NEW
    told = False
    for one in found:
        if one.date >= settled_in or not told:
            yield one
        told = True


def _weighed(incident: Incident, ordinary: float) -> Incident:
    """A part's incident is at most one step graver than the same money would be for its account, by `ordinary` days."""
    grades = list(Severity)
    for_account = severity_of(incident.excess, ordinary, incident.score / BORDER)
    allowed = min(grades.index(for_account) + 1, grades.index(Severity(incident.severity)))
    return replace(incident, severity=grades[allowed].value)


def _ordinary_days(panel: Panel) -> Callable[[str, date], float]:
    """What a day of an account cost in the four weeks before one."""
    accounts = {subject.account: values for subject, values in panel.series.items() if subject.level == "account"}

    def ordinary(account: str, day: date) -> float:
        end = (day - panel.first).days
        before = accounts[account][max(0, end - USUAL) : end]
        return float(np.nanmean(before)) if np.isfinite(before).any() else 0.0

    return ordinary


def _of_requests(db: Connection, series: Iterable[Series], context: Context) -> Iterator[Incident]:
    """Rises of requests without cost."""
    counts = _requests(db, context.panel)
    costs = [
        (subject, _counted(context.panel, start, values, counts[subject.account]))
        for subject, start, values in series
        if subject.level == "account" and subject.account in counts
    ]
    found = find_anomalies(
        [one.costs for _, one in costs],
        [one.start for _, one in costs],
        context.anomaly_settings,
        requests=[one.requests for _, one in costs],
    )
    for (subject, counted), ones in zip(costs, found, strict=True):
        rises = (one for one in ones if one.kind is Kind.REQUESTS)
        yield from (_incident(subject, one, counted.requests, (one.date - counted.start).days) for one in rises)


class _Counted(NamedTuple):
    """An account from its first request on: a beginning is no rise."""

    start: date
    costs: Days
    requests: Days


def _counted(panel: Panel, start: date, costs: Days, requests: Days) -> _Counted:
    """`requests` begin with the panel, `costs` with `start`."""
    offset = (start - panel.first).days
    begin = max(offset, int(np.flatnonzero(requests)[0]))
    own = costs[begin - offset :]
    known = np.where(np.isnan(own), np.nan, requests[begin : begin + len(own)])
    return _Counted(panel.first + timedelta(days=begin), own, known)


def _requests(db: Connection, panel: Panel) -> dict[str, Days]:
    counts: dict[str, Days] = {}
    for row in daily.requests(db, panel.first, panel.today):
        counts[row.account] = np.zeros((panel.today - panel.first).days)
        counts[row.account][row.days] = row.amounts
    return counts


def _incident(subject: Subject, one: Anomaly, values: Days, at: int) -> Incident:
    """`at`: the place of the first day in `values`."""
    before, days = values[:at], values[at : at + (one.until - one.date).days + 1]
    beyond = excesses(before, days, one.expected)
    return Incident(
        account=subject.account, level=subject.level, scope=subject.scope, model=subject.model,
        day=one.date, until=one.until, kind=one.kind.value, became=one.became.value,
        severity=gravest(one, before, beyond).value,
        score=one.score, cost=one.cost, expected=one.expected, lower=one.lower, upper=one.upper,
        total_excess=float(np.nansum(beyond)),
    )  # fmt: skip
