"""What really happened in the demo's two organisations, and what each provider shows of it right now.

One rule: everything is a function of (seed, anchor, clock, restatements). Nothing is stored but caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import add
from typing import Any

from exporter.demo import books, visibility
from exporter.demo.books import Amounts, Line
from exporter.demo.series import ANTHROPIC, OPENAI, Series, all_series
from exporter.demo.shape import DayOfHours, Incident, Vector, make_day
from exporter.demo.visibility import COSTS, PROMPT, USAGE, Lag, Restatement, Restatements, start_of
from exporter.domain import DAY

Clock = Callable[[], datetime]
CACHED_DAYS = 2_000  # of series: about a month of everything, 20 MB

INCIDENTS = (  # days before the anchor and the hour, what it was, provider, scope (empty: all), hours, factor
    (21, 9, "a loop in the code", OPENAI, "proj_atlas7Q", 8, 6.0),
    (48, 0, "a job that ran three days too long", ANTHROPIC, "wrkspc_01Support", 72, 4.0),
    (75, 0, "an outage", OPENAI, "", 24, 0.05),
    (110, 6, "agents without a limit", ANTHROPIC, "wrkspc_01Coding", 10, 6.0),
)
SEEDED = (  # days before the anchor, provider, index of the scope (None: all), factor, hours until it shows
    (26, OPENAI, None, "1.04", 41),
    (12, ANTHROPIC, "wrkspc_01Support", "0.85", 52),
    (9, OPENAI, "proj_eval9M", "0", 36),
    (2, OPENAI, None, "1.06", 47),
    (1, ANTHROPIC, None, "0.95", 33),
)


class Truth:
    """The seeded ground truth of `days` (default: `months` × 30) days up to the clock, of both providers.

    `projects` and `models` cut the organisations down for fast tests. With `lateness=False` all that happened
    before the clock shows at once and nothing is restated unless `restate` is called. `anchor` is the moment the
    incidents, the unknown model and the seeded restatements are counted from; keep it to keep history the same.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int = 1,
        months: int = 6,
        days: int | None = None,
        projects: int = 4,
        models: int = 6,
        lateness: bool = True,
        anchor: datetime | None = None,
    ) -> None:
        self.clock, self.seed, self.lateness = clock, seed, lateness
        self.anchor = (anchor or clock()).astimezone(UTC)
        today = self.anchor.date()
        self.start = start_of(today - timedelta(days=30 * months if days is None else days))
        self.details_since = today - timedelta(days=120)
        self.incidents = tuple(_incident(today, *facts) for facts in INCIDENTS)
        self.series = all_series(today, projects, models)
        self.version = 0
        self._restatements = Restatements()
        self._days: dict[tuple[str, date], DayOfHours] = {}
        self._totals: dict[tuple[str, date], Vector | None] = {}
        self._lines: dict[tuple[str, date], list[Line]] = {}
        if lateness:
            self._seed_restatements(today)

    def happenings(self) -> Iterator[tuple[str, date, date, str]]:
        """(what, first day, last day, provider) of everything that somebody watching would want to be told."""
        for one in self.incidents:
            last = one.start + timedelta(hours=one.hours - 1)
            yield one.name, one.start.date(), last.date(), one.provider
        for series in self.series:
            if series.first:
                yield f"the new model {series.model}", series.first, series.first, series.provider
            if series.last:
                silent = series.last + DAY
                yield f"{series.scope} falls silent", silent, silent, series.provider
        for ago, provider, scope, factor, _ in SEEDED:
            if factor == "0":
                day = self.anchor.date() - timedelta(days=ago)
                yield f"{scope} is not billed for a day", day, day, provider

    def now(self) -> datetime:
        """The clock, in UTC."""
        return self.clock().astimezone(UTC)

    def restate(self, provider: str, day: date, factor: Decimal | float | str, scope: str = "") -> None:
        """From now on this day shows `factor` times its true usage and costs (0: nothing). The last call wins."""
        self._restatements.add(provider, day, Restatement(self.now(), scope, Decimal(str(factor))))
        self.version += 1

    def lag(self, lag: Lag) -> Lag:
        """`lag`, unless nothing is late here."""
        return lag if self.lateness else PROMPT

    def of(self, provider: str, *reports: str) -> list[Series]:
        """The series of a provider, or of some of its reports."""
        return [s for s in self.series if s.provider == provider and (not reports or s.report in reports)]

    def days(self) -> Iterator[date]:
        """Every UTC day with data so far."""
        yield from visibility.days_between(self.start, self.now())

    def true_day(self, series: Series, day: date) -> DayOfHours:
        """A day with its restatements, as if nothing were late."""
        if day < self.start.date():
            return (None,) * 24
        hours = self._made(series, day)
        factor = self._restatements.factor(series, day, self.now())
        return hours if factor == 1 else visibility.scaled(hours, factor)

    def seen_day(self, series: Series, day: date, lag: Lag = USAGE) -> DayOfHours:
        """A day as it shows at the clock."""
        lag, now = self.lag(lag), self.now()
        hours = self.true_day(series, day)
        return hours if lag.complete(day, now) else visibility.as_seen(hours, day, lag, now)

    def seen_total(self, series: Series, day: date, lag: Lag = USAGE) -> Vector | None:
        """The sum of a day as it shows at the clock; None when nothing shows."""
        settled = self._settled(series.provider, day, lag)
        if settled and (series.id, day) in self._totals:
            return self._totals[series.id, day]
        total = summed(self.seen_day(series, day, lag))
        if settled:
            self._totals[series.id, day] = total
        return total

    def lines(self, provider: str, day: date) -> list[Line]:
        """The bill of a day as it shows at the clock, one line per series and meter that costs money."""
        settled = self._settled(provider, day, COSTS)
        if settled and (provider, day) in self._lines:
            return self._lines[provider, day]
        lines = [line for s in self.of(provider) for line in books.bill(s, day, self.seen_total(s, day, COSTS))]
        if settled:
            self._lines[provider, day] = lines
        return lines

    def expected_charges(self, provider: str) -> Amounts:
        """What a correct exporter has booked by now: dollars by (day, model, meter)."""
        return books.expected_charges(self, provider)

    def expected_usage(self, provider: str, report: str) -> Amounts:
        """What a correct exporter has counted by now: quantities by (day, model, meter)."""
        return books.expected_usage(self, provider, report)

    def _settled(self, provider: str, day: date, lag: Lag) -> bool:
        return not self._restatements.touch(provider, day) and self.lag(lag).complete(day, self.now())

    def _made(self, series: Series, day: date) -> DayOfHours:
        key = series.id, day
        if (known := self._days.get(key)) is not None:
            return known
        if len(self._days) >= CACHED_DAYS:
            self._days.clear()
        made = make_day(self.seed, series, day, self.incidents)
        self._days[key] = made = books.without_details(series, made) if day < self.details_since else made
        return made

    def _seed_restatements(self, today: date) -> None:
        for ago, provider, scope, factor, hours in SEEDED:
            day = today - timedelta(days=ago)
            since = start_of(day + DAY) + timedelta(hours=hours)
            self._restatements.add(provider, day, Restatement(since, scope or "", Decimal(factor)))


def _incident(today: date, days_ago: int, hour: int, name: str, *facts: Any) -> Incident:
    provider, scope, hours, factor = facts
    start = datetime.combine(today - timedelta(days=days_ago), time(hour), UTC)
    return Incident(name, provider, scope, start, hours, factor)


def summed(hours: DayOfHours) -> Vector | None:
    """The sum of the hours; None when all are empty."""
    vectors = [vector for vector in hours if vector]
    return tuple(map(sum, zip(*vectors, strict=True))) if vectors else None


def added(one: Vector | None, other: Vector) -> Vector:
    """Two vectors of one report."""
    return tuple(map(add, one, other)) if one else other
