from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Context, Decimal, localcontext
from unittest.mock import patch

import pytest
from sqlalchemy import text

from exporter.domain import DAY, Dimensions, Source, Usage
from exporter.errors import LeaseLost, StoreError, UnexpectedReply, UnitMismatch
from exporter.store import books as choice
from exporter.store import facts, leases, partitions, states
from exporter.store.engine import transaction
from exporter.store.facts import Counts
from exporter.store.windows import Pass, replace_window

HOUR = timedelta(hours=1)


def best(books):
    return books.rows("SELECT day - DATE '2026-03-01', source, stated, amount_usd FROM best_days ORDER BY 1")


def confidence(books):
    return books.rows("SELECT DISTINCT day - DATE '2026-03-01', source, confidence FROM best_charges ORDER BY 1")


def test_a_first_reading_inserts_and_the_same_again_touches_nothing(books):
    lease = books.account()
    charges = [books.charge(0, "0.00004"), books.charge(0, "1.5", scope="proj")]

    assert books.costs(lease, books.window(0, 1), *charges) == Counts(inserted=2)
    before = books.rows("SELECT ctid, xmin FROM charges UNION ALL SELECT ctid, xmin FROM daily_charges")
    assert books.costs(lease, books.window(0, 1), *charges) == Counts(unchanged=2)

    assert books.rows("SELECT ctid, xmin FROM charges UNION ALL SELECT ctid, xmin FROM daily_charges") == before


def test_a_figure_restated_down_to_zero_stays_and_is_reversed(books):
    lease = books.account()
    books.costs(lease, books.window(0, 1), books.charge(0, 7))

    assert books.costs(lease, books.window(0, 1), books.charge(0, 0)) == Counts(updated=1)
    assert best(books) == [(0, "cost_api", True, 0)]
    assert books.rows("SELECT recognized, reversed FROM ledger") == [(7, 7)]


def test_a_vanished_row_takes_its_day_out_of_the_books(books):
    lease = books.account()
    books.costs(lease, books.window(0, 2), books.charge(0, 7), books.charge(1, 3))

    assert books.costs(lease, books.window(0, 2), books.charge(1, 3)) == Counts(deleted=1, unchanged=1)
    assert best(books) == [(1, "cost_api", True, 3)]
    assert books.rows("SELECT recognized, reversed FROM ledger") == [(10, 7)]


def test_three_billion_times_a_million_is_an_ordinary_number(books):
    lease = books.account()
    books.tokens(lease, books.window(0, 1), books.usage(0, 3_000_000_000 * 1_000_000), books.usage(0, 1, scope="p"))

    assert books.one("SELECT sum(quantity) FROM daily_usage") == 3_000_000_000_000_001
    assert books.one("SELECT recognized FROM ledger WHERE counter = 'input'") == 3_000_000_000_000_001


def test_a_huge_period_of_three_days_is_spread_without_losing_a_digit(books):
    lease = books.account()
    amount = Decimal("1000000000000000.000000000000000001")
    books.costs(lease, books.window(0, 3), books.charge(0, amount, days=3), longest=3 * DAY)

    shares = [usd for *_, usd in best(books)]
    with localcontext(Context(prec=60)):
        assert sum(shares) == amount
    assert max(shares) - min(shares) < Decimal("0.001")


def test_a_restated_long_period_is_rolled_up_again_on_days_before_the_next_window(books):
    lease = books.account()
    books.costs(lease, books.window(0, 6), books.charge(0, 3, days=3), longest=3 * DAY)
    books.costs(lease, books.window(2, 6), books.charge(2, 10), longest=3 * DAY)

    assert best(books) == [(0, "cost_api", True, 1), (1, "cost_api", True, 1), (2, "cost_api", True, 11)]


def test_a_lone_surrogate_is_stored_as_a_question_mark(books):
    lease = books.account()
    books.tokens(lease, books.window(0, 1), books.usage(0, 1, scope="a\ud800", tags=(("k", "\udfff"),)))

    assert books.rows("SELECT scope, tags FROM usage") == [("a?", {"k": "?"})]


def test_a_row_outside_the_window_is_refused_in_one_sentence(books):
    lease = books.account()
    books.costs(lease, books.window(0, 2), books.charge(0, 7))
    before = books.dump()

    with pytest.raises(UnexpectedReply) as caught:
        books.costs(lease, books.window(0, 2), books.charge(0, 8), books.charge(2, 1))

    assert str(caught.value) == (
        "costs: asked for 2026-03-01 00:00 to 2026-03-03 00:00 UTC, got a row of 2026-03-03 00:00; nothing was changed"
    )
    assert books.dump() == before


def test_a_repeated_page_is_refused_and_changes_nothing(books):
    lease = books.account()
    books.costs(lease, books.window(0, 2), books.charge(0, 7))
    before = books.dump()
    page = [books.charge(0, 8), books.charge(1, 1)]

    with pytest.raises(UnexpectedReply) as caught:
        books.read(lease, "costs", Source.COST_API, books.window(0, 2), charges=[page, page])

    assert str(caught.value) == "costs: 2 rows came on two pages of one reading; nothing was changed"
    assert books.dump() == before


def test_rows_of_one_identity_on_one_page_are_added_up(books):
    lease = books.account()
    twice = [books.charge(0, "0.1"), books.charge(0, "0.2")]

    assert books.costs(lease, books.window(0, 1), *twice) == Counts(inserted=1)
    assert books.costs(lease, books.window(0, 1), *twice) == Counts(unchanged=1)
    assert books.rows("SELECT amount, amount_usd FROM charges") == [(Decimal("0.3"), Decimal("0.3"))]


def test_days_a_provider_omits_are_kept_and_days_it_mentions_are_replaced(books):
    lease = books.account()
    first = [books.usage(0, 1), books.usage(1, 2), books.usage(1, 3, scope="p")]
    books.tokens(lease, books.window(0, 2), *first)

    counts = books.tokens(lease, books.window(0, 2), books.usage(1, 2), omits_days=True)

    assert counts == Counts(deleted=1, unchanged=1)
    assert sorted(q for (q,) in books.rows("SELECT quantity FROM usage")) == [1, 2]


@pytest.mark.parametrize("fault", ["roll_up", "apply", "count_changes", "choose_sources", "_book"])
def test_a_transaction_that_fails_half_way_leaves_everything_as_it_was(books, fault):
    lease = books.account()
    books.tokens(lease, books.window(0, 2), books.usage(0, 1), books.usage(1, 5))
    before = books.dump()
    module = facts if hasattr(facts, fault) else choice

    real = getattr(module, fault)

    def fails_afterwards(*args, **kwargs):
        real(*args, **kwargs)
        raise RuntimeError("the power went out")

    with patch.object(module, fault, fails_afterwards), pytest.raises(RuntimeError):
        books.tokens(lease, books.window(0, 3), books.usage(0, 2), books.usage(2, 9))

    assert books.dump() == before
    assert books.tokens(lease, books.window(0, 3), books.usage(0, 2), books.usage(2, 9)) == Counts(1, 1, 1, 0)


def test_a_row_postgres_refuses_is_one_sentence_and_changes_nothing(books):
    lease = books.account()
    before = books.dump()

    with pytest.raises(StoreError, match="refused a statement"):
        books.tokens(lease, books.window(0, 1), books.usage(0, "1E+200000"))

    assert books.dump() == before


def test_activity_that_overlaps_other_reports_is_kept_but_never_booked(books):
    lease = books.account()
    books.read(lease, "code", Source.ANALYTICS, books.window(0, 1), usage=[[books.usage(0, 9)]])

    assert books.one("SELECT quantity FROM daily_usage") == 9
    assert books.rows("SELECT * FROM ledger") == []


def test_the_same_window_of_another_report_or_account_is_left_alone(books):
    acme, other = books.account(), books.account("other")
    window = books.window(0, 1)
    books.tokens(acme, window, books.usage(0, 1))
    books.tokens(other, window, books.usage(0, 2))
    books.read(acme, "images", Source.USAGE_API, window, usage=[[books.usage(0, 4)]])

    assert books.tokens(acme, window) == Counts(deleted=1)
    assert sorted(books.rows("SELECT account_id, report FROM usage")) == [("acme", "images"), ("other", "usage")]


# Which source counts.


@pytest.mark.parametrize(
    ("stated", "estimated", "chosen"), [(3, 4, "priced_usage"), (4, 3, "cost_api"), (3, 3, "cost_api")]
)
def test_until_a_day_is_settled_the_larger_of_stated_and_estimated_counts(books, stated, estimated, chosen):
    lease = books.account()
    books.estimates(lease, books.window(0, 1), books.charge(0, estimated))
    books.costs(lease, books.window(0, 1), books.charge(0, stated), settled_until=books.moment(0))

    assert best(books) == [(0, chosen, True, max(stated, estimated))]
    assert confidence(books) == [(0, chosen, "provisional")]


def test_a_settled_day_counts_as_stated_however_large_the_estimate(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 2), books.charge(0, 9), books.charge(1, 9))
    charges = [books.charge(0, 5), books.charge(1, 5)]
    books.costs(lease, books.window(0, 2), *charges, settled_until=books.moment(1))

    assert best(books) == [(0, "cost_api", True, 5), (1, "priced_usage", True, 9)]
    assert confidence(books) == [(0, "cost_api", "official"), (1, "priced_usage", "provisional")]


def test_a_day_that_becomes_settled_without_a_changed_row_is_chosen_again_and_booked(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 1), books.charge(0, 9))
    books.costs(lease, books.window(0, 1), books.charge(0, 5), settled_until=books.moment(0))

    counts = books.costs(lease, books.window(0, 1), books.charge(0, 5), settled_until=books.moment(1))

    assert counts == Counts(unchanged=1)
    assert best(books) == [(0, "cost_api", True, 5)]
    assert books.rows("SELECT recognized, reversed FROM ledger") == [(9, 4)]


def test_a_second_cost_report_that_lags_behind_makes_days_unsettled_again(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 1), books.charge(0, 9))
    books.costs(lease, books.window(0, 1), books.charge(0, 5), settled_until=books.moment(1))
    books.read(lease, "more costs", Source.COST_API, books.window(0, 1), settled_until=books.moment(0))

    assert best(books) == [(0, "priced_usage", True, 9)]


def test_a_cost_report_that_comes_back_settles_the_days_it_had_before(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 1), books.charge(0, 9))
    books.costs(lease, books.window(0, 1), books.charge(0, 5), settled_until=books.moment(0))
    now = books.moment(5)
    books.run(states.mark_missing, "acme", "costs", "cost_api", now, now, "not enabled")
    books.costs(lease, books.window(1, 5), settled_until=books.moment(3))

    assert best(books) == [(0, "cost_api", True, 5)]


def test_a_typed_in_charge_counts_as_stated_at_once_and_says_so(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 2), books.charge(0, 9), books.charge(1, 8))
    books.read(lease, "manual", Source.MANUAL, books.window(0, 1), charges=[[books.charge(0, 2)]])

    assert best(books) == [(0, "manual", True, 2), (1, "priced_usage", False, 8)]
    assert confidence(books) == [(0, "manual", "manual"), (1, "priced_usage", "estimated")]


def test_the_providers_report_wins_over_an_invoice_and_an_invoice_is_official(books):
    lease = books.account()
    invoice = [books.charge(0, 4), books.charge(1, 6)]
    books.read(lease, "invoices", Source.INVOICE, books.window(0, 2), charges=[invoice])
    books.costs(lease, books.window(0, 1), books.charge(0, 1))

    assert best(books) == [(0, "cost_api", True, 1), (1, "invoice", True, 6)]
    assert confidence(books) == [(0, "cost_api", "provisional"), (1, "invoice", "official")]


def invoiced(books, lease):
    """Four dollars on each of ten days."""
    page = [books.charge(day, 4) for day in range(10)]
    books.read(lease, "invoices", Source.INVOICE, books.window(0, 10), charges=[page])


def on_invoice(books):
    return [day for day, source, *_ in best(books) if source == "invoice"]


def test_a_day_the_cost_report_is_silent_about_takes_no_share_of_an_invoice(books):
    lease = books.account()
    books.costs(lease, books.window(3, 6), books.charge(4, 1))
    invoiced(books, lease)

    assert on_invoice(books) == [0, 1, 2, 6, 7, 8, 9]
    assert books.rows("SELECT recognized, reversed FROM ledger") == [(29, 0)]


def test_an_invoice_gives_way_day_by_day_as_the_cost_report_is_read_to_both_sides(books):
    lease = books.account()
    invoiced(books, lease)
    balances = []
    for window in [(4, 6), (6, 8), (2, 4), (4, 8)]:
        books.costs(lease, books.window(*window))
        balances += books.rows("SELECT recognized, reversed FROM ledger")

    assert on_invoice(books) == [0, 1, 8, 9]
    assert balances == [(40, 8), (40, 16), (40, 24), (40, 24)]


def test_a_day_read_in_part_is_not_answered_for(books):
    lease = books.account()
    invoiced(books, lease)
    books.costs(lease, books.window(2.5, 4.5))
    assert on_invoice(books) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    books.costs(lease, books.window(4, 5))
    assert on_invoice(books) == [0, 1, 2, 5, 6, 7, 8, 9]


def test_on_a_silent_day_an_estimate_or_what_people_typed_in_counts_as_without_the_invoice(books):
    lease = books.account()
    invoiced(books, lease)
    books.estimates(lease, books.window(0, 2), books.charge(0, 3), books.charge(1, 9))
    typed_in = [books.charge(1, 2)]
    books.read(lease, "manual", Source.MANUAL, books.window(1, 2), charges=[typed_in])
    books.read(lease, "import", Source.IMPORT, books.window(2, 3), charges=[[books.charge(2, 1)]])
    books.costs(lease, books.window(0, 10))

    assert best(books) == [(0, "priced_usage", False, 3), (1, "manual", True, 2), (2, "import", True, 1)]


def test_only_a_cost_report_of_the_same_account_answers(books):
    acme, other = books.account(), books.account("other")
    invoiced(books, acme)
    books.costs(other, books.window(0, 10))
    books.tokens(acme, books.window(0, 10), books.usage(0, 1))

    assert on_invoice(books) == list(range(10))


def test_of_two_cost_reports_either_answers(books):
    lease = books.account()
    invoiced(books, lease)
    books.costs(lease, books.window(0, 7))
    books.read(lease, "more costs", Source.COST_API, books.window(6, 9))

    assert on_invoice(books) == [9]


def test_a_cost_report_that_becomes_missing_has_answered_what_it_answered(books):
    lease = books.account()
    books.costs(lease, books.window(0, 4), books.charge(0, 1))
    now = books.moment(5)
    books.run(states.mark_missing, "acme", "costs", "cost_api", now, now, "not enabled")
    invoiced(books, lease)
    assert on_invoice(books) == [4, 5, 6, 7, 8, 9]
    books.costs(lease, books.window(3, 8))

    assert on_invoice(books) == [8, 9]


def test_a_cost_report_that_was_never_there_answers_for_nothing(books):
    lease = books.account()
    now = books.moment(5)
    books.run(states.mark_missing, "acme", "costs", "cost_api", now, now, "not enabled")
    invoiced(books, lease)

    assert on_invoice(books) == list(range(10))


def test_a_credit_lowers_the_books_and_is_reversed(books):
    lease = books.account()
    books.costs(lease, books.window(0, 1), books.charge(0, -12))

    assert best(books) == [(0, "cost_api", True, -12)]
    assert books.rows("SELECT recognized, reversed FROM ledger") == [(0, 12)]


# The guard.


def test_a_reading_the_guard_refuses_keeps_the_old_figures(books):
    lease = books.account()
    books.estimates(lease, books.window(0, 2), books.charge(0, 4), books.charge(1, 4))
    books.costs(lease, books.window(0, 1), books.charge(0, 5))
    before = books.dump()
    compared = []

    def guard(billed, estimated):
        compared.append((billed, estimated))
        raise UnitMismatch("cents")

    with pytest.raises(UnitMismatch):
        books.costs(lease, books.window(0, 3), books.charge(0, 500), books.charge(2, 1), guard=guard)

    assert compared == [(500, 4)]  # only days that have both
    assert books.dump() == before


# What is known of a report.


def test_a_reading_extends_what_is_known_of_the_report_to_both_sides(books):
    lease = books.account()
    options = {"kind": Pass.LATE, "settled_until": books.moment(8), "wanted_from": books.moment(0)}
    books.costs(lease, books.window(5, 10), books.charge(7, 1), read_at=books.moment(9.5), **options)
    books.costs(lease, books.window(2, 5), kind=Pass.HISTORY, read_at=books.moment(11))

    columns = "read_from, read_until, read_at, read_late_at, latest_end, settled_until"
    [state] = books.rows(f"SELECT {columns} FROM report_state")
    moments = [books.moment(day) for day in (2, 10, 9.5, 9.5, 8, 8)]
    assert state == tuple(moments)


def test_the_newest_data_never_lies_in_the_future(books):
    lease = books.account()
    books.costs(lease, books.window(0, 1), books.charge(0, 1), read_at=books.moment(0, 9))

    assert books.one("SELECT latest_end FROM report_state") == books.moment(0, 9)


def test_tokens_that_retention_dropped_and_a_long_pass_reads_again_are_not_booked_twice(books):
    lease = books.account()
    books.tokens(lease, books.window(0, 3), books.usage(0, 5), books.usage(2, 7))
    before = books.rows("SELECT * FROM ledger")
    books.run(lambda db: db.execute(text("DELETE FROM usage")))
    books.tokens(lease, books.window(0, 3), books.usage(0, 5), books.usage(2, 7))

    assert books.rows("SELECT * FROM ledger") == before


def test_a_row_longer_than_its_report_can_have_is_refused(books):
    lease = books.account()
    with pytest.raises(UnexpectedReply, match="longer than 1 day"):
        books.costs(lease, books.window(0, 3), books.charge(0, 1, days=2))


# Fencing.


def test_who_lost_the_lease_writes_nothing(books):
    lease = books.account()
    books.run(leases.release, lease, due_in=timedelta(0))
    assert books.run(leases.claim, "acme", "other", lasts=HOUR) is not None
    before = books.dump()

    with pytest.raises(LeaseLost, match="another replica took over acme; nothing was written"):
        books.costs(lease, books.window(0, 1), books.charge(0, 1))

    assert books.dump() == before


def test_nobody_takes_over_while_a_replacement_is_being_written(books):
    lease = books.account()
    books.run(partitions.ensure, books.window(0, 1))
    reading = books.reading("costs", Source.COST_API, books.window(0, 1), charges=[[books.charge(0, 1)]])
    books.run(lambda db: db.exec_driver_sql("UPDATE sync_state SET lease_expires_at = now()"))  # it has just run out
    with transaction(books.engine) as db:
        replace_window(db, lease, reading)
        assert books.run(leases.claim, "acme", "other", lasts=HOUR) is None
        assert books.run(leases.claim_due, "other", lasts=HOUR, limit=9) == []
    reading.stage.close()

    taken = books.run(leases.claim, "acme", "other", lasts=HOUR)
    assert taken is not None
    assert taken.token == lease.token + 1
    assert books.one("SELECT count(*) FROM charges") == 1


def test_two_accounts_are_written_at_the_same_time(books):
    acme, other = books.account(), books.account("other")
    books.run(partitions.ensure, books.window(0, 1))
    done = threading.Event()

    def write_other():
        books.tokens(other, books.window(0, 1), books.usage(0, 2))
        done.set()

    reading = books.reading("usage", Source.USAGE_API, books.window(0, 1), usage=[[books.usage(0, 1)]])
    with transaction(books.engine) as db:
        replace_window(db, acme, reading)
        thread = threading.Thread(target=write_other)
        thread.start()
        assert done.wait(20)
    thread.join()
    reading.stage.close()


def test_two_readings_fit_into_one_transaction(books):
    lease = books.account()
    books.run(partitions.ensure, books.window(0, 1))
    with transaction(books.engine) as db:
        for quantity in (1, 2):
            reading = books.reading("usage", Source.USAGE_API, books.window(0, 1), usage=[[books.usage(0, quantity)]])
            counts = replace_window(db, lease, reading)
            reading.stage.close()
    assert counts == Counts(updated=1)


def test_a_stage_larger_than_memory_spills_and_loses_nothing(books):
    lease = books.account()
    rows = [
        Usage(books.window(0, 1), Dimensions("input", "tokens", scope=f"{'x' * 200}{n}"), Decimal(n))
        for n in range(15_000)
    ]

    assert books.tokens(lease, books.window(0, 1), *rows) == Counts(inserted=15_000)
    assert books.one("SELECT recognized FROM ledger") == sum(range(15_000))
