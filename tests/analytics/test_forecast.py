"""The forecast on shapes whose answer is known, and what holds for every series."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.analytics.forecast import BASELINES, METHODS, Forecast, forecast

START = date(2024, 1, 1)
RANDOM = np.random.default_rng(5)
NOISY = RANDOM.lognormal(3, 0.3, 200)
WEEK = np.array([5.0, 5, 5, 5, 5, 1, 0])


def check(made: Forecast, horizon: int) -> None:
    """What holds for every forecast."""
    parts = (made.daily, made.lower, made.upper)
    assert all(len(part) == horizon and np.isfinite(part).all() for part in parts)
    assert (made.lower <= made.daily).all()
    assert (made.daily <= made.upper).all()
    assert made.total_lower <= made.total <= made.total_upper
    assert made.total == pytest.approx(made.daily.sum(), rel=1e-9, abs=1e-12 * np.abs(made.daily).sum() + 1e-300)
    assert made.method
    assert made.volatility in {"calm", "medium", "wild"}


def total(values: np.ndarray, horizon: int = 30) -> float:
    made = forecast(values, horizon, start=START)
    check(made, horizon)
    return made.total


def test_flat():
    made = forecast(np.full(90, 5.0), 30)
    check(made, 30)
    assert made.total == pytest.approx(150, rel=0.001)
    assert made.total_upper - made.total_lower < 0.15 * made.total
    assert made.volatility == "calm"


def test_weekly_pattern_goes_on_from_the_right_day():
    for cut in range(7):
        history = np.tile(WEEK, 20)[: 140 - cut]
        expected = np.tile(WEEK, 30)[140 - cut :][:28]
        made = forecast(history, 28)
        assert made.daily == pytest.approx(expected, abs=0.6)
        assert made.total == pytest.approx(expected.sum(), rel=0.02)


def test_a_ramp_goes_on_but_flattens():
    ramp = np.arange(1.0, 201)
    assert total(np.full(200, 200.0)) < total(ramp) < (200 + np.arange(1, 31)).sum() * 1.05


def test_a_step_is_believed_within_weeks():
    stepped = np.concatenate([np.full(100, 10.0), np.full(21, 30.0)])
    assert total(stepped) == pytest.approx(900, rel=0.1)


def test_one_spike_is_not_repeated():
    spiked = np.full(120, 10.0)
    spiked[-5] = 200
    assert total(spiked) == pytest.approx(300, rel=0.2)
    assert np.mean(spiked[-30:]) * 30 > 450  # what "at this rate" says


def test_no_spend_at_all():
    made = forecast(np.zeros(50), 30)
    assert (made.total, made.total_lower, made.total_upper) == (0, 0, 0)
    assert made.method == "no spend so far"


def test_spend_that_stopped_stays_stopped():
    assert total(np.concatenate([np.full(80, 10.0), np.zeros(35)])) < 0.02 * 300


def test_idle_days_before_the_first_spend_are_no_history():
    late = np.concatenate([np.zeros(100), np.full(5, 3.0)])
    made = forecast(late, 30)
    assert made.method == "simple projection from 5 days (new series)"
    assert made.total == forecast(np.full(5, 3.0), 30).total


def test_intermittent_keeps_its_mean():
    runs = np.where(np.arange(200) % 9 == 4, 90.0, 0.0)
    made = forecast(runs, 30)
    check(made, 30)
    assert made.total == pytest.approx(300, rel=0.3)
    assert made.lower.min() == 0


@pytest.mark.parametrize("days", [1, 2, 6, 13])
def test_a_brand_new_series_says_so_and_is_wide(days):
    made = forecast(np.full(days, 10.0), 30)
    check(made, 30)
    assert made.method.startswith("simple projection from")
    assert made.total == pytest.approx(300, rel=0.05)
    assert made.total_upper - made.total_lower > 0.8 * made.total


def test_the_band_narrows_as_history_grows():
    widths = [(made := forecast(NOISY[:days], 30)).total_upper / made.total_lower for days in (3, 20, 200)]
    assert widths == sorted(widths, reverse=True)


def test_unknown_days_are_not_zeros():
    values = np.tile(WEEK, 12)
    gap = values.copy()
    gap[60:67] = math.nan
    assert total(gap) == pytest.approx(total(values), rel=0.02)
    gap[60:67] = 0
    assert total(gap) < total(values) * 0.999
    assert forecast(np.array([math.nan, math.nan, 4.0]), 3).total == pytest.approx(12, rel=0.1)


def test_credits_may_take_it_below_zero_and_spend_may_not():
    made = forecast(np.full(60, -2.0), 30)
    check(made, 30)
    assert made.total == pytest.approx(-60, rel=0.01)
    assert made.total_lower < -60
    refunded = np.full(90, 10.0)
    refunded[50] = -300
    assert total(refunded) == pytest.approx(300, rel=0.1)
    assert forecast(RANDOM.lognormal(0, 3, 100), 30).lower.min() >= 0


def test_a_monthly_invoice_is_put_on_its_day():
    days = [START + timedelta(days=day) for day in range(300)]
    made = forecast(np.array([500.0 if day.day == 1 else 10.0 for day in days]), 60, start=START)
    check(made, 60)
    ahead = [START + timedelta(days=300 + day) for day in range(60)]
    invoices = [amount for day, amount in zip(ahead, made.daily, strict=True) if day.day == 1]
    assert invoices == pytest.approx([500.0] * len(invoices), rel=0.05)
    assert len(invoices) == 2
    others = [amount for day, amount in zip(ahead, made.daily, strict=True) if day.day != 1]
    assert others == pytest.approx([10.0] * len(others), rel=0.05)
    assert made.method.endswith("monthly bookings")


def test_the_last_day_of_a_month_is_found_whatever_its_number():
    days = [START + timedelta(days=day) for day in range(180)]
    ends = [100.0 if (day + timedelta(days=1)).day == 1 else 2.0 for day in days]
    made = forecast(np.array(ends), 31, start=START)
    ahead = [START + timedelta(days=180 + day) for day in range(31)]
    assert [day.day for day, amount in zip(ahead, made.daily, strict=True) if amount > 50] == [30]


def test_weekly_batches_are_no_monthly_bookings():
    made = forecast(np.where(np.arange(200) % 7 == 2, 50.0, 1.0), 30, start=START)
    assert "monthly" not in made.method


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1e9, 1e300])
def test_amounts_of_any_size(size):
    made, plain = forecast(NOISY / 100 * size, 30), forecast(NOISY / 100, 30)
    assert made.daily / size == pytest.approx(plain.daily, rel=1e-6)
    assert made.total_upper / size == pytest.approx(plain.total_upper, rel=1e-6)


@pytest.mark.parametrize("horizon", [1, 7, 31, 90, 365, 1000])
def test_any_horizon(horizon):
    check(forecast(NOISY, horizon, start=START), horizon)


@pytest.mark.parametrize("horizon", [0, -1, 3_661])
def test_a_horizon_that_is_none_is_refused(horizon):
    with pytest.raises(ValueError, match="the horizon must be 1 to 3660 days"):
        forecast(NOISY, horizon)


@pytest.mark.parametrize("values", [[], [math.nan], [[1.0]]])
def test_no_history_is_refused(values):
    with pytest.raises(ValueError, match="there is no day to forecast from"):
        forecast(np.array(values, dtype=float), 3)


def test_infinite_amounts_are_refused():
    with pytest.raises(ValueError, match="infinite"):
        forecast(np.array([1.0, math.inf]), 3)


def test_the_history_is_left_as_it_was_and_the_future_does_not_matter():
    known = np.concatenate([NOISY, np.full(30, 1e6)])
    before = known.copy()
    made = forecast(known[:200], 30, start=START)
    assert (known == before).all()
    known[200:] = 0
    again = forecast(known[:200], 30, start=START)
    assert (made.daily == again.daily).all()
    assert (made.total_lower, made.total_upper) == (again.total_lower, again.total_upper)


def test_longer_horizons_are_less_sure():
    widths = [(made := forecast(NOISY, days)).total_upper / made.total for days in (30, 90, 365)]
    assert widths == sorted(widths)


amounts = st.one_of(st.just(0.0), st.just(math.nan), st.floats(-1e6, 1e6), st.floats(0, 100))


@settings(max_examples=150, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=130), st.integers(1, 95))
def test_whatever_comes_in_what_goes_out_is_sound(values, horizon):
    history = np.array(values)
    if np.isnan(history).all():
        return
    check(forecast(history, horizon, start=START), horizon)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_contract(name):
    for days in (1, 2, 40, 200):
        check(METHODS[name](NOISY[:days], 30, start=START), 30)


def test_baselines_say_what_their_name_says():
    ramp = np.arange(1.0, 101)
    ahead = {name: method(ramp, 3).daily for name, method in BASELINES.items()}
    assert ahead["last value"].tolist() == [100, 100, 100]
    assert ahead["mean of 30 days"].tolist() == [85.5] * 3
    assert ahead["linear regression"] == pytest.approx([101, 102, 103])
    assert ahead["seasonal naive"].tolist() == [94, 95, 96]
    with pytest.raises(ValueError, match="no day"):
        BASELINES["last value"](np.zeros(0), 3)


def test_the_straight_line_is_that_of_scikit_learn():
    from sklearn.linear_model import LinearRegression

    days = np.arange(len(NOISY) + 30)[:, None]
    theirs = LinearRegression().fit(days[:-30], NOISY).predict(days[-30:])
    assert BASELINES["linear regression"](NOISY, 30).daily == pytest.approx(theirs)


@pytest.mark.parametrize("days", [1, 3, 7, 13])
def test_a_brand_new_flat_series_goes_on_as_it_is(days):
    assert forecast(np.full(days, 10.0), 30).total == pytest.approx(300, rel=0.005)
