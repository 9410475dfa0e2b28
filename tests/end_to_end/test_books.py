"""The books equal the ground truth, to the last decimal."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.conftest import World

PROVIDERS = ("openai", "anthropic")


def assert_books_are_true(world: World) -> None:
    """Every account, day, model and meter; usage and money; and the counters add up to the books."""
    for provider in PROVIDERS:
        assert world.booked_charges(provider) == world.truth.expected_charges(provider)
        for report in (report.name for report in world.runtime.providers[provider].reports):
            if report.startswith("usage/"):
                expected = world.truth.expected_usage(provider, report)
                assert world.booked_usage(provider, report) == expected, report
    assert_counters_equal_the_books(world)


def assert_counters_equal_the_books(world: World) -> None:
    for provider in PROVIDERS:
        net = world.one(
            "SELECT recognized - reversed FROM ledger WHERE account_id = :id AND counter = 'usd'", id=provider
        )
        assert net == world.one("SELECT sum(amount_usd) FROM best_charges WHERE account_id = :id", id=provider)
    assert not world.one(
        "SELECT count(*) FROM (SELECT account_id, meter, sum(quantity) AS booked FROM usage"
        " WHERE unit = 'tokens' AND source <> 'analytics' GROUP BY 1, 2) u"
        " FULL JOIN ledger l ON l.account_id = u.account_id AND l.counter = u.meter"
        " WHERE coalesce(l.counter, '') <> 'usd'"
        " AND coalesce(booked, 0) IS DISTINCT FROM l.recognized - l.reversed"
    )
    assert not world.one(
        "SELECT count(*) FROM usage GROUP BY account_id, period_start, period_end, source, identity HAVING count(*) > 1"
    )


async def test_after_a_full_back_fill(world: World) -> None:
    await world.sync(history=True)
    assert_books_are_true(world)
    assert len(world.booked_charges("openai")) > 100
    assert world.one("SELECT bool_and(history_done OR missing <> '') FROM report_state")


async def test_after_ten_repeated_syncs(world: World) -> None:
    await world.sync(history=True)
    for _ in range(10):
        world.later(minutes=50)
        await world.sync()
    assert_books_are_true(world)
