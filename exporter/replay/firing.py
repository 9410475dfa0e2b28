"""When an alert fired, from the moments its expression held. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median

Labels = tuple[tuple[str, str], ...]
Held = tuple[Mapping[str, str], Sequence[float]]
"""A label set, and the times (seconds since the epoch) at which an expression held for it."""
LATEST = timedelta(days=5)  # after an event's first day: a later alert is about something else, unless it still lasts


@dataclass(frozen=True, slots=True)
class Firing:
    """One notification's worth: an alert that began and, unless it still lasts, ended."""

    alert: str
    labels: Labels
    since: datetime
    until: datetime | None

    def label(self, name: str) -> str:
        """The value of a label, or nothing."""
        return dict(self.labels).get(name, "")


@dataclass(frozen=True, slots=True)
class Event:
    """What is known to have happened, and where. An empty provider fits every alert."""

    name: str
    first: date
    last: date
    provider: str = ""
    account: str = ""

    def explains(self, firing: Firing) -> bool:
        """True when the alert may be about it."""
        here = all(
            not mine or not theirs or mine == theirs
            for mine, theirs in ((self.provider, firing.label("provider")), (self.account, firing.label("account")))
        )
        return here and self.first <= firing.since.date() <= max(self.last, self.first + LATEST)


@dataclass(frozen=True, slots=True)
class Score:
    """How well alerts fit what is known to have happened."""

    alerts: int
    explained: int
    events: int
    found: int
    delay_days: float | None  # from the event's first day to its first alert, median

    @property
    def precision(self) -> float | None:
        """The share of alerts that were about something."""
        return self.explained / self.alerts if self.alerts else None

    @property
    def recall(self) -> float | None:
        """The share of events that were told."""
        return self.found / self.events if self.events else None


def firings(
    alert: str,
    held: Iterable[Held],
    waits: timedelta,
    step: timedelta,
    end: datetime,
) -> list[Firing]:
    """What a rule sent. `held`: the times its expression held, `step` apart, by label set; `end`: the last asked."""
    found = []
    for labels, times in held:
        for first, last in _stretches(times, step):
            until = last + step
            if first + waits < until:
                name = tuple(sorted(labels.items()))
                found.append(Firing(alert, name, first + waits, until if until <= end else None))
    return sorted(found, key=lambda one: (one.since, one.labels))


def _stretches(times: Sequence[float], step: timedelta) -> Iterable[tuple[datetime, datetime]]:
    moments = [datetime.fromtimestamp(at, UTC) for at in times]
    first = 0
    for place in range(1, len(moments) + 1):
        if place == len(moments) or moments[place] - moments[place - 1] > step:
            yield moments[first], moments[place - 1]
            first = place


def score(sent: Sequence[Firing], events: Sequence[Event]) -> Score:
    """Against what is known to have happened."""
    told = {event: [one for one in sent if event.explains(one)] for event in events}
    delays = [(min(one.since for one in alerts).date() - event.first).days for event, alerts in told.items() if alerts]
    explained = sum(any(event.explains(one) for event in events) for one in sent)
    return Score(len(sent), explained, len(events), len(delays), median(delays) if delays else None)
