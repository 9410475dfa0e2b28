"""How an incident goes on: by weekdays, from what was before it."""

from __future__ import annotations

import numpy as np
import pytest

from exporter.analytics.anomaly.course import excesses

WEEK = [10.0, 10, 10, 10, 10, 1, 1]


def test_each_day_is_compared_with_its_weekday():
    before = np.array(WEEK * 8)
    days = np.array([20.0, 20, 20, 20, 20, 2, 2, 20])
    np.testing.assert_allclose(excesses(before, days, 10), [10, 10, 10, 10, 10, 1, 1, 10])


@pytest.mark.parametrize("place", range(7))
def test_it_may_begin_on_any_weekday(place):
    usual = np.array(WEEK * 9)
    before, days = usual[: 56 + place], usual[56 + place :]
    np.testing.assert_allclose(excesses(before, days, WEEK[place]), 0, atol=1e-12)


def test_with_little_before_it_every_day_is_compared_with_the_first():
    np.testing.assert_allclose(excesses(np.array([]), np.array([3.0, 4]), 1), [2, 3])
    np.testing.assert_allclose(excesses(np.zeros(30), np.array([3.0, 4]), 1), [2, 3])


def test_unknown_days_stay_unknown():
    before, days = np.array([*WEEK, *[np.nan] * 7] * 4), np.array([20.0, np.nan, 20])
    np.testing.assert_allclose(excesses(before, days, 10), [10, np.nan, 10])
