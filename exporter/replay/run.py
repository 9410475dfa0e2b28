"""A replay from beginning to end: books → samples → Prometheus → what each alert would have sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from exporter.analytics.anomaly import Settings
from exporter.domain import DAY, Period
from exporter.insights.context import Context
from exporter.insights.panel import read_panel
from exporter.pricing import PriceBook
from exporter.replay import history, samples
from exporter.replay.firing import Firing, Held, firings
from exporter.replay.history import ContextOf
from exporter.replay.prometheus import Past, Programs
from exporter.replay.rules import Rule, layers, needs, why_not
from exporter.replay.samples import Series
from exporter.store.database import Database


@dataclass(frozen=True, slots=True)
class Replayed:
    """What each alert sent, oldest first, and why some can't be replayed."""

    sent: Mapping[str, list[Firing]]
    left_out: Mapping[str, str]


class _Done(Exception):
    """Ends the reading transaction without keeping anything."""


def replay(
    database: Database, programs: Programs, rules: Sequence[Rule], first: date, end: date, context: ContextOf
) -> Replayed:
    """Run every alert over the UTC days in [first, end)."""
    alerts = [rule for rule in rules if rule.alerting]
    reasons = {at: why_not(rule, rules, history.REMEMBERED, DAY) for at, rule in enumerate(alerts)}
    playing = [rule for at, rule in enumerate(alerts) if not reasons[at]]
    wanted: frozenset[str] = frozenset().union(*(needs(rule, rules) for rule in playing))
    sent: dict[str, list[Firing]] = {rule.name: [] for rule in playing}
    with TemporaryDirectory(prefix="spend-replay-") as folder:
        past = _told(database, programs, Path(folder), wanted, (first, end), context)
        for layer in layers(rules):
            if kept := [rule for rule in layer if needs(rule, rules) <= history.REMEMBERED]:
                past.record(kept)
        for rule, held in past.held(playing):
            sent[rule.name] += firings(rule.name, _days_ends(held), rule.waits, DAY, past.last)
    return Replayed(sent, {rule.name: reasons[at] for at, rule in enumerate(alerts) if rule.name not in sent})


def _days_ends(found: Iterable[Series]) -> list[Held]:
    """Back from the midnight that ends a day to the day's last minute."""
    minute = history.LAST_MINUTE.total_seconds()
    return [(series.labels, [at - minute for at, _ in series.points]) for series in found]


def context_of(prices: PriceBook, fixed_rates: Mapping[str, Decimal], sensitivity: Settings, today: date) -> ContextOf:
    """What an analysis would have been handed at a past moment: days settled as long after as they do `today`."""

    def context(db: Connection, now: datetime) -> Context:
        panel = read_panel(db, now)
        settled = {account: panel.today - (today - day) for account, day in panel.settled.items()}
        return Context(replace(panel, settled=settled), now, prices, fixed_rates, sensitivity)

    return context


def _told(
    database: Database,
    programs: Programs,
    folder: Path,
    wanted: frozenset[str],
    span: tuple[date, date],
    context: ContextOf,
) -> Past:
    """A past filled with the samples of every day."""
    file, (first, end) = folder / "samples.om", span

    def read(db: Connection) -> None:
        with file.open("wb") as out:
            samples.write(history.days(db, first, end, context), wanted, out)
        raise _Done

    with suppress(_Done):
        database.call(read)
    past = Past(programs, folder, Period.of_day(first).end, Period.of_day(end).start, DAY)
    past.fill(file)
    return past
