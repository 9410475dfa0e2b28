"""A budget's outlook: the books and the forecast together, whatever zone the period's borders lie in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.budget import exhaustion
from exporter.analytics.budget_path import Path, outlook_along, whole_days
from exporter.domain import Period

MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
BERLIN = Period(datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)
TODAY = NOON.date()
TEN = Decimal(10)


def seen(amount: object, first: date, end: date) -> dict[date, Decimal]:
    return {first + timedelta(n): Decimal(str(amount)) for n in range((end - first).days)}


def path(days: int, first: date = TODAY, **more) -> Path:
    return Path(first, (TEN,) * days, **more)


def test_what_is_spent_and_what_is_expected_add_up():
    books = seen(7, date(2026, 3, 1), TODAY)
    found = outlook_along(path(21, down=Decimal(50), up=Decimal(80)), books, MARCH, NOON)
    assert (found.total, found.lower, found.upper) == (70 + 210, 70 + 160, 70 + 290)
    assert found.daily == (TEN,) * 21


@pytest.mark.parametrize(("today", "counts"), [(4, 10), (10, 10), (25, 25)])
def test_today_is_the_larger_of_seen_and_expected(today, counts):
    found = outlook_along(path(21), {TODAY: Decimal(today)}, MARCH, NOON)
    assert found.total == counts + 200
    assert found.daily[0] == counts


def test_the_range_never_begins_below_what_is_spent():
    found = outlook_along(path(21, down=Decimal(500)), {date(2026, 3, 1): Decimal(300)}, MARCH, NOON)
    assert found.lower == 300


def test_a_forecast_of_yesterday_takes_yesterday_from_the_books():
    yesterday = TODAY - timedelta(1)
    found = outlook_along(path(22, yesterday), {yesterday: Decimal(1)}, MARCH, NOON)
    assert found.total == 1 + 210
    assert len(found.daily) == 21


def test_days_a_provider_is_late_with_count_as_expected_and_fall_due_today():
    first = TODAY - timedelta(2)
    books = seen(10, date(2026, 3, 1), first) | {first: Decimal(3), TODAY - timedelta(1): Decimal(14)}
    found = outlook_along(path(23, first, late=2), books, MARCH, NOON)
    assert found.total == 80 + 10 + 14 + 210
    assert found.daily[0] == 10 + 7


def test_border_days_are_cut_in_proportion():
    now = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    found = outlook_along(path(32, now.date()), {}, BERLIN, now)
    assert found.total == TEN / 24 + 300 + TEN * 22 / 24
    assert found.daily[0] == TEN / 24
    assert found.daily[-1] == TEN
    assert whole_days(BERLIN) == (date(2026, 2, 28), date(2026, 4, 1))
    assert whole_days(MARCH) == (date(2026, 3, 1), date(2026, 4, 1))


@pytest.mark.parametrize(("limit", "ends"), [
    ("100", datetime(2026, 3, 10, tzinfo=UTC)),  # it did, on a day that is over
    ("103", NOON),  # this morning, by the forecast; seen is nothing of it yet
    ("107.5", datetime(2026, 3, 11, 18, tzinfo=UTC)),
    ("115", datetime(2026, 3, 12, 12, tzinfo=UTC)),
    ("309", datetime(2026, 3, 31, 21, 36, tzinfo=UTC)),  # of a day that is whole: at its own pace
    ("310", None),  # the period is over two hours before that day is
])  # fmt: skip
def test_the_money_runs_out_along_the_path(limit, ends):
    books = seen(10, date(2026, 3, 1), TODAY)
    found = outlook_along(path(21), books, BERLIN, NOON)
    assert exhaustion(books, Decimal(limit), BERLIN, NOON, None, found) == ends


cents = st.decimals(0, 1000, places=2)


@given(
    st.lists(cents, min_size=11, max_size=11),
    st.lists(cents, min_size=40, max_size=40),
    st.integers(0, 8),
    st.sampled_from([MARCH, BERLIN]),
)
def test_never_below_what_is_spent_and_never_inside_out(spent, expected, late, period):
    books = dict(zip(seen(0, date(2026, 3, 1), TODAY + timedelta(1)), spent, strict=True))
    whole = Path(TODAY - timedelta(late), tuple(expected), late, Decimal(100), Decimal(100))
    found = outlook_along(whole, books, period, NOON)
    assert found.lower is not None
    assert found.upper is not None
    assert sum(spent) <= found.lower <= found.total <= found.upper
    more = {**books, TODAY: books[TODAY] + 5}
    assert found.total <= outlook_along(whole, more, period, NOON).total <= found.total + 5
    assert outlook_along(replace(whole, late=0, first_day=TODAY), books, period, NOON).total >= sum(spent)
