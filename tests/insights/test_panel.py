"""Panels: what a series holds where there is money, none, or no answer yet."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import text

from exporter.budgets import Budget
from exporter.domain import Subject
from exporter.insights.panel import read_panel
from exporter.store import budgets


def panel(books, day: float, length: int = 10):
    """The panel at noon of a day after the first of March."""
    return books.run(read_panel, books.moment(day, 12), length=length)


def series(found, *levels: str) -> dict[Subject, list[float]]:
    return {subject: values.tolist() for subject, _, values in found.of(*levels)}


def test_an_account_begins_with_its_first_day_and_ends_yesterday(books):
    lease = books.account(team="core")
    books.costs(
        lease, books.window(0, 7), books.charge(2, 1), books.charge(3, 2), books.charge(5, 4), books.charge(6, 9)
    )

    found = panel(books, 6)

    [(subject, first, values)] = found.of("account")
    assert subject == Subject("account", "openai", "acme", "core")
    assert (first, values.tolist()) == (date(2026, 3, 3), [1, 2, 0, 4])


def test_days_that_a_provider_has_not_answered_for_are_unknown_not_zero(books):
    lease = books.account()
    books.costs(lease, books.window(0, 3), books.charge(0, 5), books.charge(2, 5))

    [(_, _, values)] = panel(books, 5).of("account")

    np.testing.assert_array_equal(values, [5, 0, 5, np.nan, np.nan])


def test_groups_are_sums_and_unknown_where_one_of_them_is(books):
    one, other = books.account("one", team="core"), books.account("other", provider="anthropic", team="core")
    books.costs(one, books.window(0, 4), *(books.charge(day, 1) for day in range(4)))
    books.costs(other, books.window(2, 3), books.charge(2, 10))

    found = panel(books, 4)

    for subject in (Subject("total"), Subject("team", team="core")):
        np.testing.assert_array_equal(dict(series(found, subject.level))[subject], [1, 1, 11, np.nan])
    by_provider = series(found, "provider")
    assert by_provider[Subject("provider", "openai")] == [1, 1, 1, 1]
    np.testing.assert_array_equal(by_provider[Subject("provider", "anthropic")], [10, np.nan])


@pytest.mark.parametrize("state", ["removed_at = now()", "disabled = true"])
def test_an_account_that_will_answer_no_more_leaves_sums_known(books, state):
    one, other = books.account("one"), books.account("other")
    books.costs(one, books.window(0, 4), *(books.charge(day, 1) for day in range(4)))
    books.costs(other, books.window(0, 2), books.charge(0, 10), books.charge(1, 10))
    books.run(lambda db: db.execute(text(f"UPDATE accounts SET {state} WHERE id = 'other'")))

    assert series(panel(books, 4), "total") == {Subject("total"): [11, 11, 1, 1]}


def test_sums_are_unknown_where_history_is_still_being_read(books):
    one, other = books.account("one"), books.account("other")
    books.costs(one, books.window(0, 4), *(books.charge(day, 1) for day in range(4)))
    books.costs(other, books.window(2, 4), books.charge(2, 10), books.charge(3, 10), wanted_from=books.moment(0))

    np.testing.assert_array_equal(series(panel(books, 4), "total")[Subject("total")], [np.nan, np.nan, 11, 11])
    books.costs(other, books.window(0, 2), books.charge(0, 10), wanted_from=books.moment(0))
    assert series(panel(books, 4), "total")[Subject("total")] == [11, 1, 11, 11]


def test_scopes_and_models_belong_to_their_account(books):
    lease = books.account()
    books.costs(
        lease,
        books.window(0, 3),
        books.charge(0, 1, scope="web", model="large"),
        books.charge(1, 2, scope="web", model="small"),
        books.charge(1, 4),
    )

    found = panel(books, 3)

    assert series(found, "scope") == {Subject("scope", "openai", "acme", scope="web"): [1, 2, 0]}
    assert series(found, "model") == {
        Subject("model", "openai", "acme", model="large"): [1, 0, 0],
        Subject("model", "openai", "acme", model="small"): [0, 2, 0],
    }


def test_a_budget_is_what_fits_its_filters(books):
    one, other = books.account("one", team="core"), books.account("other", team="lab")
    for lease, amount in ((one, 1), (other, 10)):
        books.costs(lease, books.window(0, 2), books.charge(0, amount, model="large"), books.charge(1, amount))
    for id_, filters in {"all": {}, "lab": {"team": "lab"}, "large": {"model": "large"}, "none": {"team": "x"}}.items():
        books.run(budgets.add, Budget(id=id_, amount=Decimal(1), **filters))

    found = {subject.budget: values for subject, values in series(panel(books, 2), "budget").items()}

    assert found == {"all": [11, 11], "lab": [10, 10], "large": [11, 0]}


def test_estimates_tell_how_far_an_account_reaches_that_has_no_cost_report(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 2), books.charge(0, 3), books.charge(1, 3))

    [(_, _, values)] = panel(books, 4).of("account")

    np.testing.assert_array_equal(values, [3, 3, np.nan, np.nan])


def test_settled_days_come_with_it(books):
    lease = books.account()
    books.costs(lease, books.window(0, 4), books.charge(0, 3), settled_until=books.moment(2))

    assert panel(books, 4).settled == {"acme": date(2026, 3, 3)}


@pytest.mark.parametrize("length", [1, 3])
def test_only_so_many_days_are_read(books, length):
    lease = books.account()
    books.costs(lease, books.window(0, 6), *(books.charge(day, day + 1) for day in range(6)))

    [(_, first, values)] = panel(books, 6, length=length).of("account")

    assert first == date(2026, 3, 7) - timedelta(days=length)
    assert values.tolist() == [4, 5, 6][-length:]
