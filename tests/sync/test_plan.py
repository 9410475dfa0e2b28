from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporter.domain import DAY, HOUR, Period, Source, ceil_to, floor_to
from exporter.errors import NeedsAttention, SyncError, TryLater, UnexpectedReply
from exporter.providers.base import Report
from exporter.store.states import ReportState
from exporter.store.windows import Pass
from exporter.sync import plan
from exporter.sync.plan import Step

NOW = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)
TODAY = datetime(2026, 3, 20, tzinfo=UTC)


async def nothing(client, account, window):
    return
    yield


def report(**more) -> Report:
    return Report(name="costs", source=Source.COST_API, fetch=nothing, **more)


def state(read_from, read_until, *, read_at=NOW - HOUR, late=NOW - HOUR, history_done=False, missing="") -> ReportState:
    return ReportState(
        report="costs",
        read_from=read_from,
        read_until=read_until,
        read_at=read_at,
        read_late_at=late,
        history_done=history_done,
        missing=missing,
    )


def ago(days: float) -> datetime:
    return TODAY - timedelta(days=days)


def test_the_first_reading_goes_as_far_back_as_late_restatements():
    assert plan.recent_steps(report(span=100 * DAY), None, NOW, 365) == [
        Step(Period(ago(35), TODAY + DAY), Pass.LATE),
    ]


def test_an_account_that_wants_less_history_gets_less():
    [step] = plan.recent_steps(report(), None, NOW, 5)

    assert step.window == Period(ago(4), TODAY + DAY)


def test_an_ordinary_reading_covers_what_may_still_be_restated():
    known = state(ago(100), TODAY + DAY)

    assert plan.recent_steps(report(), known, NOW, 365) == [Step(Period(ago(3), TODAY + DAY), Pass.RECENT)]


def test_the_long_way_back_is_read_once_a_day():
    almost = state(ago(100), TODAY + DAY, late=NOW - DAY + timedelta(seconds=1))
    due = state(ago(100), TODAY + DAY, late=NOW - DAY)

    assert plan.recent_steps(report(), almost, NOW, 365)[-1].kind is Pass.RECENT
    assert [step.kind for step in plan.recent_steps(report(), due, NOW, 365)] == [Pass.HISTORY, Pass.LATE]
    assert plan.recent_steps(report(), due, NOW, 365)[0].window.start == ago(35)


def test_nothing_is_asked_again_before_nearly_an_interval_has_passed():
    early = state(ago(9), TODAY, read_at=NOW - 0.89 * HOUR)
    nearly = state(ago(9), TODAY, read_at=NOW - 0.9 * HOUR)

    assert plan.recent_steps(report(), early, NOW, 365) == []
    assert plan.recent_steps(report(), early, NOW, 365, force=True) != []
    assert plan.recent_steps(report(), nearly, NOW, 365) != []


def test_a_missing_report_is_asked_for_once_a_day():
    early = state(ago(9), ago(9), read_at=NOW - 23 * HOUR, missing="no")
    due = state(ago(9), ago(9), read_at=NOW - DAY, missing="no")

    assert plan.recent_steps(report(), early, NOW, 365) == []
    assert plan.recent_steps(report(), due, NOW, 365) != []


def test_after_a_long_downtime_everything_since_is_read_oldest_first():
    steps = plan.recent_steps(report(), state(ago(200), ago(100), read_at=ago(100), late=ago(100)), NOW, 365)

    assert steps[0].window.start == ago(103)
    assert [step.kind for step in steps] == [Pass.HISTORY] * (len(steps) - 1) + [Pass.LATE]


def test_a_report_enabled_long_after_it_was_missing_leaves_no_gap():
    steps = plan.recent_steps(report(), state(ago(100), ago(100), read_at=ago(1), late=None, missing="no"), NOW, 365)

    assert steps[0].window.start <= ago(100)


def test_downtime_longer_than_the_providers_memory_reads_what_it_remembers():
    steps = plan.recent_steps(report(history=30 * DAY), state(ago(200), ago(100), read_at=ago(100)), NOW, 365)

    assert steps[0].window.start == ago(29)


GRAINS = st.sampled_from([HOUR, DAY])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


@st.composite
def reports(draw):
    grain = draw(GRAINS)
    floor = floor_to(draw(MOMENTS), DAY) - 400 * DAY if draw(st.booleans()) else None
    return report(
        grain=grain,
        span=draw(st.integers(1, 40)) * grain,
        restates=draw(st.integers(0, 200)) * HOUR,
        restates_late=draw(st.integers(1, 60)) * DAY,
        history=draw(st.integers(1, 400)) * DAY,
        floor=floor,
    )


@given(reports(), MOMENTS, st.integers(1, 400), st.none() | st.integers(0, 3000), st.integers(0, 500), st.booleans())
def test_recent_windows_join_what_was_read_without_a_gap_and_reach_now(asked, now, days, until, length, missing):
    known = None
    if until is not None:
        read_until = ceil_to(now - until * HOUR, asked.grain)
        known = state(
            read_until - length * asked.grain, read_until, read_at=None, late=None, missing="no" if missing else ""
        )
    steps = plan.recent_steps(asked, known, now, days)

    windows = [step.window for step in steps]
    first = plan.oldest(asked, now, days)
    assert windows[-1].end >= now
    assert windows[0].start >= min(first, now)
    for window in windows:
        assert floor_to(window.start, asked.grain) == window.start
        assert floor_to(window.end, asked.grain) == window.end
        assert window.end - window.start <= asked.span
    for older, younger in pairwise(windows):
        assert older.end == younger.start
    if known is not None:
        assert windows[0].start <= max(known.read_until, first)
    assert [step.kind for step in steps[:-1]] == [Pass.HISTORY] * (len(steps) - 1)
    assert steps[-1].kind is Pass.LATE


@given(reports(), MOMENTS, st.integers(1, 400))
def test_history_goes_back_without_gaps_and_ends_exactly_where_it_shall_begin(asked, now, days):
    known = state(begin := ceil_to(now, DAY), begin)
    start = plan.oldest(asked, now, days)
    assume(start < begin)
    steps = []
    while (step := plan.history_step(asked, known, now, days)) is not None:
        assert step.window.end == known.read_from
        assert step.window.end - step.window.start <= asked.span
        steps.append(step)
        known = state(step.window.start, known.read_until)
        if len(steps) > 9_000:
            pytest.fail("it never ends")

    assert steps[-1].window.start == start


@pytest.mark.parametrize(
    "known",
    [
        None,
        state(ago(3), TODAY, history_done=True),
        state(ago(3), TODAY, missing="no"),
        state(ago(500), TODAY),
    ],
)
def test_there_is_no_history_to_fill(known):
    assert plan.history_step(report(), known, NOW, 365) is None


@given(reports(), MOMENTS, st.integers(1, 40))
def test_a_refused_window_is_halved_until_it_can_not_be(asked, now, length):
    end = floor_to(now, DAY)
    step = Step(Period(end - length * asked.grain, end), Pass.HISTORY)
    halvings = 0
    while (next_one := plan.narrower(asked, step)) is not None:
        assert next_one.window.end == end
        assert step.window.start < next_one.window.start < end
        assert floor_to(next_one.window.start, DAY) == next_one.window.start
        step, halvings = next_one, halvings + 1

    assert halvings <= 7


def test_history_begins_no_earlier_than_the_provider_has_data():
    assert plan.oldest(report(floor=ago(7)), NOW, 365) == ago(7)
    assert plan.oldest(report(floor=ago(700)), NOW, 365) == ago(364)
    assert plan.oldest(report(history=10 * DAY), NOW, 365) == ago(9)


def test_figures_are_settled_by_whole_days_and_by_the_providers_own_watermark():
    assert plan.settled_until(report(settles=2 * DAY), NOW, None) == ago(2)
    assert plan.settled_until(report(settles=11 * HOUR), NOW, None) == ago(1)
    assert plan.settled_until(report(settles=2 * DAY), NOW, NOW - 5 * DAY) == ago(7)
    assert plan.settled_until(report(settles=2 * DAY), NOW, NOW + DAY) == ago(2)


@given(st.integers(0, 100), st.floats(0, 1, exclude_max=True))
def test_a_run_that_went_well_is_due_after_nearly_the_interval(failures, dice):
    assert 0.95 * HOUR <= plan.due_in(HOUR, failures, None, dice) <= HOUR


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_backing_off_stays_between_three_quarters_of_a_minute_and_an_hour_and_a_quarter(failures, dice):
    for error in (SyncError("x"), UnexpectedReply("x"), TryLater("x")):
        wait = plan.due_in(HOUR, failures, error, dice)
        assert timedelta(seconds=45) <= wait <= 1.25 * HOUR


def test_backing_off_doubles_with_every_failure():
    waits = [plan.due_in(HOUR, failures, TryLater("x"), 0.5) for failures in range(1, 9)]

    assert [wait / timedelta(minutes=1) for wait in waits] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_wait_the_provider_asked_for_is_kept():
    later = TryLater("x", retry_after=3 * HOUR)

    assert plan.due_in(HOUR, 1, later, 0.5) == 3 * HOUR
    assert plan.due_in(HOUR, 8, TryLater("x", retry_after=timedelta(seconds=1)), 0.5) == HOUR


def test_what_needs_attention_is_tried_again_after_an_hour():
    assert plan.due_in(timedelta(minutes=5), 99, NeedsAttention("x"), 0.9) == HOUR
