"""Which windows are due: state and now in, windows out. Pure.

One rule: what has been read of a report is one stretch without gaps, [read_from, read_until). Recent windows extend
it to the right and overlap it; history extends it to the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.domain import DAY, Period, ceil_to, floor_to
from exporter.errors import NeedsAttention, SyncError, TryLater
from exporter.providers.base import Report
from exporter.store.states import ReportState
from exporter.store.windows import Pass

RETRY_FIRST = timedelta(minutes=1)
RETRY_AT_MOST = timedelta(hours=1)
MISSING_AGAIN = DAY  # how often to ask for a report that was not enabled
# A run is due when nearly an interval has passed: it must not slip a whole one because it started a second early.
NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class Step:
    """One window of one report to read and replace."""

    window: Period
    kind: Pass


def recent_steps(
    report: Report, state: ReportState | None, now: datetime, days: int, *, force: bool = False
) -> list[Step]:
    """What to read to be up to date, oldest first; empty when it is too early to ask again.

    `days` is how far back this account goes at most.
    """
    if not force and not _is_due(report, state, now):
        return []
    late = state is None or state.read_late_at is None or now - state.read_late_at >= DAY
    whole = max(report.grain, DAY)  # a provider that corrects a day corrects all of it, whatever the grain
    start = floor_to(now - (report.restates_late if late else report.restates), whole)
    if state is not None:  # however long ago, also when it was missing since: the stretch must stay without gaps
        start = min(start, floor_to(state.read_until - report.restates, whole))
    start = max(start, oldest(report, now, days))
    end = max(ceil_to(now, report.grain), start + report.grain)
    windows = _full_at_the_end(Period(start, end), report.span)
    last = Step(windows[-1], Pass.LATE if late else Pass.RECENT)
    return [*(Step(window, Pass.HISTORY) for window in windows[:-1]), last]


def history_step(report: Report, state: ReportState | None, now: datetime, days: int) -> Step | None:
    """The next older window of the back-fill; None when there is nothing left to fill."""
    if state is None or state.history_done or state.missing:
        return None
    start = oldest(report, now, days)
    if state.read_from <= start:
        return None
    begin = max(state.read_from - report.span, start)
    return Step(Period(begin, state.read_from), Pass.HISTORY)


def narrower(report: Report, step: Step) -> Step | None:
    """The younger half of a window the provider refused as too old; None when it can't be halved."""
    middle = floor_to(step.window.start + (step.window.end - step.window.start) / 2, max(report.grain, DAY))
    if middle <= step.window.start or middle >= step.window.end:
        return None
    return Step(Period(middle, step.window.end), step.kind)


def oldest(report: Report, now: datetime, days: int) -> datetime:
    """Where this account's history of the report begins."""
    begin = ceil_to(now - min(report.history, timedelta(days=days)), max(report.grain, DAY))
    return max(begin, report.floor) if report.floor else begin


def settled_until(report: Report, now: datetime, refreshed_at: datetime | None) -> datetime:
    """Before this moment figures read now are not expected to change: whole days, older than the settling time."""
    known = now if refreshed_at is None else min(now, refreshed_at)
    return floor_to(known - report.settles, DAY)


def due_in(interval: timedelta, failures: int, error: SyncError | None, dice: float) -> timedelta:
    """When to come again: after the interval, or backing off; `dice` in [0, 1) spreads replicas and accounts."""
    if error is None:
        return interval * (1 - 0.05 * dice)
    if isinstance(error, NeedsAttention):
        return RETRY_AT_MOST  # nothing changes until a person acts, but a mended key should be noticed
    wait = min(RETRY_FIRST * (1 << min(max(failures - 1, 0), 10)), RETRY_AT_MOST) * (0.75 + 0.5 * dice)
    if isinstance(error, TryLater) and error.retry_after is not None:
        wait = max(wait, error.retry_after)
    return wait


def _full_at_the_end(stretch: Period, longest: timedelta) -> list[Period]:
    """Pieces no longer than `longest`, oldest first, the short one first too: some providers refuse a window that
    holds no complete bucket, as one that begins today would be.
    """
    pieces = []
    end = stretch.end
    while end > stretch.start:
        begin = max(end - longest, stretch.start)
        pieces.append(Period(begin, end))
        end = begin
    return pieces[::-1]


def _is_due(report: Report, state: ReportState | None, now: datetime) -> bool:
    if state is None or state.read_at is None:
        return True
    return now - state.read_at >= (MISSING_AGAIN if state.missing else report.interval * NEARLY)
