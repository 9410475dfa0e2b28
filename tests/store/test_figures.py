from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.domain import Name, Source
from exporter.store import accounts, figures, leases, states
from exporter.store.facts import Counts
from exporter.store.figures import Calendar
from exporter.store.states import Run

# The books of the tests begin on 1 March 2026; today is the 10th.
TODAY = Calendar(date(2026, 3, 10))


@pytest.mark.parametrize(
    ("today", "yesterday", "month", "previous", "same_day"),
    [
        ("2026-01-01", "2025-12-31", "2026-01-01", "2025-12-01", "2025-12-01"),
        ("2026-03-31", "2026-03-30", "2026-03-01", "2026-02-01", "2026-02-28"),
        ("2024-03-31", "2024-03-30", "2024-03-01", "2024-02-01", "2024-02-29"),
        ("2024-02-29", "2024-02-28", "2024-02-01", "2024-01-01", "2024-01-29"),
        ("2026-07-31", "2026-07-30", "2026-07-01", "2026-06-01", "2026-06-30"),
        ("2026-03-10", "2026-03-09", "2026-03-01", "2026-02-01", "2026-02-10"),
    ],
)
def test_a_calendar_knows_its_days(today, yesterday, month, previous, same_day):
    calendar = Calendar(date.fromisoformat(today))

    found = (calendar.yesterday, calendar.month, calendar.previous_month, calendar.same_day)
    assert [day.isoformat() for day in found] == [yesterday, month, previous, same_day]


def of(books, function, *args):
    return books.run(lambda db: list(function(db, *args)))


def test_spend_of_today_yesterday_and_the_month_comes_from_the_best_source(books):
    lease = books.account(team="core")
    charges = [books.charge(day, 10**n) for n, day in enumerate((-1, 0, 8, 9, 10))]
    books.costs(lease, books.window(-1, 11), *charges)
    books.estimates(lease, books.window(9, 10), books.charge(9, 5))

    [row] = of(books, figures.spend, TODAY)
    assert row == ("openai", "acme", "core", "", "", "ai", "api", 1000, 100, 1110)


def test_on_the_first_of_a_month_yesterday_is_there_and_the_month_begins_again(books):
    lease = books.account()
    books.costs(lease, books.window(-2, 1), books.charge(-2, 1), books.charge(-1, 2), books.charge(0, 4))

    [row] = of(books, figures.spend, Calendar(date(2026, 3, 1)))
    assert row[7:] == (4, 2, 4)
    [row] = of(books, figures.spend, Calendar(date(2026, 2, 28)))
    assert row[7:] == (2, 1, 3)


@pytest.mark.parametrize(
    ("source", "word"),
    [
        (Source.COST_API, "api"),
        (Source.INVOICE, "import"),
        (Source.IMPORT, "import"),
        (Source.PRICED_USAGE, "estimate"),
        (Source.MANUAL, "manual"),
        (Source.REQUEST, "request"),
    ],
)
def test_sources_are_named_in_the_words_of_the_metrics(books, source, word):
    books.read(books.account(), "r", source, books.window(9, 10), charges=[[books.charge(9, 1)]])

    assert [row.source for row in of(books, figures.spend, TODAY)] == [word]


def test_more_rows_than_a_portion_all_come(books):
    lease = books.account()
    count = 2 * figures.PORTION + 1
    books.costs(lease, books.window(9, 10), *(books.charge(9, 1, scope=f"s{n}") for n in range(count)))

    assert sum(row.today for row in of(books, figures.spend, TODAY)) == count


def test_tokens_come_by_type_without_activity_that_overlaps(books):
    lease = books.account()
    rows = [
        books.usage(9, 1, hours=1, model="m", service_tier="batch"),
        books.usage(9.5, 2, hours=1, model="m", service_tier="batch"),
        books.usage(0, 4, model="m", service_tier="batch"),
        books.usage(0, 8, model="m", meter="output"),
        books.usage(9, 3, meter="requests", unit="requests"),
    ]
    books.tokens(lease, books.window(0, 10), *rows)
    books.read(lease, "code", Source.ANALYTICS, books.window(9, 10), usage=[[books.usage(9, 64)]])

    assert sorted(of(books, figures.tokens, TODAY)) == [
        ("openai", "acme", "", "", "m", "input", "batch", 3, 7),
        ("openai", "acme", "", "", "m", "output", "", None, 8),
    ]
    assert of(books, figures.requests, TODAY) == [("openai", "acme", "", "", "", 3)]


def test_estimates_are_priced_usage_whatever_source_counts(books):
    lease = books.account()
    books.estimates(lease, books.window(8, 10), books.charge(8, 2, meter="input"), books.charge(9, 1, meter="input"))
    books.costs(lease, books.window(9, 10), books.charge(9, 50))

    assert of(books, figures.estimates, TODAY) == [("openai", "acme", "", "", "", "input", "", 1, 3)]


def test_tokens_without_a_price_are_counted_by_model(books):
    lease = books.account()
    usage = [books.usage(9, 5, model="known"), books.usage(8, 7, model="new"), books.usage(9, 1, model="new")]
    priced = [books.charge(9, 1, meter="input", model="known")]
    books.read(
        lease,
        "usage",
        Source.USAGE_API,
        books.window(8, 10),
        usage=[usage],
        charges=[priced],
        money=Source.PRICED_USAGE,
    )
    books.read(lease, "seconds", Source.USAGE_API, books.window(9, 10), usage=[[books.usage(9, 9, model="x")]])

    assert of(books, figures.unpriced_tokens, TODAY, [("openai", "usage")]) == [("openai", "new", 8)]
    assert of(books, figures.unpriced_tokens, TODAY, []) == []


def test_the_burn_rate_is_a_mean_over_whole_days_and_today_is_left_out(books):
    lease = books.account()
    books.costs(lease, books.window(0, 10), books.charge(1, 30), books.charge(5, 14), books.charge(9, 1000))

    assert of(books, figures.burn_rates, TODAY, 7) == [("openai", "acme", 2)]  # the 3rd to the 9th
    assert of(books, figures.burn_rates, TODAY, 30) == [("openai", "acme", Decimal("5.5"))]  # eight days are there


def test_an_account_that_began_today_has_no_burn_rate_yet(books):
    books.costs(books.account(), books.window(9, 10), books.charge(9, 5))

    assert of(books, figures.burn_rates, TODAY, 7) == []


def test_the_previous_month_is_whole_and_up_to_the_same_day(books):
    lease, late = books.account(), books.account("late")
    books.costs(lease, books.window(-29, 1), *(books.charge(day, 1) for day in range(-29, 1)))
    books.costs(late, books.window(-1, 0), books.charge(-1, 3))

    assert sorted(of(books, figures.previous_month, TODAY)) == [
        ("openai", "acme", "", "ai", 28, 10),
        ("openai", "late", "", "ai", 3, None),
    ]


def test_billed_is_compared_with_estimated_over_settled_days_that_have_both(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 10), *(books.charge(day, 2) for day in (1, 2, 3, 8)))
    charges = [books.charge(day, 3) for day in (2, 3, 4, 8)]
    books.costs(lease, books.window(0, 10), *charges, settled_until=books.moment(5))

    assert of(books, figures.reconciliation, TODAY) == [("openai", "acme", Decimal("1.5"))]


def test_an_estimate_of_nothing_is_compared_with_nothing(books):
    lease = books.account()
    books.estimates(lease, books.window(2, 3), books.charge(2, 0))
    books.costs(lease, books.window(2, 3), books.charge(2, 3), settled_until=books.moment(5))

    assert of(books, figures.reconciliation, TODAY) == []


def test_the_ledger_is_read_by_counter(books):
    lease = books.account()
    books.tokens(lease, books.window(0, 1), books.usage(0, 5))
    books.costs(lease, books.window(0, 1), books.charge(0, -2))

    assert of(books, figures.ledger) == [("openai", "acme", "input", 5, 0), ("openai", "acme", "usd", 0, 2)]


def run(finished: datetime, reason: str = "") -> Run:
    return Run(
        account="acme",
        trigger="schedule",
        holder="me",
        started_at=finished - timedelta(seconds=4),
        finished_at=finished,
        pages=1,
        counts=Counts(),
        reason=reason,
        sentence=reason and "It broke.",
    )


def test_accounts_say_how_their_syncs_go(books):
    lease = books.account(name="Acme")
    moment = datetime(2026, 3, 10, tzinfo=UTC)
    assert books.run(states.record_run, run(moment)) == 0
    assert books.run(states.record_run, run(moment + timedelta(hours=1), "try_later")) == 1
    assert books.run(states.record_run, run(moment + timedelta(hours=2), "try_later")) == 2

    [found] = of(books, figures.account_figures)
    assert found[:6] == ("openai", "acme", "Acme", "", "ai", False)
    assert found[6:] == (moment, 4.0, 2, "try_later", "It broke.", True)
    books.run(leases.release, lease, due_in=timedelta(0))
    assert not of(books, figures.account_figures)[0].syncing
    assert books.run(states.record_run, run(moment + timedelta(hours=3))) == 0


def test_reports_say_how_far_they_reach_and_how_much_history_is_filled(books):
    lease = books.account()
    options = {"wanted_from": books.moment(-10), "settled_until": books.moment(8)}
    books.costs(lease, books.window(0, 10), books.charge(3, 1), **options)
    now = books.moment(10)
    books.run(states.mark_missing, "acme", "usage", "usage_api", now, now, "not enabled")

    expected = ("openai", "acme", "costs", books.moment(4), books.moment(8))
    assert of(books, figures.report_figures) == [(*expected, 0.5)]
    books.run(states.finish_history, "acme", "costs")
    assert of(books, figures.report_figures) == [(*expected, 1.0)]


def test_scopes_have_names(books):
    books.account()
    books.run(accounts.set_names, "acme", [Name("scope", "p", "Project"), Name("api_key", "k", "Key")])

    assert of(books, figures.scope_names) == [("openai", "acme", "p", "Project")]


def test_a_removed_account_leaves_its_money_and_nothing_else(books):
    lease = books.account()
    books.costs(lease, books.window(9, 10), books.charge(9, 5), books.charge(9, 1, scope="p"))
    books.run(accounts.set_names, "acme", [Name("scope", "p", "Project")])
    books.run(accounts.remove, "acme")

    assert sum(row.today for row in of(books, figures.spend, TODAY)) == 6
    assert (
        of(books, figures.account_figures) == of(books, figures.report_figures) == of(books, figures.scope_names) == []
    )
    assert of(books, figures.burn_rates, TODAY, 7) == []
