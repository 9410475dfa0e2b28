"""Reading values out of replies: exact, strict, scrubbed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain import DAY, HOUR, Period
from exporter.providers.pacing import Budget, backoff, retry_after
from exporter.providers.replies import (
    bucket,
    count,
    decode,
    epoch,
    from_cents,
    moment,
    moment_of_epoch,
    number,
    scrub,
    tags,
    text,
)

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=25))
def test_cents_become_dollars_without_rounding(cents):
    assert from_cents(str(cents)) * 100 == cents or len(cents.as_tuple().digits) > 28
    assert from_cents(str(cents)).as_tuple().digits == cents.as_tuple().digits


def test_cents_of_any_kind():
    assert from_cents("49.650000") == Decimal("0.4965")
    assert from_cents(88) == Decimal("0.88")
    assert from_cents("-123.45") == Decimal("-1.2345")
    assert str(from_cents("0.1234567890123456789012345678901234567")) == "0.001234567890123456789012345678901234567"


@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, "", "one", "NaN", "Infinity", "1e31", "1e-300", "1e999999"])
def test_what_is_no_number_raises(value):
    with pytest.raises((TypeError, ValueError, ArithmeticError)):
        number(value)


def test_a_count_is_never_negative_and_null_is_none():
    assert (count(None), count(3), count("4"), count(Decimal("5.0"))) == (0, 3, 4, 5)
    with pytest.raises(ValueError, match="negative"):
        count(-1)


def test_text_is_what_postgres_can_store():
    assert [text(value) for value in (None, "a", 5, True, "é")] == ["", "a", "5", "true", "é"]
    assert text(decode(rb'"a\u0000b\ud800c"')) == "ab?c"
    with pytest.raises(TypeError):
        text(["a"])


def test_tags_are_sorted_and_leave_nulls_out():
    assert tags(("b", 1), ("a", "x"), ("c", None)) == (("a", "x"), ("b", "1"))


def test_moments_are_utc():
    assert moment("2026-11-18T14:00:00+02:00") == NOON == moment_of_epoch(int(epoch(NOON)))
    with pytest.raises(ValueError, match="no time zone"):
        moment("2026-11-18T14:00:00")
    with pytest.raises(OverflowError):
        moment_of_epoch(10**25)


def test_a_filling_bucket_keeps_its_full_width():
    day = Period(NOON - timedelta(hours=12), NOON + timedelta(hours=12))
    assert bucket(day.start, NOON, DAY, day) == day
    for start, end, width, words in (
        (NOON + timedelta(minutes=5), NOON + HOUR, HOUR, "no bucket"),
        (NOON, NOON + DAY, HOUR, "no bucket"),
        (NOON, NOON, HOUR, "no bucket"),
        (day.end, day.end + HOUR, HOUR, "outside the window"),
    ):
        with pytest.raises(ValueError, match=words):
            bucket(start, end, width, day)


def test_scrubs_keys_addresses_and_length():
    assert scrub("sk-admin-AbCdEfGhIjKlMnOp by a.b+c@mail.example.com", ["c@mail"]) == "*** by a.b+***.example.com"
    assert scrub("hunter22 dev@example.com", ["hunter22"]) == "*** ***@***"
    assert len(scrub("a" * 100_000)) == 2000


def test_retry_after_in_either_form():
    for value, expected in (
        ("120", timedelta(minutes=2)),
        ("Wed, 18 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Wed, 18 Nov 2026 12:01:00 -0000", timedelta(minutes=1)),
        ("Wed, 18 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("later", None),
    ):
        assert retry_after({"retry-after": value}, NOON) == expected
    assert retry_after({}, NOON) is None


def test_a_date_is_measured_by_the_provider_s_own_clock():
    headers = {"retry-after": "Fri, 20 Nov 2026 09:00:30 GMT", "date": "Fri, 20 Nov 2026 09:00:00 GMT"}
    assert retry_after(headers, NOON) == timedelta(seconds=30)


def test_backoff_doubles_up_to_a_minute():
    assert [backoff(attempt, 1.0) for attempt in (1, 2, 3, 9)] == [1, 2, 4, 60]
    assert backoff(3, 0.0) == 0


def test_the_budget_refills():
    budget = Budget(per_minute=60, at=0.0)
    assert [budget.reserve(0.0) for _ in range(32)] == [0.0] * 30 + [1.0, 2.0]
    assert budget.reserve(100.0) == 0.0
