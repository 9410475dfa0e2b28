from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain import DAY, HOUR, Account, Dimensions, Period, ceil_to, day_of, floor_to, identity

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def test_a_period_is_utc():
    berlin = timezone(timedelta(hours=1))
    with pytest.raises(ValueError, match="needs UTC times"):
        Period(datetime(2026, 1, 1, tzinfo=berlin), datetime(2026, 1, 2, tzinfo=berlin))
    with pytest.raises(ValueError, match="needs UTC times"):
        Period(datetime(2026, 1, 1), NEW_YEAR + DAY)


@pytest.mark.parametrize("length", [timedelta(0), -HOUR])
def test_a_period_ends_after_it_starts(length):
    with pytest.raises(ValueError, match="must end after it starts"):
        Period(NEW_YEAR, NEW_YEAR + length)


def test_periods_come_from_epochs_and_from_days():
    assert Period.of_epochs(1767225600, 1767312000) == Period(NEW_YEAR, NEW_YEAR + DAY)
    assert Period.of_day(date(2026, 1, 1)) == Period(NEW_YEAR, NEW_YEAR + DAY)


def test_a_period_covers_itself_and_what_lies_inside_and_nothing_that_sticks_out():
    day = Period(NEW_YEAR, NEW_YEAR + DAY)

    assert day.covers(day)
    assert day.covers(Period(NEW_YEAR + HOUR, NEW_YEAR + DAY))
    assert not day.covers(Period(NEW_YEAR - HOUR, NEW_YEAR + HOUR))
    assert not day.covers(Period(NEW_YEAR + HOUR, NEW_YEAR + DAY + HOUR))


@given(MOMENTS, st.integers(1, 3000), st.integers(1, 200))
def test_the_pieces_of_a_period_are_the_period(start, hours, longest):
    whole = Period(start, start + hours * HOUR)
    pieces = list(whole.split(longest * HOUR))

    assert pieces[0].start == whole.start
    assert pieces[-1].end == whole.end
    assert all(older.end == younger.start for older, younger in pairwise(pieces))
    assert all(piece.end - piece.start == longest * HOUR for piece in pieces[:-1])
    assert pieces[-1].end - pieces[-1].start <= longest * HOUR


@given(MOMENTS, st.sampled_from([timedelta(minutes=1), HOUR, DAY]))
def test_rounding_goes_to_the_bucket_borders_around_a_moment(moment, grain):
    below, above = floor_to(moment, grain), ceil_to(moment, grain)

    assert below <= moment <= above
    assert above - below == (timedelta(0) if below == moment else grain)
    assert ceil_to(below, grain) == floor_to(below, grain) == below


def test_a_moment_belongs_to_its_utc_day():
    tokyo = timezone(timedelta(hours=9))

    assert day_of(datetime(2026, 1, 1, 8, 59, tzinfo=tokyo)) == date(2025, 12, 31)
    assert day_of(datetime(2026, 1, 1, 9, 0, tzinfo=tokyo)) == date(2026, 1, 1)


TEXTS = st.text(max_size=3)
ROWS = st.tuples(
    TEXTS,
    st.builds(
        Dimensions, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple)
    ),
    TEXTS,
)


@given(ROWS, ROWS)
def test_two_rows_have_one_identity_only_when_every_dimension_is_the_same(one, other):
    assert (identity(*one) == identity(*other)) is (one == other)


@pytest.mark.parametrize("field", ["meter", "unit", "model", "scope", "api_key", "service_tier"])
def test_every_dimension_is_part_of_the_identity(field):
    plain = {"meter": "", "unit": ""}

    assert identity("r", Dimensions(**plain)) != identity("r", Dimensions(**(plain | {field: "x"})))


def test_an_identity_never_changes_from_release_to_release():
    dimensions = Dimensions("input", "tokens", "gpt-5", "proj_1", "key_1", "batch", (("batch", "true"),))

    assert identity("usage/completions", dimensions, "USD") == "e43f492689b60b9b2acf700267d9641c"


def test_credentials_are_in_no_repr_and_accounts_do_not_change():
    account = Account("acme", "openai", credentials={"key": "s3cret"})

    assert "s3cret" not in repr(account)
    with pytest.raises(FrozenInstanceError):
        account.id = "other"  # type: ignore[misc]
