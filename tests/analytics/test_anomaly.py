"""Shapes whose answer is known, and promises that hold for every series."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.analytics.anomaly import Anomaly, Days, Kind, Method, Settings, Severity, find_anomalies, severity_of

START = date(2025, 1, 1)  # a Wednesday
YEAR = np.arange(365)
DATES = [START + timedelta(days=int(day)) for day in YEAR]
WEEKEND = np.array([day.weekday() >= 5 for day in DATES])
FIRST = np.array([day.day == 1 for day in DATES])
FIXED = [one.name for one in fields(Anomaly) if one.name not in {"until", "became"}]


def noise(seed: int = 0, size: float = 0.06) -> Days:
    return np.exp(np.random.default_rng(seed).normal(0, size, len(YEAR)))


def found(costs: Days, **chosen: object) -> list[Anomaly]:
    return find_anomalies([np.asarray(costs, float)], [START], Settings(**chosen))[0]  # type: ignore[arg-type]


def days(anomalies: list[Anomaly]) -> list[int]:
    return [(one.date - START).days for one in anomalies]


def verdicts(anomalies: list[Anomaly]) -> list[tuple[object, ...]]:
    return [tuple(getattr(one, name) for name in FIXED) for one in anomalies]


def changed(costs: Days, first: int, last: int | None, factor: float) -> Days:
    after = costs.copy()
    after[first:last] *= factor
    return after


CLEAN = {
    "constant": np.full(365, 20.0),
    "nothing": np.zeros(365),
    "noise": 20 * noise(),
    "weekends are half": 20 * noise() * np.where(WEEKEND, 0.5, 1),
    "weekends are idle": 20 * noise() * ~WEEKEND,
    "weekly batch": 20 * noise() * np.where(YEAR % 7 == 2, 8, 1),
    "only a weekly batch": 20 * noise() * (YEAR % 7 == 2),
    "every other week a batch": 20 * noise() * np.where(YEAR % 14 == 2, 8, 1),
    "invoice on the first": 20 * noise() + 400 * FIRST,
    "idle now and then": 20 * noise() * (np.random.default_rng(6).random(365) > 0.2),
    "growth": 20 * noise() * np.exp(YEAR * 0.008),
    "shrinking": 20 * noise() * np.exp(YEAR * -0.005),
    "straight growth": 20.0 + YEAR,
    "seats are added": 20.0 + YEAR // 45,
    "a dearer plan": np.where(YEAR < 200, 20.0, 26.0),
    "hardly anything": 0.0001 * noise(size=1.0),
}


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_found_where_nothing_happens(name: str) -> None:
    assert found(CLEAN[name]) == []


STEADY = [
    name
    for name in CLEAN
    if name not in {"nothing", "hardly anything", "idle now and then", "every other week a batch"}
]


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.parametrize("factor", [2.0, 3.0, 10.0])
def test_a_spike_is_reported_once_on_its_day(name: str, factor: float) -> None:
    day = 204  # a Thursday; where it is idle, the last day that is not
    day = next(at for at in range(day, 0, -1) if CLEAN[name][at] > 0)
    (one,) = found(changed(CLEAN[name], day, day + 1, factor))
    assert days([one]) == [day]
    assert one.kind == Kind.SPIKE
    assert one.cost > one.upper >= one.expected >= one.lower
    assert one.excess == pytest.approx((factor - 1) * CLEAN[name][day], rel=0.4)


@pytest.mark.parametrize("name", ["constant", "noise", "weekends are half", "growth", "invoice on the first"])
def test_three_days_are_one_incident(name: str) -> None:
    (one,) = found(changed(CLEAN[name], 203, 206, 2.0))
    assert days([one]) == [203]
    assert (one.until - one.date).days == 2


@pytest.mark.parametrize("name", ["constant", "noise", "weekends are half", "growth", "weekly batch"])
@pytest.mark.parametrize("factor", [1.5, 2.0, 0.4])
def test_a_level_shift_is_reported_once_and_becomes_the_baseline(name: str, factor: float) -> None:
    shifted = changed(CLEAN[name], 203, None, factor)
    (one,) = found(shifted)
    assert days([one])[0] - 203 in {0, 1}
    assert one.became == Kind.LEVEL_SHIFT
    both = found(changed(shifted, 260, 261, 2.5))
    assert days(both) == [*days([one]), 260]
    assert both[1].expected == pytest.approx(shifted[260], rel=0.3)


def test_a_dearer_weekly_batch_is_reported_once_and_becomes_the_baseline() -> None:
    shifted = changed(CLEAN["only a weekly batch"], 205, None, 2.0)
    (one,) = found(shifted)
    assert (days([one]), one.became) == ([205], Kind.LEVEL_SHIFT)
    assert days(found(changed(shifted, 261, 262, 2.5))) == [205, 261]


@pytest.mark.parametrize("name", ["constant", "noise", "weekends are half", "growth"])
def test_a_drop_to_near_zero_is_reported(name: str) -> None:
    (one,) = found(changed(CLEAN[name], 203, 204, 0.02))
    assert (days([one]), one.kind) == ([203], Kind.DROP)
    assert one.excess < 0
    assert one.lower >= 0


def test_an_outage_of_two_weeks_is_one_incident() -> None:
    (one,) = found(changed(CLEAN["noise"], 203, 217, 0.0))
    assert days([one]) == [203]


def test_the_first_money_after_nothing_is_reported_once() -> None:
    (one,) = found(changed(np.full(365, 20.0), 0, 203, 0.0))
    assert days([one]) == [203]
    assert one.severity == Severity.CRITICAL


def test_a_missing_invoice_is_no_anomaly_and_a_double_one_is() -> None:
    invoice = 20 * noise() + 400 * FIRST
    first = int(np.flatnonzero(FIRST)[7])
    assert found(changed(invoice, first, first + 1, 0.05)) == []
    assert days(found(changed(invoice, first, first + 1, 2.5))) == [first]


def test_a_day_that_is_usually_low_is_no_anomaly_and_its_drop_to_nothing_is() -> None:
    low = 20 * noise() * np.where(FIRST, 0.35, 1)
    first = int(np.flatnonzero(FIRST)[7])
    assert found(low) == found(changed(low, first, first + 1, 0.75)) == []
    assert days(found(changed(low, first, first + 1, 0.05))) == [first]


def test_an_invoice_on_the_first_working_day_is_learnt() -> None:
    working = np.array([day.weekday() < 5 and day.day <= 3 and (day.day == 1 or day.weekday() == 0) for day in DATES])
    assert found(20 * noise() + 400 * working) == []


def test_the_same_peak_a_year_ago_is_no_news() -> None:
    two_years = np.tile(20 * noise(), 2)
    holiday = changed(changed(two_years, 203, 204, 3.0), 203 + 365, 204 + 365, 3.0)
    assert days(found(holiday)) == [203]


def test_a_gradual_drift_is_reported_within_five_weeks_and_once() -> None:
    slope = np.clip((YEAR - 200) / 42, 0, 1)
    for costs in (CLEAN["noise"] * np.exp(slope * np.log(2.5)), CLEAN["noise"] * np.exp(-slope * np.log(2.5))):
        (one,) = found(costs)
        assert one.kind == Kind.DRIFT
        assert 214 <= days([one])[0] <= 236


def test_unknown_days_are_neither_judged_nor_missed() -> None:
    costs = changed(CLEAN["noise"], 205, 206, 3.0)
    costs[[5, 12, 100, 101, 102, 204]] = np.nan
    assert days(found(costs)) == [205]


def test_a_rise_of_requests_without_cost_is_its_own_kind() -> None:
    cost = CLEAN["noise"]
    requests = changed(1000 * noise(1), 203, 204, 4.0)
    (one,) = find_anomalies([cost], [START], requests=[requests])[0]
    assert (days([one]), one.kind) == ([203], Kind.REQUESTS)
    followed = find_anomalies([changed(cost, 203, 204, 4.0)], [START], requests=[requests])[0]
    assert [one.kind for one in followed] == [Kind.SPIKE]


def test_five_weeks_of_history_come_before_the_first_verdict() -> None:
    assert found(changed(CLEAN["noise"], 34, 35, 5.0)) == []
    assert days(found(changed(CLEAN["noise"], 35, 36, 5.0))) == [35]


def test_a_peak_in_the_first_weeks_hides_none_later() -> None:
    assert 60 in days(found(changed(changed(CLEAN["noise"], 10, 11, 30.0), 60, 61, 2.5)))


def test_a_floor_silences_small_money() -> None:
    spiked = changed(CLEAN["noise"], 203, 204, 3.0)
    assert days(found(spiked, floor=30)) == [203]
    assert found(spiked, floor=50) == []


@pytest.mark.parametrize("share", [1.0, 0.4, 0.1, 0.03])
def test_a_series_that_cries_wolf_must_cry_louder(share: float) -> None:
    rng = np.random.default_rng(3)
    wild = [np.exp(rng.normal(3, 0.7, 365)) * (rng.random(365) < share) for _ in range(30)]
    alerts = find_anomalies(wild, [START] * 30)
    assert sum(map(len, alerts)) / 30 <= 6


SHAPES = st.sampled_from(sorted(CLEAN))
EVENTS = st.lists(st.tuples(st.integers(40, 350), st.integers(1, 5), st.floats(0, 8)), max_size=5)


def with_events(name: str, events: list[tuple[int, int, float]]) -> Days:
    costs = CLEAN[name] * 1.0
    for first, length, factor in events:
        costs[first : first + length] *= factor
    return costs


@settings(max_examples=60, deadline=None)
@given(SHAPES, EVENTS, st.integers(30, 364), st.sampled_from(list(Method)))
def test_cutting_the_future_off_changes_no_verdict(
    name: str, events: list[tuple[int, int, float]], until: int, method: Method
) -> None:
    costs = with_events(name, events)
    whole, cut = found(costs, method=method), found(costs[: until + 1], method=method)
    assert verdicts(cut) == verdicts([one for one in whole if (one.date - START).days <= until])


@settings(max_examples=30, deadline=None)
@given(SHAPES, EVENTS, st.sampled_from([0.25, 8.0, 1024.0]), st.sampled_from(list(Method)))
def test_money_in_another_unit_gives_the_same_verdicts(
    name: str, events: list[tuple[int, int, float]], unit: float, method: Method
) -> None:
    costs = with_events(name, events) * 100
    usual, scaled = found(costs, method=method, floor=0), found(costs * unit, method=method, floor=0)
    assert [(one.date, one.kind) for one in scaled] == [(one.date, one.kind) for one in usual]
    assert [one.score for one in scaled] == pytest.approx([one.score for one in usual], rel=1e-6)
    assert [one.upper for one in scaled] == pytest.approx([one.upper * unit for one in usual], rel=1e-6)


def test_many_series_at_once_are_judged_as_each_alone() -> None:
    rng = np.random.default_rng(8)
    several = [changed(costs, 150, 151, 4.0)[: rng.integers(20, 365)] for costs in CLEAN.values()]
    starts = [START + timedelta(days=int(rng.integers(0, 400))) for _ in several]
    alone = [find_anomalies([costs], [start])[0] for costs, start in zip(several, starts, strict=True)]
    assert find_anomalies(several, starts) == alone == find_anomalies(several, starts)


def test_no_series_and_the_shortest_series_have_no_anomalies() -> None:
    assert find_anomalies([], []) == []
    assert find_anomalies([np.zeros(0), np.ones(1), np.full(40, np.nan)], [START] * 3) == [[], [], []]


def test_credits_and_odd_figures_do_no_harm() -> None:
    costs = CLEAN["noise"] - 20 * (YEAR % 30 == 3) * 3 - 400 * (YEAR == 250)
    assert 250 in days(found(costs))
    assert found(-CLEAN["noise"]) is not None


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 series need as many first days, got 1"):
        find_anomalies([np.ones(3), np.ones(3)], [START])
    with pytest.raises(ValueError, match="of the same days"):
        find_anomalies([np.ones(3)], [START], requests=[np.ones(4)])


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"sigmas": 1.4}, "sigmas must be between 1.5 and 5, not 1.4"),
        ({"baseline_days": 91}, "the baseline must be 7 to 90 days long, not 91"),
        ({"factor": 1}, "the factor must be more than 1, not 1"),
        ({"floor": -1}, "the floor must be 0 or more, not -1"),
        ({"cooling_days": -1}, "cooling must be 0 days or more, not -1"),
    ],
)
def test_settings_out_of_range_are_refused(chosen: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(Settings(), **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("excess", "border", "severity"),
    [(5, 9, "low"), (-8, 2, "medium"), (20, 2, "high"), (60, 2, "critical"), (60, 1.2, "medium")],
)
def test_severity_grows_with_money_and_certainty(excess: float, border: float, severity: str) -> None:
    assert severity_of(excess, 10, border) == severity
