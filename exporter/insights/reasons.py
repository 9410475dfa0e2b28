"""Why an incident's first day was dearer or cheaper: its bill beside the usual bill of that weekday.

One rule: one query for the days of all new incidents. The day is compared with the last four same weekdays, or with the
week before where that is nearer to what was expected: after a new level, or at something young.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from statistics import fmean

from sqlalchemy import Connection

from exporter.analytics.explain import Explanation, Line, explain
from exporter.analytics.series import Days
from exporter.domain import DAY
from exporter.insights.panel import Panel
from exporter.store import day_lines
from exporter.store.anomalies import Incident, Key
from exporter.store.day_lines import DayLine

WEEK = timedelta(days=7)
WEEKS = 4
LEVELS = ("account", "scope", "model", "total")
Bills = Mapping[tuple[str, date], Sequence[Line]]
"""The lines of each account and day."""
Part = tuple[str, str, str]
"""Account, scope and model, of which a series is; all empty: the total."""


def with_reasons(
    db: Connection, incidents: Iterable[Incident], others: Iterable[Incident], panel: Panel
) -> list[Incident]:
    """The incidents, explained. `others`: all that is known, so that no incident is compared with another one."""
    ones = list(incidents)
    accounts = sorted(subject.account for subject, _, _ in panel.of("account"))
    before = _usual_days([one for one in ones if one.kind != "requests"], _busy(others), panel)
    wanted = {
        (account, day)
        for one in ones
        if one.key in before
        for account in ([one.account] if one.account else accounts)
        for day in (one.day, *before[one.key])
    }
    bills = _bills(day_lines.lines(db, wanted)) if wanted else {}
    names = day_lines.scope_names(db) if wanted else {}
    return [
        _explained(one, before[one.key], bills, names, accounts) if one.key in before else _of_requests(one)
        for one in ones
    ]


def _busy(incidents: Iterable[Incident]) -> dict[Part, set[date]]:
    """The days of each series that belong to an incident."""
    days: dict[Part, set[date]] = defaultdict(set)
    for one in incidents:
        length = (one.until - one.day).days + 1
        days[one.account, one.scope, one.model].update(one.day + timedelta(days=day) for day in range(length))
    return days


def _usual_days(
    incidents: Iterable[Incident], busy: Mapping[Part, Collection[date]], panel: Panel
) -> dict[Key, Sequence[date]]:
    costs = {(one.account, one.scope, one.model): values for one, values in panel.series.items() if one.level in LEVELS}
    usual: dict[Key, Sequence[date]] = {}
    for one in incidents:
        part = one.account, one.scope, one.model
        by_day = partial(_cost_of, panel.first, costs[part])
        usual[one.key] = _nearest(one, busy.get(part, ()), by_day)
    return usual


def _cost_of(first: date, values: Days, day: date) -> float:
    place = (day - first).days
    return float(values[place]) if place >= 0 else math.nan


def _nearest(one: Incident, busy: Collection[date], cost_of: Callable[[date], float]) -> Sequence[date]:
    """Of the days it may be compared with, those whose mean is nearest to what was expected."""
    weekdays = [one.day - week * WEEK for week in range(1, WEEKS + 1)]
    days = [one.day - day * DAY for day in range(1, WEEK.days + 1)]
    choices = [[day for day in some if day not in busy and not math.isnan(cost_of(day))] for some in (weekdays, days)]
    known = [choice for choice in choices if choice] or [days]
    return min(known, key=lambda choice: abs(fmean(map(cost_of, choice)) - one.expected))


def _bills(lines: Iterable[DayLine]) -> dict[tuple[str, date], list[Line]]:
    days: dict[tuple[str, date], list[DayLine]] = defaultdict(list)
    for line in lines:
        days[line.account, line.day].append(line)
    return {key: list(_lines(ones)) for key, ones in days.items()}


def _lines(day: Iterable[DayLine]) -> Iterator[Line]:
    """One day's lines. Tokens count where they are charged: a bill may know fewer models or scopes than the usage."""
    ones = list(day)
    dollars = {(one.scope, one.model): one.usd for one in ones if one.usd}
    tokens: dict[tuple[str, str], float] = defaultdict(float)
    for one in ones:
        places = ((one.scope, one.model), (one.scope, ""), ("", one.model), ("", ""))
        if (place := next((place for place in places if place in dollars), None)) is not None:
            tokens[place] += one.tokens
    return (Line(scope, model, tokens[scope, model], usd) for (scope, model), usd in dollars.items())


def _explained(
    one: Incident, usual: Sequence[date], bills: Bills, names: Mapping[tuple[str, str], str], accounts: Collection[str]
) -> Incident:
    share = 1 / len(usual)
    before = [
        line._replace(quantity=line.quantity * share, cost=line.cost * share)
        for day in usual
        for line in _of(one, day, bills, accounts)
    ]
    found = explain(*_comparable(before, _of(one, one.day, bills, accounts)))
    return replace(one, explanation=_named(found, one.account, names).text(), parts=_parts(found))


def _comparable(before: list[Line], after: list[Line]) -> tuple[list[Line], list[Line]]:
    """Without tokens where only one side has any: the others were not read, and say nothing of volume."""
    if any(line.quantity for line in before) == any(line.quantity for line in after):
        return before, after
    return [line._replace(quantity=0.0) for line in before], [line._replace(quantity=0.0) for line in after]


def _of(one: Incident, day: date, bills: Bills, accounts: Collection[str]) -> list[Line]:
    """What of a day's bill the incident is about. Of the total, accounts take the place of scopes."""
    if not one.account:
        return [line._replace(scope=account) for account in accounts for line in bills.get((account, day), ())]
    lines = bills.get((one.account, day), ())
    return [line for line in lines if one.scope in ("", line.scope) and one.model in ("", line.model)]


def _named(found: Explanation, account: str, names: Mapping[tuple[str, str], str]) -> Explanation:
    named = (top._replace(scope=names.get((account, top.scope), top.scope)) for top in found.contributors)
    return replace(found, contributors=tuple(named))


def _parts(found: Explanation) -> dict[str, object]:
    return {name: getattr(found, name) for name in ("price", "volume", "mix", "new_scope")} | {
        "contributors": [top._asdict() for top in found.contributors]
    }


def _of_requests(one: Incident) -> Incident:
    times = f" (×{one.cost / one.expected:.1f})" if one.expected > 0 else ""
    said = f"{one.cost:,.0f} requests where {one.expected:,.0f} were expected{times}, at no unusual cost."
    return replace(one, explanation=said)
