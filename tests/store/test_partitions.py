from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from exporter.domain import Period, Source
from exporter.store import partitions, retention


def attached(books) -> list[str]:
    return [
        name
        for (name,) in books.rows(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent IN ('usage'::regclass, 'charges'::regclass) ORDER BY 1"
        )
    ]


def test_a_window_over_new_year_touches_both_months():
    window = Period(datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC))

    assert list(partitions.months(window)) == [date(2025, 12, 1), date(2026, 1, 1)]


def test_every_month_of_a_long_window_is_there(books):
    window = Period(datetime(2025, 11, 5, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC))
    books.run(partitions.ensure, window)
    books.run(partitions.ensure, window)

    months = ["2025_11", "2025_12", "2026_01", "2026_02"]
    assert attached(books) == [f"{table}_{month}" for table in ("charges", "usage") for month in months]


def test_the_last_and_the_first_moment_of_a_year_go_where_they_belong(books):
    lease = books.account()
    last, first = datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    window = Period(last - timedelta(hours=23), first + timedelta(days=1))
    day = (last - books.start).total_seconds() / 86400
    books.tokens(lease, window, books.usage(day, 1, hours=1), books.usage(day + 1 / 24, 2, hours=1))

    assert books.rows("SELECT tableoid::regclass::text, quantity FROM usage ORDER BY 2") == [
        ("usage_2025_12", 1),
        ("usage_2026_01", 2),
    ]


def test_threads_that_need_the_same_partitions_at_once_all_get_them(books):
    window = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    barrier, faults = threading.Barrier(5), []

    def work():
        barrier.wait()
        try:
            books.run(partitions.ensure, window)
        except Exception as fault:  # noqa: BLE001
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert len(attached(books)) == 8


def test_partitions_before_a_month_are_dropped_and_nothing_else(books):
    books.run(partitions.ensure, Period(datetime(2025, 11, 5, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))

    dropped = books.run(partitions.drop_before, date(2025, 12, 1))

    assert dropped == ["charges_2025_11", "usage_2025_11"]
    assert attached(books) == [f"{table}_{month}" for table in ("charges", "usage") for month in ("2025_12", "2026_01")]


# Retention.

NOW = datetime(2026, 3, 15, tzinfo=UTC)


@pytest.fixture
def kept(books):
    """What is left of five months of three accounts, by account."""
    for name, months in (("common", None), ("short", 1), ("long", 4)):
        lease = books.account(name, retention_months=months)
        for month in (10, 11, 12, 13, 14):
            first = datetime(2025 + (month > 12), (month - 1) % 12 + 1, 3, tzinfo=UTC)
            day = (first - books.start).days
            books.tokens(lease, books.window(day, day + 1), books.usage(day, month))

    def left():
        rows = books.rows("SELECT account_id, array_agg(quantity::int ORDER BY 1) FROM usage GROUP BY 1")
        return {account: sorted(months) for account, months in rows}

    return left


def test_each_account_keeps_its_own_months_and_the_others_the_common_ones(books, kept):
    dropped = books.run(retention.forget, NOW, 2)

    assert kept() == {"common": [13, 14], "short": [14], "long": [11, 12, 13, 14]}
    assert dropped == ["charges_2025_10", "usage_2025_10"]


def test_totals_of_forgotten_months_do_not_change(books, kept):
    before = books.rows("SELECT * FROM daily_usage ORDER BY 1, 2"), books.rows("SELECT * FROM ledger ORDER BY 1, 2")
    books.run(retention.forget, NOW, 1)

    after = books.rows("SELECT * FROM daily_usage ORDER BY 1, 2"), books.rows("SELECT * FROM ledger ORDER BY 1, 2")
    assert after == before


def test_old_runs_are_forgotten_after_ninety_days(books):
    books.account()
    for days in (89, 91):
        books.run(
            lambda db, ago: db.exec_driver_sql(
                "INSERT INTO sync_runs (account_id, trigger, holder, started_at, finished_at, outcome, pages, inserted,"
                f" updated, deleted, unchanged) VALUES ('acme', 'schedule', 'me', now(), '{ago}', 'ok', 0, 0, 0, 0, 0)"
            ),
            NOW - timedelta(days=days),
        )
    books.run(retention.forget, NOW, 24)

    assert books.rows("SELECT finished_at FROM sync_runs") == [(NOW - timedelta(days=89),)]


@pytest.mark.parametrize(
    ("today", "months", "first"),
    [
        (date(2026, 1, 31), 1, date(2025, 12, 1)),
        (date(2026, 3, 1), 24, date(2024, 3, 1)),
        (date(2026, 12, 5), 12, date(2025, 12, 1)),
    ],
)
def test_months_are_counted_over_the_end_of_the_year(today, months, first):
    assert retention._months_ago(today, months) == first


def test_an_account_may_be_of_any_source_when_it_is_forgotten(books):
    lease = books.account("short", retention_months=1)
    books.read(lease, "m", Source.MANUAL, books.window(-90, -89), charges=[[books.charge(-90, 1)]])
    books.run(retention.forget, NOW, 24)

    assert books.one("SELECT count(*) FROM charges") == 0
    assert books.one("SELECT amount_usd FROM best_days") == 1
