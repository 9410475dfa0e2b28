"""Nowcasts of an account, from the first look at its days to the metrics of today, yesterday and its budgets."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.budgets import Budget
from exporter.domain import DAY
from exporter.insights import nowcasts as insight
from exporter.insights.context import Context
from exporter.insights.panel import read_panel
from exporter.pricing import NoList, PriceBook
from exporter.publish import nowcasts as publish
from exporter.store import budgets
from exporter.store import nowcasts as store

MARCH = date(2026, 3, 1)
ARRIVED = {0: 0, 6: 10, 12: 40, 18: 80, 24: 90, 30: 100}  # what is seen of a day of 100 dollars, by its age


def analysed(books, now: datetime) -> str:
    """One run of this step."""

    def step(db):
        return insight.refresh(db, Context(read_panel(db, now), now, PriceBook(NoList()), {}))

    return books.run(step)


def synced(books, now: datetime, account: str = "acme") -> None:
    books.rows("UPDATE sync_state SET last_success_at = :now WHERE account_id = :a RETURNING 1", now=now, a=account)


def there(age: int) -> int:
    return ARRIVED[max(step for step in ARRIVED if step <= age)]


def told(books, lease, day: float, factor: float = 1.0, *, first: int = 0) -> datetime:
    """The cost report as it stands `day` days after the start, every day of it worth 100 dollars in the end."""
    now = books.moment(day)
    days = range(max(first, int(day) - 5), int(day) + 1)
    amounts = {number: there(int((day - number) * 24)) * (factor if number == int(day) else 1) for number in days}
    charges = [books.charge(number, amount) for number, amount in amounts.items() if amount]
    window = books.window(min(days), int(day) + 1)
    books.costs(lease, window, *charges, settled_until=books.moment(int(day) - 1), read_at=now)
    synced(books, now, lease.account)
    return now


def lived(books, lease) -> None:
    """The exporter reads a week, then runs until the twentieth day, analysing every six hours."""
    told(books, lease, 7)
    for quarter in range(8 * 4, 20 * 4):
        analysed(books, told(books, lease, quarter / 4))


def nowcast(books, day: int, account: str = "acme"):
    rows = books.rows(
        "SELECT seen, expected, lower, upper, completeness FROM nowcasts WHERE account_id = :a AND day = :d",
        a=account,
        d=MARCH + day * DAY,
    )
    return rows[0] if rows else None


def published(books, now: datetime) -> dict[str, dict]:
    found = books.run(publish.families, now)
    return {family.definition.name.removeprefix("spend_"): dict(family.samples) for family in found}


@pytest.fixture
def lease(books):
    lease = books.account(team="core")
    lived(books, lease)
    return lease


def test_a_half_filled_day_is_completed_by_what_was_learnt(books, lease):
    assert analysed(books, told(books, lease, 20.5)) == "2 nowcasts"
    seen, expected, lower, upper, completeness = nowcast(books, 20)
    assert seen == 40
    assert expected == pytest.approx(100, rel=0.05)
    assert lower <= 100 <= upper
    assert completeness == pytest.approx(0.4)
    assert nowcast(books, 19)[:2] == (100, pytest.approx(100))  # thirty-six hours old: all there
    assert nowcast(books, 18) is None  # settled
    assert books.run(store.completeness) == {
        ("acme", date(2026, 3, 21)): pytest.approx(0.4),
        ("acme", date(2026, 3, 20)): 1,
    }


def test_a_day_of_three_times_the_usual_is_seen_by_noon(books, lease):
    analysed(books, told(books, lease, 20.5, 3))
    assert nowcast(books, 20)[1] > 220


def test_the_first_look_in_an_hour_stays_and_the_nowcast_is_renewed(books, lease):
    analysed(books, told(books, lease, 20.5))
    looks = books.rows("SELECT * FROM arrivals ORDER BY 1, 2, 3")
    later = told(books, lease, 20.5, 2) + timedelta(minutes=40)
    synced(books, later)
    analysed(books, later)
    assert books.rows("SELECT * FROM arrivals ORDER BY 1, 2, 3") == looks
    assert nowcast(books, 20)[0] == 80
    assert {made_at for (made_at,) in books.rows("SELECT made_at FROM nowcasts")} == {later}


def test_looks_of_long_ago_are_forgotten(books, lease):
    later = books.moment(150)
    analysed(books, later)
    assert books.one("SELECT count(*) FROM arrivals") == 0


def test_an_account_that_stopped_syncing_grows_no_older(books, lease):
    told(books, lease, 20.5)
    analysed(books, books.moment(20, 22))  # nothing was read for ten hours
    assert nowcast(books, 20)[4] == pytest.approx(0.4)
    assert books.one("SELECT max(age_hours) FROM arrivals WHERE day = :d", d=MARCH + 20 * DAY) == 12
    analysed(books, books.moment(21, 3))
    assert nowcast(books, 21) is None
    assert nowcast(books, 20)[4] == pytest.approx(0.4)


def test_history_that_is_still_being_read_was_not_watched(books):
    lease = books.account()
    told(books, lease, 10, first=9)
    analysed(books, books.moment(10))
    assert books.rows("SELECT day, age_hours FROM arrivals ORDER BY 1") == [
        (MARCH + 9 * DAY, 24),
        (MARCH + 10 * DAY, 0),
    ]


def test_without_looks_the_hours_of_usage_tell_how_a_day_goes(books):
    lease = books.account()
    now = books.moment(20, 12)
    hours = [
        books.charge(0, 1)._replace(period=part, amount=Decimal(4))
        for part in books.window(0, 20.5).split(timedelta(hours=1))
    ]
    books.estimates(lease, books.window(0, 20.5), *hours, read_at=now)
    synced(books, now)
    analysed(books, now)
    seen, expected, lower, upper, completeness = nowcast(books, 20)
    assert (seen, completeness) == (48, pytest.approx(0.5))
    assert expected == pytest.approx(96, rel=0.03)
    assert lower <= 96 <= upper
    assert nowcast(books, 19)[:2] == (96, pytest.approx(96))


def test_usage_that_lags_counts_up_to_where_it_reaches(books):
    lease = books.account()
    hours = [
        books.charge(0, 1)._replace(period=part, amount=Decimal(4))
        for part in books.window(0, 20.5).split(timedelta(hours=1))
    ]
    now = books.moment(20, 14)
    books.estimates(lease, books.window(0, 21), *hours, read_at=now)
    synced(books, now)
    analysed(books, now)
    assert nowcast(books, 20)[4] == pytest.approx(0.5)


def test_days_nobody_watched_and_no_hours_tell_nothing(books):
    lease = books.account()
    now = books.moment(20, 12)
    books.costs(lease, books.window(0, 21), *(books.charge(day, 100) for day in range(20)), read_at=now)
    synced(books, now)
    assert analysed(books, now) == "0 nowcasts"
    assert published(books, now) == {}


def test_accounts_that_were_removed_or_typed_in_have_no_nowcast(books, lease):
    books.rows("UPDATE accounts SET removed_at = now() WHERE id = 'acme' RETURNING 1")
    assert analysed(books, told(books, lease, 20.5)) == "0 nowcasts"


def test_today_and_yesterday_are_published_and_roll_over_at_midnight(books, lease):
    analysed(books, told(books, lease, 20.75))
    found = published(books, books.moment(20.75))
    today, yesterday = (("openai", "acme", "core", day) for day in ("today", "yesterday"))
    assert found["nowcast_usd"] == {today: pytest.approx(100, rel=0.05), yesterday: pytest.approx(100)}
    assert found["nowcast_lower_usd"][today] <= found["nowcast_usd"][today] <= found["nowcast_upper_usd"][today]
    assert found["nowcast_completeness_ratio"][("openai", "acme", "today")] == pytest.approx(0.8)

    after = published(books, books.moment(21, 0.2))
    assert after["nowcast_usd"] == {yesterday: found["nowcast_usd"][today]}
    assert published(books, books.moment(22, 0.2)) == {}


def test_a_nowcast_the_account_has_outgrown_is_not_published(books, lease):
    now = told(books, lease, 20.5)
    analysed(books, now)
    later = now + timedelta(hours=3)
    assert len(published(books, later)["nowcast_usd"]) == 2  # nothing is known since
    synced(books, later)
    assert published(books, later) == {}


def test_what_arrived_since_the_analysis_counts(books, lease):
    now = told(books, lease, 20.5)
    analysed(books, now)
    told(books, lease, 20.5, 5)
    found = published(books, now)
    today = ("openai", "acme", "core", "today")
    assert found["nowcast_usd"][today] == found["nowcast_upper_usd"][today] == 200


def test_a_budget_with_today_and_yesterday_completed(books, lease):
    for budget in (
        Budget(id="all", amount=Decimal(1)),
        Budget(id="core", amount=Decimal(1), team="core"),
        Budget(id="day", amount=Decimal(1), period="week", start=date(2026, 3, 21)),
        Budget(id="model", amount=Decimal(1), model="gpt-5"),
        Budget(id="other", amount=Decimal(1), team="other"),
        Budget(id="tagged", amount=Decimal(1), tags=(("a", "b"),)),
    ):
        books.run(budgets.add, budget)
    now = told(books, lease, 20.1)  # yesterday is a tenth short, today has nothing yet
    analysed(books, now)
    missing = [nowcast(books, day)[1] - nowcast(books, day)[0] for day in (19, 20)]
    assert missing == [pytest.approx(10, abs=3), pytest.approx(100, abs=8)]
    spent = float(books.one("SELECT sum(amount_usd) FROM best_days"))
    found = published(books, now)["budget_nowcast_usd"]
    assert found == {
        ("all",): pytest.approx(spent + sum(missing)),
        ("core",): pytest.approx(spent + sum(missing)),
        ("day",): pytest.approx(missing[1]),  # begins today
        ("model",): 0,
    }


def test_a_budget_of_a_model_gets_the_model_s_share(books):
    lease = books.account()
    now = books.moment(20, 12)
    hours = [
        books.charge(0, 1, model=model)._replace(period=part, amount=Decimal(usd))
        for part in books.window(0, 20.5).split(timedelta(hours=1))
        for model, usd in (("small", 1), ("large", 3))
    ]
    books.estimates(lease, books.window(0, 20.5), *hours, read_at=now)
    synced(books, now)
    analysed(books, now)
    books.run(budgets.add, Budget(id="large", amount=Decimal(1), model="large"))
    seen, expected, *_ = nowcast(books, 20)
    found = published(books, now)["budget_nowcast_usd"]
    assert found[("large",)] == pytest.approx(20.5 * 72 + 0.75 * (expected - seen))
