"""Projections: stretches of days, part spent and part expected."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.projection import history_of, projection, quarter, stretch

START = date(2026, 1, 1)
amounts = st.lists(st.floats(0, 1e6), min_size=1, max_size=120)


@given(amounts, st.integers(0, 20), st.sampled_from(["month_end", "quarter_end", "30d", "60d"]))
def test_spent_and_expected_add_up_and_the_days_are_the_targets(values, gap, horizon):
    today = START + timedelta(len(values) + gap)
    history = history_of(np.array([*values, *[np.nan] * gap]), START, today)
    assert history is not None
    made = projection(history, *stretch(horizon, today))
    assert len(made.daily) == len(made.daily_lower) == len(made.daily_upper) == (made.until - today).days
    assert made.total == pytest.approx(made.spent + made.daily.sum(), abs=1e-6)
    assert made.lower <= made.total + 1e-9
    assert made.total <= made.upper + 1e-9
    since = max((made.since - START).days, 0)
    assert made.spent >= sum(values[since:]) - 1e-6
    if horizon[0].isdigit():
        assert made.spent == 0


def test_no_bound_lies_below_what_is_spent_not_even_by_rounding():
    values = np.concatenate([np.full(31, 10.0), np.zeros(9)])
    history = history_of(values, START, today := START + timedelta(40))
    assert history is not None
    for horizon in ("month_end", "quarter_end", "30d", "60d", "90d"):
        made = projection(history, *stretch(horizon, today))
        assert made.lower >= made.spent


def test_nothing_from_today_on_matters():
    values = np.full(40, 5.0)
    longer = np.concatenate([values, [1e6] * 5])
    today = START + timedelta(40)
    one, other = history_of(values, START, today), history_of(longer, START, today)
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.values, other.values)


def test_no_known_day_is_no_history():
    assert history_of(np.array([np.nan, np.nan]), START, START + timedelta(2)) is None
    assert history_of(np.ones(5), START, START) is None
    assert history_of(np.ones(5), START, START - timedelta(3)) is None


def test_the_naive_projection_carries_the_last_thirty_days_on():
    values = np.concatenate([np.full(40, 100.0), np.full(30, 2.0)])
    today = START + timedelta(70)  # the 12th of March
    history = history_of(values, START, today)
    assert history is not None
    assert projection(history, *stretch("30d", today)).naive == pytest.approx(60)
    assert projection(history, *stretch("month_end", today)).naive == pytest.approx(62)


def test_a_month_that_ended_unanswered_is_no_part_of_the_next():
    history = history_of(np.full(58, 3.0), START, date(2026, 3, 3))  # known to the 27th of February
    assert history is not None
    made = projection(history, *stretch("month_end", date(2026, 3, 3)))
    assert made.spent == pytest.approx(2 * 3, rel=0.05)
    assert made.total == pytest.approx(31 * 3, rel=0.05)
    assert made.naive == pytest.approx(31 * 3)


@pytest.mark.parametrize(("day", "first", "end"), [
    (date(2026, 1, 1), date(2026, 1, 1), date(2026, 4, 1)),
    (date(2026, 6, 30), date(2026, 4, 1), date(2026, 7, 1)),
    (date(2026, 9, 15), date(2026, 7, 1), date(2026, 10, 1)),
    (date(2026, 12, 31), date(2026, 10, 1), date(2027, 1, 1)),
])  # fmt: skip
def test_quarters(day, first, end):
    assert quarter(day) == (first, end)
