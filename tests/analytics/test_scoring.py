"""Scores of past forecasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.scoring import Score, Scored, score

money = st.one_of(st.just(0.0), st.floats(0.01, 1e6))
rows = st.lists(st.builds(Scored, money, money, money, money, money), min_size=1, max_size=30)


def test_by_hand():
    found = score([Scored(110, 90, 130, 150, 100), Scored(50, 40, 60, 100, 100)])
    assert found == Score(2, pytest.approx(60 / 200), 0.5, pytest.approx(1 - 60 / 50))


def test_no_forecast_is_no_score():
    assert score([]) is None


def test_an_idle_month_divides_nothing_by_zero():
    assert score([Scored(0, 0, 0, 0, 0)]) == Score(1, None, 1.0, None)
    assert score([Scored(5, 1, 9, 0, 0)]) == Score(1, None, 0.0, None)
    both = score([Scored(5, 0, 9, 10, 0), Scored(100, 90, 110, 90, 100)])
    assert both == Score(2, pytest.approx(0.05), 1.0, pytest.approx(0.75))


@given(rows)
def test_a_perfect_forecast(found):
    perfect = score([one._replace(total=one.came, lower=one.came, upper=one.came) for one in found])
    assert perfect is not None
    assert perfect.error in {0, None}
    assert perfect.coverage == 1
    assert perfect.skill in {1, None}


@given(rows)
def test_the_naive_projection_itself_has_no_skill(found):
    naive = score([one._replace(naive=one.total) for one in found])
    assert naive is not None
    assert naive.skill in {0, None}


@given(rows, st.floats(0.001, 1000))
def test_scores_know_no_currency_and_no_order(found, rate):
    one, other = score(found), score([Scored(*(rate * part for part in row)) for row in reversed(found)])
    assert one is not None
    assert other is not None
    assert (one.count, one.coverage) == (other.count, other.coverage)
    for mine, theirs in ((one.error, other.error), (one.skill, other.skill)):
        assert mine is None if theirs is None else mine == pytest.approx(theirs, rel=1e-6, abs=1e-6)


@given(rows)
def test_a_wider_range_never_holds_less(found):
    one = score(found)
    wide = score([row._replace(lower=row.lower - 1, upper=row.upper + 1) for row in found])
    assert one is not None
    assert wide is not None
    assert 0 <= one.coverage <= wide.coverage <= 1
