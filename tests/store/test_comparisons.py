"""The views that dashboards and the API share, beside plain Python over the same books."""

from __future__ import annotations

import random
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from exporter.domain import Source
from exporter.store import comparisons
from exporter.store.engine import transaction
from exporter.store.figures import Calendar

Days = dict[date, Decimal]
DAY = timedelta(days=1)
TODAYS = [date.fromisoformat(day) for day in (
    "2025-02-28", "2024-02-29", "2026-01-31", "2026-04-30", "2026-03-31", "2026-03-30", "2026-05-31", "2026-12-31",
    "2026-01-01", "2026-03-01", "2026-05-15",
)]  # fmt: skip


@pytest.fixture
def filled(books):
    """Three accounts with random days: of long ago, since the middle of a month, since yesterday. One has a future."""

    def fill(today: date) -> dict[str, Days]:
        books.start = datetime(today.year, today.month, today.day, tzinfo=UTC)
        chance = random.Random(today.toordinal())
        filled = {}
        for account, first, last in (("long", -500, 3), ("short", -40, -2), ("new", -1, 0)):
            lease = books.account(account, team=account[0])
            days = [first, *(day for day in range(first + 1, last + 1) if chance.random() < 0.7)]
            charges = [books.charge(day, chance.randint(1, 10_000) / 100) for day in days]
            books.costs(lease, books.window(first, last + 1), *charges)
            filled[account] = {(today + day * DAY): charge.amount for day, charge in zip(days, charges, strict=True)}
        return filled

    return fill


def between(days: Days, first: date, last: date) -> Decimal:
    return sum((amount for day, amount in days.items() if first <= day <= last), Decimal(0))


def months_before(start: date, months: int) -> date:
    number = start.year * 12 + start.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def same_day(today: date, months: int) -> date:
    start = months_before(today, months)
    return start.replace(day=min(today.day, monthrange(start.year, start.month)[1]))


def expected(days: Days, today: date, months: int) -> list[tuple]:
    """Every period of so many months, from the first with a figure to the one that today is in."""
    first, found = min(days), []
    start = date(first.year, (first.month - 1) // months * months + 1, 1)
    while start <= today:
        following = months_before(start, -months)
        before = months_before(start, months)
        amount = between(days, start, min(today, following - DAY))
        whole, part = between(days, before, start - DAY), between(days, before, same_day(today, months))
        running, known, covered = following > today, first < start, first <= before
        found.append((
            start, amount, whole if known else None, part if known and running else None,
            float(amount / whole - 1) if covered and not running and whole else None,
            float(amount / part - 1) if covered and running and part else None,
        ))  # fmt: skip
        start = following
    return found


@pytest.mark.parametrize("today", TODAYS, ids=str)
@pytest.mark.parametrize(("function", "months"), [(comparisons.months, 1), (comparisons.quarters, 3)])
def test_months_and_quarters_equal_plain_python(books, filled, today, function, months):
    accounts = filled(today)
    rows = books.run(function, today, date(2000, 1, 1))
    for account, days in accounts.items():
        found = [tuple(row[4:]) for row in rows if row.account == account]
        wanted = expected(days, today, months)
        assert [row[:4] for row in found] == [row[:4] for row in wanted]
        for row, plain in zip(found, wanted, strict=True):
            assert row[4:] == pytest.approx(plain[4:])
    assert {row.account: (row.team, row.first_day) for row in rows} == {
        account: (account[0], min(days)) for account, days in accounts.items()
    }
    assert books.run(function, today, today.replace(day=1)) == [
        row for row in rows if row.start >= today.replace(day=1)
    ]


@pytest.mark.parametrize("today", TODAYS, ids=str)
def test_the_same_day_is_the_one_of_the_published_figures(today):
    assert same_day(today, 1) == Calendar(today).same_day


@pytest.mark.parametrize("today", TODAYS[:3], ids=str)
def test_moving_averages_equal_plain_python(books, filled, today):
    accounts = filled(today)
    rows = books.run(comparisons.averages, today, date(2000, 1, 1))
    for account, days in accounts.items():
        first = min(days)
        found = {row.day: row[4:] for row in rows if row.account == account}
        assert list(found) == [first + n * DAY for n in range((today - first).days)]
        for day, (amount, avg7, avg30) in found.items():
            assert amount == days.get(day, 0)
            lived = (day - first).days + 1
            for average, window in ((avg7, 7), (avg30, 30)):
                plain = between(days, day - (window - 1) * DAY, day) / min(window, lived)
                assert average == pytest.approx(plain, rel=Decimal("1e-12"))
    assert books.run(comparisons.averages, today, today - DAY) == [row for row in rows if row.day == today - DAY]


def test_what_is_known_of_a_day_is_what_best_charges_says(books, filled):
    today = date(2026, 3, 31)
    filled(today)
    books.costs(books.account("mixed"), books.window(-9, -4), books.charge(-9, 1), books.charge(-8, 2, scope="s"),
                books.charge(-8, 2), settled_until=books.moment(-8))  # fmt: skip
    lease = books.account("estimated")
    books.estimates(lease, books.window(-9, -4), books.charge(-9, 3), books.charge(-8, 3, model="m"))
    for number, source in enumerate((Source.MANUAL, Source.INVOICE, Source.IMPORT, Source.REQUEST)):
        books.read(books.account(f"s{number}"), "r", source, books.window(-3, -1), charges=[[books.charge(-2, 1)]])
    columns = "day, provider, account_id, team, category, source, confidence"
    plain = books.rows(f"SELECT {columns}, sum(amount_usd) FROM best_charges GROUP BY {columns} ORDER BY {columns}")
    assert books.rows(f"SELECT {columns}, amount_usd FROM daily_spend ORDER BY {columns}") == plain
    assert {row[6] for row in plain} == {"official", "provisional", "estimated", "manual"}


def test_today_is_utc_unless_it_is_set(books):
    day = "(now() AT TIME ZONE 'UTC')::date"
    with transaction(books.engine) as db:
        for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
            db.execute(text(f"SET LOCAL timezone = '{zone}'"))
            assert db.scalar(text(f"SELECT spend_today() = {day}"))
        db.execute(text("SET LOCAL spend.today = '2024-02-29'"))
        assert db.scalar(text("SELECT spend_today()")) == date(2024, 2, 29)
    assert books.one(f"SELECT spend_today() = {day}")


def test_a_sessions_time_zone_moves_no_border(books, filled):
    today = date(2026, 3, 31)
    filled(today)
    plain = [books.run(function, today, date(2000, 1, 1)) for function in (comparisons.months, comparisons.averages)]
    with transaction(books.engine) as db:
        db.execute(text("SET LOCAL timezone = 'America/New_York'"))
        moved = [function(db, today, date(2000, 1, 1)) for function in (comparisons.months, comparisons.averages)]
    assert moved == plain


def plan(books, statement: str) -> str:
    with transaction(books.engine) as db:
        db.execute(text("SET LOCAL spend.today = '2026-03-31'"))
        db.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(db.scalars(text(f"EXPLAIN (ANALYZE, TIMING off, SUMMARY off) {statement}")))


@pytest.mark.parametrize(
    ("view", "column", "account_days"),
    [
        ("moving_averages", "day", 3 * 30),
        ("month_comparison", "month", 2 * 62),
        ("quarter_comparison", "quarter", 2 * 92),
    ],
)
def test_a_view_reads_the_days_that_are_asked_for(books, filled, view, column, account_days):
    filled(date(2026, 3, 31))
    first = {"day": "2026-03-28", "month": "2026-03-01", "quarter": "2026-01-01"}[column]
    said = plan(books, f"SELECT * FROM {view} WHERE account_id = 'long' AND {column} >= '{first}'")
    assert "spend_comparison" not in said, "the function is no longer inlined"
    reads = [line for line in said.splitlines() if "best_days b" in line]
    assert len(reads) == 1
    rows, loops = (float(reads[0].split(word)[-1].split()[0].rstrip(")")) for word in ("rows=", "loops="))
    assert rows * loops <= account_days, said
    looked_up = said[said.index("best_days b") :]
    assert "(day >= " in looked_up[looked_up.index("Index Cond") :].splitlines()[0], said


def test_accounts_without_figures_and_future_ones_have_no_rows(books):
    books.account("empty")
    books.costs(books.account("future"), books.window(5, 6), books.charge(5, 1))
    today = books.start.date()
    for function in (comparisons.months, comparisons.quarters, comparisons.averages):
        assert books.run(function, today, date(2000, 1, 1)) == []
