"""The trends of stored books, at every level, and the hours of the week."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exporter.budgets import Budget
from exporter.domain import HOUR, Charge, Dimensions, Period, Source, Subject
from exporter.insights import trends
from exporter.insights.context import Context
from exporter.insights.panel import read_panel
from exporter.pricing import NoList, PriceBook
from exporter.store import budgets
from exporter.store import trends as store

DAYS = 60


@pytest.fixture
def analysed(books):
    """What a step says and stores, run at noon some days after the books began."""

    def run(day: int = DAYS) -> tuple[str, dict[Subject, store.Trend]]:
        now = books.moment(day, 12)

        def step(db):
            context = Context(read_panel(db, now), now, PriceBook(NoList()), {})
            return trends.refresh(db, context), {trend.subject: trend for trend in store.every(db)}

        return books.run(step)

    return run


def growing(books, account: str, days: int = DAYS, **labels) -> None:
    charges = [books.charge(day, round(10 * 1.01**day, 4), scope="web", model="large") for day in range(days)]
    books.costs(books.account(account, **labels), books.window(0, days), *charges)


def test_every_level_has_a_trend(books, analysed):
    growing(books, "acme", team="core")
    budget = Budget(id="b", amount=100, team="core")
    books.run(budgets.add, budget)

    said, found = analysed()

    assert said == "7 trends"
    assert set(found) == {
        Subject("total"),
        Subject("provider", "openai"),
        Subject("team", team="core"),
        Subject("account", "openai", "acme", "core"),
        Subject("scope", "openai", "acme", "core", scope="web"),
        Subject("model", "openai", "acme", "core", model="large"),
        Subject("budget", budget="b"),
    }
    assert {trend.state for trend in found.values()} == {"increasing"}
    one = found[Subject("total")]
    assert one.made_at == books.moment(DAYS, 12)
    assert one.lower < one.slope < one.upper
    assert one.slope == pytest.approx(0.01 * one.mean, rel=0.1)
    assert one.growth_7d == pytest.approx(1.01**7 - 1, rel=1e-3)
    assert one.growth_30d == pytest.approx(1.01**30 - 1, rel=1e-3)
    assert one.growth_90d is None


def test_a_young_account_has_no_trend_and_days_before_it_are_not_zero(books, analysed):
    growing(books, "young", days=13)
    assert analysed(13) == ("0 trends", {})
    assert analysed(0) == ("0 trends", {})


def test_an_account_that_began_a_month_ago_grows_by_its_own_days(books, analysed):
    charges = [books.charge(day, 10) for day in range(30, DAYS)]
    books.costs(books.account(), books.window(0, DAYS), *charges)
    _, found = analysed()
    one = found[Subject("account", "openai", "acme")]
    assert (one.state, one.growth_7d, one.growth_30d) == ("stable", 0, None)


def test_each_analysis_replaces_the_one_before(books, analysed):
    growing(books, "acme")
    analysed()
    later, found = analysed(DAYS + 3)
    assert later == "5 trends"
    assert {trend.made_at for trend in found.values()} == {books.moment(DAYS + 3, 12)}
    assert analysed(DAYS + 8) == ("0 trends", {})  # nothing known of the last week


def test_hours_of_the_week_are_those_of_eight_weeks_in_utc(books, analysed):
    lease = books.account()
    start = books.moment(0)  # a Sunday
    hours = [Period(start + n * HOUR, start + (n + 1) * HOUR) for n in range(24 * DAYS)]
    charges = [Charge(hour, Dimensions("input", "tokens"), 1 + hour.start.hour, "USD") for hour in hours]
    whole_day = Charge(books.window(58, 59), Dimensions("images", "images"), 1000, "USD")
    window = Period(start, start + timedelta(days=DAYS))
    books.read(lease, "usage", Source.USAGE_API, window, charges=[[*charges, whole_day]], money=Source.PRICED_USAGE)
    books.costs(lease, books.window(0, DAYS), *(books.charge(day, 5) for day in range(DAYS)))

    analysed()

    found = books.run(store.weekday_hours)
    assert len(found) == 7 * 24
    assert {(row.weekday, row.hour): row.usd for row in found} == {
        (weekday, hour): 8 * (1 + hour) for weekday in range(1, 8) for hour in range(24)
    }
    analysed(DAYS - 4)  # as a replay does: what came later is not known
    assert books.run(store.weekday_hours) == found
    analysed(DAYS + 7)
    weekly = {row.weekday: row.usd for row in books.run(store.weekday_hours) if row.hour == 0}
    assert weekly == dict.fromkeys(range(1, 8), 7)


def test_sundays_are_the_seventh_day(books, analysed):
    hour = Period(books.moment(0, 23), books.moment(1))
    charge = Charge(hour, Dimensions("input", "tokens"), 1, "USD")
    books.read(books.account(), "usage", Source.USAGE_API, books.window(0, 1), charges=[[charge]],
               money=Source.PRICED_USAGE)  # fmt: skip
    analysed(1)
    assert books.run(store.weekday_hours) == [("acme", 7, 23, 1)]
