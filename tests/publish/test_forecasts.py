"""Forecast metrics: published while they hold, absent when they are stale."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from exporter.budgets import Budget, Length
from exporter.insights import forecasts as insights
from exporter.insights.context import Context
from exporter.insights.panel import read_panel
from exporter.pricing import NoList, PriceBook
from exporter.publish import budgets as publish_budgets
from exporter.publish import forecasts
from exporter.store import analysis, budgets

BUDGET = Budget(id="b", amount=Decimal(1000))
OWN = ("openai", "acme", "core")


def spend(books, first: int, end: int, *, lease=None, amount: float = 10):
    lease = lease or books.account(team="core")
    charges = [books.charge(day, amount) for day in range(first, end)]
    books.costs(lease, books.window(first, end), *charges, settled_until=books.moment(end))
    return lease


def analysed(books, day: float) -> None:
    def step(db):
        context = Context(read_panel(db, books.moment(day)), books.moment(day), PriceBook(NoList()), {})
        return insights.refresh(db, context)

    books.run(step)


def published(books, day: float) -> dict[str, dict]:
    found = books.run(forecasts.families, books.moment(day))
    for family in found:
        assert {len(labels) for labels, _ in family.samples} == {len(family.definition.labels)}
    return {family.definition.name.removeprefix("spend_"): dict(family.samples) for family in found}


def outlook(books, day: float):
    return books.run(forecasts.outlooks, books.moment(day)).get("b")


def test_accounts_groups_and_everything(books):
    spend(books, 0, 45)
    analysed(books, 45.5)  # the 15th of April

    found = published(books, 45.6)

    horizons = {labels[-1] for labels in found["forecast_usd"]}
    assert horizons == {"month_end", "quarter_end", "30d", "60d", "90d"}
    assert found["forecast_usd"][*OWN, "month_end"] == pytest.approx(300, rel=0.05)
    assert found["forecast_usd"][*OWN, "90d"] == pytest.approx(900, rel=0.05)
    names = {labels[:2] for labels in found["group_forecast_usd"]}
    assert names == {("total", ""), ("provider", "openai"), ("team", "core")}
    for kind in ("forecast", "group_forecast"):
        for labels, total in found[f"{kind}_usd"].items():
            assert found[f"{kind}_lower_usd"][labels] <= total <= found[f"{kind}_upper_usd"][labels]
    assert found["forecast_info"] == {("openai", "acme", "calm"): 1}
    assert "forecast_error_ratio" not in found
    assert "analysis_last_success_timestamp_seconds" not in found


def test_when_it_was_last_worked_out(books):
    books.run(analysis.finish, now=books.moment(3), books=0)
    assert published(books, 4)["analysis_last_success_timestamp_seconds"] == {(): books.moment(3).timestamp()}


@pytest.mark.parametrize(("days", "there"), [(0.4, True), (1.4, True), (2.4, True), (3.1, False)])
def test_a_forecast_of_the_day_before_yesterday_is_the_oldest(books, days, there):
    spend(books, 0, 45)
    books.run(budgets.add, BUDGET)
    analysed(books, 45.5)
    found = published(books, 45.5 + days)
    assert ("forecast_usd" in found) is there
    assert ("forecast_info" in found) is there
    assert (outlook(books, 45.5 + days) is not None) is there


def test_a_month_that_is_over_is_not_the_next_ones_forecast(books):
    spend(books, 0, 60)
    analysed(books, 60.5)  # the 30th of April
    assert (*OWN, "month_end") in published(books, 60.9)["forecast_usd"]
    found = published(books, 61.1)["forecast_usd"]
    assert (*OWN, "month_end") not in found
    assert (*OWN, "quarter_end") in found


def test_a_removed_account_is_not_forecast(books):
    spend(books, 0, 45)
    analysed(books, 45.5)
    books.rows("UPDATE accounts SET removed_at = now() RETURNING 1")
    assert "forecast_usd" not in published(books, 45.5)


def test_scores_from_five_forecasts_on(books):
    lease = spend(books, 0, 86)
    analysed(books, 86)  # of the 57th day is not yet known what came
    assert (*OWN[:2], "30d") not in published(books, 86).get("forecast_coverage_ratio", {})

    spend(books, 86, 87, lease=lease)
    analysed(books, 87)  # five Mondays with four weeks before them and thirty days after

    found = published(books, 87)
    assert found["forecast_coverage_ratio"][*OWN[:2], "30d"] == 1
    assert found["forecast_error_ratio"][*OWN[:2], "30d"] < 0.02
    assert (*OWN[:2], "60d") not in found["forecast_coverage_ratio"]


def test_a_budget_is_what_the_books_say_now_and_what_was_expected(books):
    lease = spend(books, 0, 45)
    books.run(budgets.add, BUDGET)
    analysed(books, 45.5)
    before = outlook(books, 45.5)
    assert before.total == pytest.approx(Decimal(300), rel=Decimal("0.05"))

    spend(books, 40, 41, lease=lease, amount=60)  # restated after the analysis
    spend(books, 45, 46, lease=lease, amount=25)  # and today is dear

    after = outlook(books, 45.6)
    assert after.total - before.total == pytest.approx(Decimal(50 + 15), abs=Decimal("0.5"))
    assert after.lower <= after.total <= after.upper
    found = books.run(
        publish_budgets.families, books.moment(45.6), {}, books.run(forecasts.outlooks, books.moment(45.6))
    )
    samples = {family.definition.name: dict(family.samples) for family in found}
    assert samples["spend_budget_forecast_usd"][("b",)] == float(after.total)
    assert samples["spend_budget_forecast_lower_usd"][("b",)] == float(after.lower)
    assert samples["spend_budget_forecast_upper_usd"][("b",)] == float(after.upper)


def test_an_outlook_of_another_period_is_ignored(books):
    spend(books, 0, 61)
    books.run(budgets.add, replace(BUDGET, time_zone="Asia/Tokyo"))
    analysed(books, 60.5)  # the 30th of April, 21:00 in Tokyo
    assert outlook(books, 60.6) is not None
    assert outlook(books, 60.64) is None  # the first of May there
    analysed(books, 60.7)
    may = outlook(books, 60.8)
    assert may.total == pytest.approx(Decimal(310), rel=Decimal("0.05"))


def test_a_budget_with_another_period_since_has_no_outlook(books):
    spend(books, 0, 45)
    books.run(budgets.add, BUDGET)
    analysed(books, 45.5)
    books.run(budgets.change, replace(BUDGET, period="quarter"))
    assert outlook(books, 45.5) is None


def test_a_custom_period_of_years(books):
    spend(books, 0, 45)
    start = books.moment(20).date()
    books.run(budgets.add, replace(BUDGET, period="custom", start=start, length=Length(700, "days")))
    books.run(budgets.add, replace(BUDGET, id="c", period="custom", start=start, length=Length(9999, "days")))
    analysed(books, 45.5)
    found = outlook(books, 45.5)
    assert found.total == pytest.approx(Decimal(7000), rel=Decimal("0.1"))
    assert len(found.daily) == 700 - 25
    assert set(books.run(forecasts.outlooks, books.moment(45.5))) == {"b"}


def test_a_provider_that_is_late(books):
    spend(books, 0, 43)
    books.run(budgets.add, BUDGET)
    analysed(books, 45.5)
    found = outlook(books, 45.5)
    assert found.total == pytest.approx(Decimal(300), rel=Decimal("0.05"))
    [(late, *stored)] = books.rows("SELECT made_on - first_day, total, lower, upper FROM budget_outlooks")
    assert late == 2
    assert stored == pytest.approx([float(found.total), float(found.lower), float(found.upper)])
