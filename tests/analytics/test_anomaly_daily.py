"""Dates and costs as people write them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from exporter.analytics.anomaly.daily import rows_of


def hours(day: str, first: int, last: int) -> list[str]:
    return [f"{day}T{hour:02}" for hour in range(first, last + 1)]


def test_rows_of_a_day_are_added_up_in_any_order_and_gaps_are_zero() -> None:
    start, costs, requests = rows_of(["2025-01-04", "2025-01-01", "2025-01-04"], [1, 2.5, "3"]).daily()
    assert start == date(2025, 1, 1)
    assert costs.tolist() == [2.5, 0, 0, 4]
    assert np.isnan(requests).all()


def test_an_unknown_cost_makes_its_day_unknown() -> None:
    _, costs, _ = rows_of(["2025-01-01", "2025-01-02", "2025-01-02"], [None, 1, ""]).daily()
    assert np.isnan(costs).all()


def test_hours_are_summed_and_an_unfinished_last_day_is_left_out() -> None:
    dates = hours("2025-01-01", 0, 23) + hours("2025-01-02", 0, 23) + hours("2025-01-03", 0, 11)
    start, costs, _ = rows_of(dates, [1] * len(dates)).daily()
    assert (start, costs.tolist()) == (date(2025, 1, 1), [24, 24])


def test_hours_may_have_minutes_and_a_zone() -> None:
    _, costs, _ = rows_of(["2025-01-01T22:00:00Z", "2025-01-01 23:30"], [1, 2]).daily()
    assert costs.tolist() == [3]


def test_requests_are_summed_like_costs() -> None:
    _, _, requests = rows_of(["2025-01-01", "2025-01-01"], [1, 1], [10, 5]).daily()
    assert requests.tolist() == [15]


@pytest.mark.parametrize(
    ("dates", "costs", "sentence"),
    [
        ([], [], "there is no day"),
        (["2025-02-30"], [1], r"'2025-02-30' is neither a day \(2025-01-31\) nor an hour"),
        (["yesterday"], [1], "'yesterday' is neither a day"),
        ([20250101], [1], "a date must be a text, not 20250101"),
        (["2025-01-01"], ["much"], "cost 'much' is not a number"),
        (["2025-01-01"], [True], "cost 'True' is not a number"),
        (["2025-01-01"], ["inf"], "cost 'inf' is not a number"),
        (["2025-01-01"], [10**400], "cost '1000.*' is not a number"),
        (["2025-01-01"], [1, 2], "1 dates need as many costs and requests, got 2 and 1"),
        (["0001-01-01", "9999-01-01"], [1, 1], "the days lie more than 100 years apart"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(dates: list[object], costs: list[object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        rows_of(dates, costs).daily()
