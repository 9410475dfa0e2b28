"""Every daily series of the books, side by side: what all analyses start from.

One rule: a complete day without a charge is zero; a day some provider has not answered for is NaN, in every series it
is part of. Today is never in a panel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from exporter.analytics.series import Days
from exporter.budgets import Budget
from exporter.domain import Period, Subject, day_of
from exporter.store import budgets, daily
from exporter.store.daily import AccountSpan, Amounts

LENGTH = 400  # days: a year's course and a month more


@dataclass(frozen=True, slots=True)
class Panel:
    """Dollars per UTC day from `first` up to yesterday. `begins`: the first day anything is known of a series."""

    first: date
    today: date
    series: dict[Subject, Days] = field(default_factory=dict)
    begins: dict[Subject, date] = field(default_factory=dict)
    settled: dict[str, date] = field(default_factory=dict)  # by account: earlier days are not expected to change

    def of(self, *levels: str) -> Iterator[tuple[Subject, date, Days]]:
        """(subject, first day, values) of these levels, without the days before anything was known."""
        for subject, values in self.series.items():
            if subject.level in levels:
                start = max(self.begins[subject], self.first)
                yield subject, start, values[(start - self.first).days :]

    def add(self, subject: Subject, values: Days, begins: date) -> None:
        """Add a series, or add to it."""
        before = self.series.get(subject)
        self.series[subject] = values.copy() if before is None else before + values
        self.begins[subject] = min(begins, self.begins.get(subject, begins))


def read_panel(db: Connection, now: datetime, *, length: int = LENGTH) -> Panel:
    """The panel of the last `length` complete days, for everything that has a charge."""
    today = day_of(now)
    first = today - timedelta(days=length)
    settled = {account: day_of(moment) for account, moment in daily.settled_until(db).items()}
    panel = Panel(first, today, settled=settled)
    spans = {span.account: span for span in daily.spans(db) if span.first < today}
    blank = {account: _blank(span, first, length) for account, span in spans.items()}
    _add_accounts(panel, spans, blank, daily.by_account(db, first, today))
    _add_parts(panel, "scope", spans, blank, daily.by_scope(db, first, today))
    _add_parts(panel, "model", spans, blank, daily.by_model(db, first, today))
    for budget in budgets.every(db).values():
        _add_budget(db, panel, budget, spans)
    return panel


def _blank(span: AccountSpan, first: date, length: int) -> Days:
    """Zero where the account's figures are known or it had not begun, NaN where they are missing."""
    values = np.zeros(length)
    if span.end is not None:
        values[max(0, (span.end - first).days) :] = np.nan
    return values


def _blank_in_sums(span: AccountSpan, first: date, length: int) -> Days:
    """The same, to be added to others': one that ended holds no sum up; what is not read yet makes it unknown."""
    values = np.zeros(length) if span.ended else _blank(span, first, length)
    if span.since is not None:
        values[: max(0, (span.since - first).days)] = np.nan
    return values


def _add_accounts(
    panel: Panel, spans: Mapping[str, AccountSpan], blank: Mapping[str, Days], rows: Iterable[Amounts]
) -> None:
    """Each account, and the sums by provider, by team and over all."""
    spent = {row.account: row for row in rows}
    for account, span in spans.items():
        own = _spent(blank[account], spent.get(account))
        panel.add(Subject("account", span.provider, account, span.team), own, span.first)
        share = _spent(_blank_in_sums(span, panel.first, len(own)), spent.get(account))
        panel.add(Subject("provider", span.provider), share, span.first)
        panel.add(Subject("total"), share, span.first)
        if span.team:
            panel.add(Subject("team", team=span.team), share, span.first)


def _spent(blank: Days, row: Amounts | None) -> Days:
    values = blank.copy()
    if row is not None:
        values[row.days] += row.amounts
    return values


def _add_parts(
    panel: Panel, level: str, spans: Mapping[str, AccountSpan], blank: Mapping[str, Days], rows: Iterable[Amounts]
) -> None:
    """Each scope or each model of each account."""
    for row in rows:
        span = spans[row.account]
        subject = Subject(level, span.provider, row.account, span.team, **{level: row.key})
        panel.add(subject, _spent(blank[row.account], row), span.first)


def _add_budget(db: Connection, panel: Panel, budget: Budget, spans: Mapping[str, AccountSpan]) -> None:
    """What fits a budget's filters; nothing while no account does."""
    accounts = [span for span in spans.values() if _fits(budget, span)]
    if not accounts:
        return
    length = (panel.today - panel.first).days
    values = np.sum([_blank_in_sums(span, panel.first, length) for span in accounts], axis=0)
    days = Period(Period.of_day(panel.first).start, Period.of_day(panel.today).start)
    for day, amount in budgets.spent(db, budget, days).items():
        values[(day - panel.first).days] += float(amount)
    panel.add(Subject("budget", budget=budget.id), values, min(span.first for span in accounts))


def _fits(budget: Budget, span: AccountSpan) -> bool:
    wanted = ((budget.provider, span.provider), (budget.account, span.account), (budget.team, span.team))
    return all(not filter_ or filter_ == value for filter_, value in wanted)
