"""Budgets in the store: who may change them, and what was spent on them to the hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from exporter.budgets import Basis, Budget, Length, Level
from exporter.domain import Charge, Dimensions, Period
from exporter.errors import ConfigError, StoreError
from exporter.store import budgets, migrate
from exporter.store.budgets import spent
from exporter.store.engine import open_engine, transaction

PLAIN = Budget(id="all", amount=Decimal(1000))
FULL = Budget(
    id="full", amount=Decimal("12.345678901"), currency="EUR", name="Everything", period="custom",
    start=date(2026, 1, 15),
    length=Length(2, "months"), time_zone="Europe/Berlin", parent="all", provider="openai", account="acme", team="core",
    scope="p", model="m", tags=(("a", "1"), ("b", "2")),
    levels=(Level("half", Decimal("50.5")), Level("most", money=Decimal(9), basis=Basis.FORECAST)),
)  # fmt: skip
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def span(start: str, end: str) -> Period:
    return Period(*(datetime.fromisoformat(f"2026-{word}").replace(tzinfo=UTC) for word in (start, end)))


def test_a_budget_comes_back_as_it_was(books):
    for budget in (PLAIN, FULL, replace(PLAIN, id="none", levels=())):
        books.run(budgets.add, budget)
        assert books.run(budgets.find, budget.id) == budget
    assert list(books.run(budgets.every)) == ["all", "full", "none"]


def test_an_id_is_taken_once_and_an_unknown_one_is_a_sentence(books):
    books.run(budgets.add, PLAIN)
    with pytest.raises(ConfigError, match=r"^budget all exists already; choose another id or edit it$"):
        books.run(budgets.add, PLAIN)
    for function, what in ((budgets.find, "x"), (budgets.remove, "x"), (budgets.change, replace(PLAIN, id="x"))):
        with pytest.raises(ConfigError, match=r"^there is no budget x; see `spend-exporter budgets list`$"):
            books.run(function, what)


def test_a_budget_is_changed_and_removed(books):
    books.run(budgets.add, PLAIN)
    books.run(budgets.change, replace(PLAIN, amount=Decimal(7), levels=()))
    assert books.run(budgets.find, "all") == replace(PLAIN, amount=Decimal(7), levels=())
    books.run(budgets.add, FULL)
    with pytest.raises(ConfigError, match=r"^budget all is the parent of full; change or remove those first$"):
        books.run(budgets.remove, "all")
    books.run(budgets.remove, "full")
    books.run(budgets.remove, "all")
    assert books.run(budgets.every) == {}


def test_what_the_file_declares_is_read_only_and_goes_with_the_file(books):
    declared = [replace(PLAIN, origin="file"), replace(PLAIN, id="b", origin="file")]
    books.run(budgets.declare, declared)
    for function, what in ((budgets.remove, "all"), (budgets.change, PLAIN)):
        with pytest.raises(ConfigError, match=r"^budget all is declared in the config file; change it there$"):
            books.run(function, what)
    books.run(budgets.add, replace(PLAIN, id="own"))
    books.run(budgets.declare, [replace(declared[1], amount=Decimal(5))], whole=False)
    assert list(books.run(budgets.every)) == ["all", "b", "own"]
    books.run(budgets.declare, [declared[1]])
    assert {found.id: found.origin for found in books.run(budgets.every).values()} == {"b": "file", "own": "database"}
    with pytest.raises(ConfigError, match=r"^budget own was added on the command line; remove it there first$"):
        books.run(budgets.declare, [replace(PLAIN, id="own", origin="file")])


def test_the_database_refuses_what_makes_no_sense(books):
    for wrong in ({"amount": Decimal(-1)}, {"id": "A b"}, {"period": "custom"}, {"length": Length(1, "days")}):
        with pytest.raises(StoreError):
            books.run(budgets.add, replace(PLAIN, **wrong))


def test_an_older_database_with_data_gets_budgets_and_keeps_what_it_has(empty_database_url):
    migrate.upgrade(empty_database_url, "0001")
    engine = open_engine(empty_database_url)
    with transaction(engine) as db:
        db.execute(text("INSERT INTO accounts (id, provider, origin) VALUES ('acme', 'openai', 'database')"))
        db.execute(text("INSERT INTO best_days VALUES ('acme', '2026-03-01', 'cost_api', true, 5)"))
        db.execute(text("INSERT INTO daily_charges VALUES"
                        " ('acme', '2026-03-01', 'cost_api', 'r', 'm', 'u', '', '', '', 5)"))  # fmt: skip
    migrate.upgrade(empty_database_url)
    with transaction(engine) as db:
        budgets.add(db, PLAIN)
        assert spent(db, PLAIN, MARCH) == {date(2026, 3, 1): 5}
    engine.dispose()


def test_rates_are_the_newest_known_and_fixed_ones_win(books):
    assert books.run(budgets.usd_per_unit, {}) == {"USD": 1}
    rates = "('2026-03-01', 'EUR', 1.1, 'ecb'), ('2026-03-03', 'EUR', 1.2, 'ecb'), ('2026-03-02', 'GBP', 1.3, 'ecb')"
    books.run(lambda db: db.execute(text(f"INSERT INTO fx_rates VALUES {rates}")))
    found = books.run(budgets.usd_per_unit, {"GBP": Decimal(2)})
    assert found == {"USD": 1, "EUR": Decimal("1.2"), "GBP": 2}


def filled(books):
    """Two accounts, two scopes and models, charges from the last day of February to the second of April."""
    one = books.account("acme", team="core")
    two = books.account("lab", provider="anthropic", team="lab")
    days = range(-1, 33)
    books.costs(one, books.window(-1, 33), *(
        books.charge(day, amount, scope=scope, model=model)
        for day in days for amount, scope, model in ((1, "p", "m"), (10, "q", "m"), (100, "q", "n"))
    ))  # fmt: skip
    books.costs(two, books.window(-1, 33), *(books.charge(day, 1000, model="m") for day in days))


@pytest.mark.parametrize(
    ("filters", "a_day"),
    [
        ({}, 1111),
        ({"provider": "openai"}, 111),
        ({"account": "lab"}, 1000),
        ({"team": "core"}, 111),
        ({"scope": "q"}, 110),
        ({"model": "m"}, 1011),
        ({"model": "m", "scope": "q"}, 10),
        ({"provider": "openai", "team": "core", "account": "acme", "scope": "p", "model": "m"}, 1),
        ({"provider": "openai", "team": "lab"}, 0),
    ],
)
def test_filters_combine(books, filters, a_day):
    filled(books)
    found = books.run(spent, replace(PLAIN, **filters), MARCH)
    assert sum(found.values()) == 31 * a_day
    assert all(day.month == 3 for day in found)


def test_the_first_day_is_that_of_the_accounts(books):
    assert books.run(budgets.first_day, PLAIN) is None
    filled(books)
    assert books.run(budgets.first_day, PLAIN) == date(2026, 2, 28)
    assert books.run(budgets.first_day, replace(PLAIN, scope="nothing here", team="core")) == date(2026, 2, 28)
    assert books.run(budgets.first_day, replace(PLAIN, provider="openai", team="lab")) is None


def test_the_source_that_counts_is_that_of_the_best_charges(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 3), *(books.charge(day, 50) for day in range(3)))
    books.costs(lease, books.window(0, 2), *(books.charge(day, 60 - 20 * day) for day in range(2)))
    assert list(books.run(spent, PLAIN, MARCH).values()) == [60, 50, 50]


def hourly(books, day: int, amounts: dict[int, object], **dimensions) -> list[Charge]:
    filled = Dimensions(meter="input", unit="tokens", **dimensions)
    return [
        Charge(Period(books.moment(day, hour), books.moment(day, hour + 1)), filled, Decimal(str(amount)), "USD")
        for hour, amount in amounts.items()
    ]


def test_a_border_within_a_day_divides_hours_exactly(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 1), *hourly(books, 0, {0: 1, 21: 2, 22: 4, 23: 8}))
    before, after = span("02-01T22:00", "03-01T22:00"), span("03-01T22:00", "03-31T22:00")
    assert books.run(spent, PLAIN, before) == {date(2026, 3, 1): 3}
    assert books.run(spent, PLAIN, after) == {date(2026, 3, 1): 12}
    half = span("03-01T21:30", "03-01T22:30")  # zones of half hours
    assert books.run(spent, PLAIN, half) == {date(2026, 3, 1): 3}


def test_a_border_within_a_day_divides_daily_charges_by_time_and_loses_nothing(books):
    lease = books.account()
    books.costs(lease, books.window(0, 1), books.charge(0, 24), *hourly(books, 0, {23: 7}))
    before, after = span("02-01T18:00", "03-01T18:00"), span("03-01T18:00", "04-01T18:00")
    assert books.run(spent, PLAIN, before) == {date(2026, 3, 1): 18}
    assert books.run(spent, PLAIN, after) == {date(2026, 3, 1): 13}


def test_charges_of_several_days_and_dropped_ones_are_divided_by_their_daily_share(books):
    lease = books.account()
    books.costs(lease, books.window(0, 10), books.charge(0, 240, days=10), longest=timedelta(days=10))
    assert books.run(spent, PLAIN, span("03-05T06:00", "03-06T12:00")) == {date(2026, 3, 5): 18, date(2026, 3, 6): 12}
    books.run(lambda db: db.execute(text("TRUNCATE charges")))  # retention keeps the roll-ups
    assert sum(books.run(spent, PLAIN, span("03-05T06:00", "03-06T12:00")).values()) == 30


def test_a_whole_month_of_berlin_is_the_sum_of_its_hours(books):
    lease = books.account()
    rows = [row for day in range(-2, 33) for row in hourly(books, day, dict.fromkeys(range(24), "0.1"))]
    books.estimates(lease, books.window(-2, 33), *rows)
    march = span("02-28T23:00", "03-31T22:00")  # one hour is missing: summer time began
    assert sum(books.run(spent, PLAIN, march).values()) == Decimal("0.1") * (31 * 24 - 1)


def test_tags_are_read_from_single_charges_and_have_to_fit_all(books):
    lease = books.account(team="core")
    a, ab = (("feature", "a"),), (("experiment", "b"), ("feature", "a"))
    books.costs(
        lease, books.window(-1, 9),
        *(books.charge(day, 1, tags=a) for day in range(-1, 9)), *(books.charge(day, 10, tags=ab) for day in range(9)),
        *(books.charge(day, 100) for day in range(9)),
    )  # fmt: skip
    books.estimates(lease, books.window(0, 1), *hourly(books, 0, {5: 5}, tags=a))  # this source doesn't count
    tagged = replace(PLAIN, tags=a, team="core")
    assert sum(books.run(spent, tagged, MARCH).values()) == 99
    assert sum(books.run(spent, replace(tagged, tags=ab), MARCH).values()) == 90
    assert books.run(spent, replace(tagged, team="other"), MARCH) == {}
    assert books.run(spent, tagged, span("03-01T18:00", "03-02T12:00")) == {
        date(2026, 3, 1): Decimal("2.75"),
        date(2026, 3, 2): Decimal("5.5"),
    }


def test_a_tagged_charge_of_several_days_counts_on_its_first(books):
    tags = (("feature", "a"),)
    lease = books.account()
    books.costs(lease, books.window(0, 4), books.charge(0, 40, days=4, tags=tags), longest=timedelta(days=4))
    assert books.run(spent, replace(PLAIN, tags=tags), MARCH) == {date(2026, 3, 1): 40}
    assert sum(books.run(spent, replace(PLAIN, tags=tags), span("03-02", "03-31")).values()) == 0
