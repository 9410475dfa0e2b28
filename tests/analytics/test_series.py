"""From dated amounts to one value per day, and how restless a series is."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from exporter.analytics.series import daily, filled, from_rows, volatility, weekly_change


def test_days_without_rows_are_zero():
    series = from_rows(["2025-01-01", "2025-01-04"], [1, "2.5"])
    assert series.start == date(2025, 1, 1)
    assert series.values.tolist() == [1, 0, 0, 2.5]


def test_hours_and_repeated_days_are_summed_in_any_order():
    rows = [("2025-01-02T00", 1), ("2025-01-01T23", 2), ("2025-01-01 05:30", 3), ("2025-01-02", 4)]
    assert from_rows(*zip(*rows, strict=True)).values.tolist() == [5, 5]


def hourly(first: int, last: int, days: int = 7) -> list[str]:
    """Every hour of so many days, from an hour of the first to one of the last."""
    hours = [f"2025-01-{1 + at // 24:02}T{at % 24:02}" for at in range(24 * days)]
    return hours[first : len(hours) - 23 + last]


def test_an_hourly_day_that_is_cut_short_is_unknown():
    whole = hourly(0, 23)
    assert from_rows(whole, [1] * len(whole)).values.tolist() == [24] * 7
    part = hourly(5, 11)
    values = from_rows(part, [1] * len(part)).values
    assert values[1:-1].tolist() == [24] * 5
    assert np.isnan(values[[0, -1]]).all()


def test_hours_that_never_fill_days_say_nothing_about_the_last():
    office = [when for when in hourly(0, 11) if 8 <= int(when[-2:]) < 18]
    assert from_rows(office, [1] * len(office)).values.tolist() == [10] * 6 + [4]


def test_leap_day():
    assert len(from_rows(["2024-02-28", "2024-03-01"], [1, 1]).values) == 3
    assert len(from_rows(["2025-02-28", "2025-03-01"], [1, 1]).values) == 2


@pytest.mark.parametrize("missing", [None, "", " "])
def test_an_empty_amount_makes_its_day_unknown(missing):
    series = from_rows(["2025-01-01T00", "2025-01-01T01", "2025-01-02"], [5, missing, 1])
    assert math.isnan(series.values[0])
    assert series.values[1] == 1


@pytest.mark.parametrize(
    "when", ["2025-02-30", "2025-1-1", "01/02/2025", "2025-01-01T24", "", "²025-01-01", None, 20250101]
)
def test_a_date_that_is_none_is_named(when):
    with pytest.raises(ValueError, match=r"^row 2: .* is no date like 2025-01-31 or 2025-01-31T23$"):
        from_rows(["2025-01-01", when], [1, 1])


@pytest.mark.parametrize("cost", ["x", "nan", "inf", math.inf, True, [1], 10**400])
def test_an_amount_that_is_none_is_named(cost):
    with pytest.raises(ValueError, match=r"^row 1: .* is no amount$"):
        from_rows(["2025-01-01"], [cost])


def test_no_days_and_impossible_spans_are_refused():
    with pytest.raises(ValueError, match="there are no days"):
        daily({})
    with pytest.raises(ValueError, match="too far apart"):
        from_rows(["0025-01-01", "2025-01-01"], [1, 1])


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ([100, 100, 100], "calm"),
        ([100, 109, 100], "calm"),
        ([100, 125, 100], "medium"),
        ([100, 200, 100], "wild"),
        ([0, 0, 0, 0], "calm"),
        ([0, 100, 0, 100], "wild"),
        ([100], "medium"),
    ],
)
def test_volatility_is_the_change_from_week_to_week(weeks, expected):
    values = np.repeat(np.array(weeks, dtype=float) / 7, 7)
    assert volatility(values) == expected
    assert volatility(values * 1e-9) == expected


def test_a_weekly_pattern_is_calm():
    assert weekly_change(np.tile([5.0, 5, 5, 5, 5, 0, 0], 9)[3:]) == pytest.approx(0)


def test_one_week_after_an_idle_one_does_not_decide():
    values = np.repeat([1.0] * 30 + [1e-9] + [1.0] * 30, 7)
    assert volatility(values) == "calm"


def test_unknown_days_get_the_mean_around_them():
    values = np.array([2.0, math.nan, 4, 100])
    assert filled(values).tolist() == [2, pytest.approx(106 / 3), 4, 100]
    assert filled(np.full(3, math.nan)).tolist() == [0, 0, 0]
    known = np.ones(3)
    assert filled(known) is known
