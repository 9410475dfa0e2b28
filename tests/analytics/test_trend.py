"""Trends: what moves is called so, what only looks like it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.trend import GROWTH_WINDOWS, growth, trends

WEEKEND = [1.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.2]
IDLE_WEEKEND = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
nan = float("nan")


def pattern(days: int = 56, week: list[float] = WEEKEND) -> np.ndarray:
    return 100 * np.resize(week, days)


def noisy(rng: np.random.Generator, count: int, likeness: float, size: float) -> np.ndarray:
    """Series without a trend, with so much of each day's noise carried over to the next."""
    noise = rng.normal(size=(count, 116))
    for day in range(1, noise.shape[1]):
        noise[:, day] = likeness * noise[:, day - 1] + np.sqrt(1 - likeness**2) * noise[:, day]
    return pattern() * np.exp(size * noise[:, 60:])


@pytest.mark.parametrize("week", [WEEKEND, IDLE_WEEKEND, WEEKEND[::-1], [1.0] * 7, [1.0, 0, 0, 0, 0, 0, 0], [0.0] * 7])
@pytest.mark.parametrize("days", [14, 15, 20, 56, 180])
def test_a_weekly_pattern_is_stable(week, days):
    found = trends(pattern(days, week)[None])
    assert found.state.tolist() == ["stable"]
    assert found.slope[0] == pytest.approx(0, abs=1e-9)
    assert found.level[0] == pytest.approx(100 * np.mean(week))


@pytest.mark.parametrize("week", [WEEKEND, IDLE_WEEKEND])
@pytest.mark.parametrize(("daily", "state"), [(0.01, "increasing"), (-0.01, "decreasing"), (0.001, "stable")])
def test_growth_of_a_percent_a_day_has_a_direction_and_of_a_thousandth_has_none(week, daily, state):
    values = pattern(week=week) * (1 + daily) ** np.arange(56)
    found = trends(values[None])
    assert found.state.tolist() == [state]
    assert found.slope[0] == pytest.approx(daily * found.level[0], rel=0.1)
    assert found.lower[0] <= found.slope[0] <= found.upper[0]


def test_a_straight_line_has_its_slope_in_dollars():
    found = trends((100 + 2.0 * np.arange(56))[None])
    assert found.slope[0] == pytest.approx(2, rel=0.02)
    assert found.level[0] == pytest.approx(155)


@pytest.mark.parametrize("day", [0, 30, 50, 55])
@pytest.mark.parametrize("times", [10, 1000])
def test_one_spike_does_not_make_a_trend_and_hides_none(day, times):
    rng = np.random.default_rng(day)
    flat = pattern() * (1 + 0.05 * rng.normal(size=56))
    rising = flat * 1.01 ** np.arange(56)
    for values in (flat, rising):
        values[day] *= times
    found = trends(np.array([flat, rising]))
    assert found.state.tolist() == ["stable", "increasing"]
    assert found.level[0] == pytest.approx(100 * np.mean(WEEKEND), rel=0.1)


@pytest.mark.parametrize("likeness", [0, 0.3, 0.6, 0.8])
@pytest.mark.parametrize("size", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("days", [14, 21, 28, 56])
def test_noise_alone_is_stable_in_nine_of_ten_cases(likeness, size, days):
    values = noisy(np.random.default_rng(11), 1000, likeness, size)
    found = trends(values[:, -days:])
    assert (found.state == "stable").mean() >= 0.90


def test_noise_that_carries_over_widens_the_interval():
    rng = np.random.default_rng(3)
    found = [trends(noisy(rng, 500, likeness, 0.3)) for likeness in (0, 0.7)]
    narrow, wide = (np.median(each.upper - each.lower) for each in found)
    assert wide > 1.6 * narrow


def test_the_interval_holds_the_true_slope_as_often_as_it_says():
    rng = np.random.default_rng(5)
    values = (100 + np.arange(56)) * np.exp(0.2 * rng.normal(size=(2000, 56)))
    found = trends(values)
    true = np.exp(0.2**2 / 2)  # of the mean, about which noise of this kind lies
    held = (found.lower <= true) & (true <= found.upper)
    assert 0.92 <= held.mean() <= 0.99


def test_unknown_days_at_the_end_change_little_until_nothing_is_recent():
    values = np.tile(pattern() * 1.01 ** np.arange(56), (4, 1))
    for row, missing in enumerate((0, 1, 6, 7)):
        values[row, 56 - missing :] = nan
    found = trends(values)
    assert found.state.tolist() == ["increasing"] * 3 + [""]
    assert np.isnan([found.slope[3], found.lower[3], found.upper[3], found.level[3]]).all()
    assert found.slope[2] == pytest.approx(found.slope[0], rel=0.1)


def test_under_two_weeks_of_known_days_there_is_no_trend():
    values = np.full((2, 56), nan)
    values[0, -13:] = values[1, -14:] = 5
    assert trends(values).state.tolist() == ["", "stable"]
    assert trends(np.ones((1, 13))).state.tolist() == [""]


def test_weekdays_that_cost_next_to_nothing_do_not_vote():
    week = np.resize([100, 100, 100, 0.1, 0.1, 0.1, 0.1], 56)
    found = trends(np.where(week > 1, week, week * 1.05 ** np.arange(56))[None])
    assert found.state.tolist() == ["stable"]
    assert found.slope[0] == 0


def test_credits_that_grow_are_decreasing_spend():
    found = trends((-pattern() * 1.01 ** np.arange(56))[None])
    assert found.state.tolist() == ["decreasing"]
    assert found.slope[0] < 0 > found.level[0]


def test_two_weeks_cant_bound_a_slope_of_days_that_are_alike():
    found = trends((100 * 1.01 ** np.arange(14) + pattern(14))[None])
    assert np.isnan([found.lower[0], found.upper[0]]).all()
    assert found.state.tolist() == ["stable"]


def test_no_series_and_no_matrix():
    assert trends(np.empty((0, 56))).state.tolist() == []
    with pytest.raises(ValueError, match="a matrix of series by days, not 1 dimensions"):
        trends(np.ones(56))


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6))
def test_money_has_no_unit_and_series_know_nothing_of_each_other(seed, unit):
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.5, 10, (3, 70)) * (rng.random((3, 70)) < 0.8)
    values[rng.random((3, 70)) < 0.1] = nan
    alone, together, scaled = trends(values[:1]), trends(values), trends(values * unit)
    assert together.state.tolist() == scaled.state.tolist()
    np.testing.assert_array_equal(together.slope[:1], alone.slope)
    np.testing.assert_allclose(scaled.slope, together.slope * unit, rtol=1e-6, atol=1e-9 * unit)


def test_growth_compares_equal_windows():
    values = np.concatenate([np.full(90, 1.0), np.full(60, 2.0), np.full(23, 3.0), np.full(7, 6.0)])
    [found] = growth(values[None])
    expected = [1.0, (23 * 3 + 42) / 60 - 1, (23 * 3 + 42 + 120) / 90 - 1]
    assert found.tolist() == pytest.approx(expected)


def test_growth_is_absent_without_a_full_earlier_window_or_after_zero():
    days = np.ones((6, 200))
    days[0, :-14] = nan  # just two weeks
    days[1, :-13] = nan
    days[2, -60:-30] = 0  # nothing in the thirty days before the last
    days[3, -10] = nan  # a gap
    days[4, :-179] = nan
    days[5, -14:-7] = -1  # credits
    known = ~np.isnan(growth(days))
    assert known.tolist() == [
        [True, False, False],
        [False, False, False],
        [True, False, True],
        [False, False, False],
        [True, True, False],
        [False, True, True],
    ]
    assert len(GROWTH_WINDOWS) == 3


def test_growth_ends_with_the_last_known_day_if_that_is_recent():
    days = np.ones((3, 200))
    days[:, -17:-10] = 2
    days[0, -3:] = days[1, -6:] = days[2, -7:] = nan
    found = growth(days)[:, 0]
    assert found[0] == pytest.approx((7 / (7 * 2)) - 1)
    assert found[1] == pytest.approx((3 * 2 + 4) / (4 * 2 + 3) - 1)
    assert np.isnan(found[2])
