"""Nowcasts of days whose answer is known, and what holds for every day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.analytics.nowcast import AGES, Expectation, Profile, complete, expectation, learnt, of_hours
from exporter.domain import DAY

MONDAY = date(2026, 3, 2)
RANDOM = np.random.default_rng(3)
OFFICE = np.array([0.2] * 7 + [1.0, 2, 2, 2, 2, 2, 2, 2, 2, 1] + [0.3] * 7)
USUAL = Expectation(100.0, 0.15, 2.0)


def dates(count: int, first: date = MONDAY) -> list[date]:
    return [first + place * DAY for place in range(count)]


def arriving(finals: np.ndarray, noise: float = 0.2) -> np.ndarray:
    """What was seen at each age of days that fill up in office hours."""
    parts = OFFICE * RANDOM.lognormal(0, noise, (len(finals), 24))
    parts /= parts.sum(axis=1, keepdims=True)
    return np.pad(parts.cumsum(axis=1), ((0, 0), (1, AGES - 25)), mode="edge") * finals[:, None] * (np.arange(AGES) > 0)


def test_a_half_filled_day_is_completed_by_how_days_arrive():
    finals = RANDOM.lognormal(np.log(100), 0.1, 35)
    profile = learnt(dates(35), arriving(finals), finals)
    [today] = arriving(np.array([180.0]))
    for age, near in ((12, 0.25), (16, 0.12), (20, 0.05)):
        made = complete(today[age], profile.at(age, MONDAY), expectation(MONDAY, finals, MONDAY + 35 * DAY))
        assert made.expected == pytest.approx(180, rel=near)
        assert made.lower <= 180 <= made.upper
        assert made.completeness == pytest.approx(today[age] / 180, abs=0.08)


def test_the_band_shrinks_to_the_figure_as_the_day_fills_up():
    finals = np.full(35, 100.0)
    profile = learnt(dates(35), arriving(finals), finals)
    [today] = arriving(np.array([100.0]))
    made = [complete(today[age], profile.at(age, MONDAY), USUAL) for age in (2, 10, 14, 18, 22, 24)]
    widths = [one.upper - one.lower for one in made]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 50
    assert made[-1].upper - made[-1].lower < 1e-9
    assert made[-1].expected == pytest.approx(100)
    assert made[-1].completeness == 1


def test_the_band_holds_what_comes_about_as_often_as_it_says():
    days, first = 300, 70
    finals = 100 * RANDOM.lognormal(0, 0.15, days) * np.resize([1.1, 1.1, 1.1, 1.1, 1.1, 0.4, 0.4], days)
    seen = arriving(finals)
    held = []
    for day in range(first, days):
        known = slice(day - 37, day - 2)
        profile = learnt(dates(35, MONDAY + (day - 37) * DAY), seen[known], finals[known])
        expected = expectation(MONDAY, finals[: day - 2], MONDAY + day * DAY)
        for age in (6, 12, 18):
            made = complete(seen[day, age], profile.at(age, MONDAY + day * DAY), expected)
            held.append(made.lower <= finals[day] <= made.upper)
    assert 0.90 <= np.mean(held) <= 0.985


def test_a_spike_is_believed_but_a_late_day_is_no_drop():
    usual = RANDOM.normal(0.4, 0.02, 20)
    spike, late = complete(400.0, usual, USUAL), complete(4.0, usual, USUAL)
    assert spike.expected == pytest.approx(1000, rel=0.1)
    assert late.upper > 4 / 0.4
    hourly = complete(0.0, np.full(20, 0.001), USUAL)
    assert hourly.expected == pytest.approx(100, rel=0.05)
    assert hourly.lower < 80
    assert hourly.upper > 120


@given(
    seen=st.floats(0, 1e9),
    usual=st.lists(st.floats(0, 2), min_size=5, max_size=30),
    expected=st.none() | st.builds(Expectation, st.floats(0.01, 1e9), st.floats(0.05, 9), st.floats(1e-9, 0.01)),
)
@settings(deadline=None)
def test_what_is_seen_is_never_above_what_is_expected(seen, usual, expected):
    made = complete(seen, np.array(usual), expected)
    if made is None:
        assert expected is None
        assert np.median(usual) < 0.05
    else:
        assert made.lower <= made.expected <= made.upper < np.inf
        assert seen <= made.expected
        assert seen <= made.lower * max(1.0, *usual) * (1 + 1e-9)
        assert 0 <= made.completeness <= 1


def test_estimates_that_always_came_down_widen_the_band_downwards_only():
    made = complete(104.0, RANDOM.normal(1.04, 0.003, 20), USUAL)
    assert made.expected == made.upper == 104
    assert 98 < made.lower < 100
    assert made.completeness == 1


def test_too_few_days_say_nothing():
    assert complete(5.0, np.full(4, 0.5), USUAL) is None
    assert complete(5.0, np.full(5, 0.5), USUAL) is not None


def test_nothing_seen_of_an_account_that_never_spends_is_nothing():
    made = complete(0.0, np.full(5, 0.5), None)
    assert (made.expected, made.lower, made.upper) == (0, 0, 0)


def test_hours_nobody_looked_at_do_not_count():
    observed = np.full((3, AGES), np.nan)
    observed[0, [0, 2, 5]] = 0, 10, 30  # every few hours: it stood still between
    observed[1, [0, 20]] = 0, 90  # nobody was there
    observed[2, [0, 20, 21]] = 50, 50, 90  # nothing happened
    shares = learnt(dates(3), observed, np.array([100.0, 100, 100])).shares
    np.testing.assert_array_equal(shares[0, :6], [0, 0, 0.1, 0.1, 0.1, 0.3])
    np.testing.assert_array_equal(shares[1, [6, 7, 19, 20]], [0, np.nan, np.nan, 0.9])
    np.testing.assert_array_equal(shares[2, [1, 10, 19, 21]], [0.5, 0.5, 0.5, 0.9])


def test_a_restated_day_counts_by_what_it_came_to_in_the_end():
    observed = np.full((3, AGES), 60.0)
    shares = learnt(dates(3), observed, np.array([120.0, 50.0, 0.0])).shares
    np.testing.assert_array_equal(shares[:, 30], [0.5, 1.2, np.nan])


def test_between_two_hours_the_share_lies_between():
    profile = Profile(dates(1), np.linspace(0, 1, AGES)[None, :])
    assert profile.at(10.5, MONDAY) == pytest.approx([10.5 / (AGES - 1)])
    assert profile.at(500, MONDAY) == pytest.approx([1])


def test_weekends_arrive_like_weekends_once_there_are_enough():
    saturday = MONDAY + 5 * DAY
    for weeks, expected in ((2, {0.2, 0.6}), (3, {0.6})):
        days = dates(7 * weeks)
        shares = np.array([np.full(AGES, 0.6 if day.weekday() >= 5 else 0.2) for day in days])
        assert set(Profile(days, shares).at(9, saturday)) == expected
        assert set(Profile(days, shares).at(9, MONDAY)) == {0.2}


def test_the_hours_of_usage_stand_in_for_days_nobody_watched():
    hourly = np.tile(OFFICE, (10, 1))
    total = OFFICE.sum()
    profile = of_hours(dates(10), hourly, np.full(10, total))
    for age, share in ((0, 0), (12, OFFICE[:12].sum() / total), (12.5, (OFFICE[:12].sum() + 1) / total), (30, 1)):
        assert set(profile.at(age, MONDAY).round(9)) == {round(share, 9)}
    partly = of_hours(dates(10), hourly, np.full(10, total * 1.1))
    assert set(partly.at(30, MONDAY).round(9)) == {round(1 / 1.1, 9)}


def test_hours_that_are_a_small_part_of_the_bill_say_nothing():
    hourly = np.tile(OFFICE, (10, 1))
    assert len(of_hours(dates(10), hourly, np.full(10, 2 * OFFICE.sum())).at(12, MONDAY)) == 0
    assert len(of_hours(dates(10), np.zeros((10, 24)), np.full(10, 9.0)).at(12, MONDAY)) == 0


WEEK = np.array([100.0, 110, 120, 110, 100, 20, 0])


@pytest.mark.parametrize("ahead", range(1, 8))
def test_a_day_is_expected_to_be_like_its_weekday(ahead):
    values = np.tile(WEEK, 8)
    day = MONDAY + (len(values) + ahead - 1) * DAY
    found = expectation(MONDAY, values, day)
    assert found.usd == pytest.approx(max(WEEK[day.weekday()], found.least), rel=0.01)
    assert found.least < 2.5


def test_a_new_level_and_a_spike():
    grown = np.concatenate([np.tile(WEEK, 6), np.tile(2 * WEEK, 2)])
    assert expectation(MONDAY, grown, MONDAY + 56 * DAY).usd == pytest.approx(200, rel=0.15)
    spiked = np.tile(WEEK, 8)
    spiked[50] *= 20
    assert expectation(MONDAY, spiked, MONDAY + 56 * DAY).usd == pytest.approx(100, rel=0.25)


def test_no_expectation_without_two_weeks_or_without_spend():
    day = MONDAY + 30 * DAY
    assert expectation(MONDAY, np.full(13, 5.0), MONDAY + 13 * DAY) is None
    assert expectation(MONDAY, np.zeros(30), day) is None
    assert expectation(MONDAY, np.full(30, np.nan), day) is None
    gaps = np.where(np.arange(30) % 5 == 0, np.nan, 5.0)
    assert expectation(MONDAY, gaps, day).usd == pytest.approx(5)
