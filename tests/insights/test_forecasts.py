"""Stored forecasts: what they say, what comes of them, and how good they were, from books to tables."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from exporter.budgets import Budget
from exporter.insights import forecasts, hindcasts
from exporter.insights.context import Context
from exporter.insights.panel import read_panel
from exporter.pricing import NoList, PriceBook
from exporter.store import budgets
from exporter.store import forecasts as store

MARCH = date(2026, 3, 1)  # the first day of `books`: a Sunday
TEN = 10.0


def week(day: int) -> float:
    """A weekly course with a mean of ten."""
    return TEN + (day % 7 - 3)


def spend(books, first: int, end: int, *, lease=None, amount=week, settled: int | None = None, account: str = "acme"):
    """Money on each day, settled up to one of them (the end)."""
    lease = lease or books.account(account, team="core")
    charges = [books.charge(day, amount(day)) for day in range(first, end)]
    books.costs(
        lease, books.window(first, end), *charges, settled_until=books.moment(end if settled is None else settled)
    )
    return lease


def refresh(books, day: float) -> str:
    """One run at noon of a day after the first of March."""

    def step(db):
        now = books.moment(day, 12)
        return forecasts.refresh(db, Context(read_panel(db, now), now, PriceBook(NoList()), {}))

    return books.run(step)


def stored(books, horizon: str, level: str = "account") -> dict:
    [row] = books.rows(
        "SELECT made_on, since, until, spent, total, lower, upper, naive, volatility, method FROM forecasts"
        " WHERE horizon = :horizon AND level = :level AND NOT hindcast ORDER BY made_on DESC LIMIT 1",
        horizon=horizon,
        level=level,
    )
    names = ("made_on", "since", "until", "spent", "total", "lower", "upper", "naive", "volatility", "method")
    return dict(zip(names, row, strict=True))


def test_a_month_is_what_was_spent_and_what_is_expected(books):
    spend(books, 0, 45)

    refresh(books, 45)  # the 15th of April

    month = stored(books, "month_end")
    assert (month["made_on"], month["since"], month["until"]) == (date(2026, 4, 15), date(2026, 4, 1), date(2026, 5, 1))
    assert month["spent"] == sum(week(day) for day in range(31, 45))
    [(ahead,)] = books.rows("SELECT sum(expected) FROM forecast_points WHERE level = 'account' AND day < '2026-05-01'")
    assert month["total"] == pytest.approx(month["spent"] + ahead, rel=0.01)  # of 90 days: made for another total
    assert month["total"] == pytest.approx(sum(week(day) for day in range(31, 61)), rel=0.05)
    assert month["spent"] < month["lower"] < month["total"] < month["upper"]
    quarter = stored(books, "quarter_end")
    assert (quarter["since"], quarter["until"]) == (date(2026, 4, 1), date(2026, 7, 1))
    assert quarter["spent"] == month["spent"]
    thirty = stored(books, "30d")
    assert (thirty["since"], thirty["until"], thirty["spent"]) == (date(2026, 4, 15), date(2026, 5, 15), 0)
    assert thirty["naive"] == pytest.approx(sum(week(day) for day in range(15, 45)))


def test_everything_gets_every_horizon_and_what_has_no_known_day_gets_none(books):
    spend(books, 0, 20)
    books.run(budgets.add, Budget(id="b", amount=Decimal(100), team="core"))
    books.run(budgets.add, Budget(id="nobody", amount=Decimal(100), team="other"))

    refresh(books, 20)

    found = books.rows("SELECT level, name, count(*) FROM forecasts WHERE NOT hindcast GROUP BY 1, 2 ORDER BY 1, 2")
    levels = [("account", ""), ("budget", "b"), ("provider", "openai"), ("team", "core"), ("total", "")]
    assert found == [(*level, 5) for level in levels]


def test_a_day_again_replaces_its_own_forecasts_only(books):
    lease = spend(books, 0, 20)
    refresh(books, 20)
    spend(books, 20, 21, lease=lease)
    refresh(books, 21)
    yesterday = books.rows("SELECT * FROM forecasts WHERE made_on = '2026-03-21' ORDER BY 1, 2, 3, 4")
    before = stored(books, "30d")["total"]

    spend(books, 0, 21, lease=lease, amount=lambda day: 2 * week(day))
    refresh(books, 21)

    assert stored(books, "30d")["total"] == pytest.approx(2 * before)
    assert books.rows("SELECT * FROM forecasts WHERE made_on = '2026-03-21' ORDER BY 1, 2, 3, 4") == yesterday
    assert books.one("SELECT count(*) FROM forecasts WHERE level = 'total' AND horizon = '30d'") == 2


def test_what_is_the_same_is_not_written_again_and_what_is_gone_goes(books):
    spend(books, 0, 20)
    books.run(budgets.add, Budget(id="b", amount=Decimal(100)))
    refresh(books, 20)
    written = "SELECT level, horizon, ctid::text, xmin::text FROM forecasts WHERE level <> 'budget' ORDER BY 1, 2"
    before = books.rows(written)
    books.run(budgets.remove, "b")
    refresh(books, 20)
    assert books.rows(written) == before
    assert books.one("SELECT count(*) FROM forecasts WHERE level = 'budget'") == 0


def test_today_is_no_part_of_a_forecast(books):
    lease = spend(books, 0, 30)
    refresh(books, 30)
    before = stored(books, "30d")

    spend(books, 30, 31, lease=lease, amount=lambda _: 5000)
    refresh(books, 30)

    assert stored(books, "30d") == before


def test_days_a_provider_is_late_with_are_forecast_and_the_target_days_stay(books):
    spend(books, 0, 42)

    refresh(books, 45)  # three days unanswered

    thirty, month = stored(books, "30d"), stored(books, "month_end")
    assert (thirty["since"], thirty["until"]) == (date(2026, 4, 15), date(2026, 5, 15))
    assert thirty["total"] == pytest.approx(sum(week(day) for day in range(45, 75)), rel=0.05)
    known = sum(week(day) for day in range(31, 42))
    assert month["spent"] == pytest.approx(known + sum(week(day) for day in range(42, 45)), rel=0.05)
    points = books.rows("SELECT day, expected FROM forecast_points WHERE level = 'account' ORDER BY day")
    assert (points[0][0], len(points)) == (date(2026, 4, 15), 90)
    for day, expected in points[:7]:
        assert expected == pytest.approx(week((day - MARCH).days), rel=0.15)


def test_what_nobody_has_answered_for_in_a_month_is_not_forecast(books):
    spend(books, 0, 20)
    refresh(books, 51)
    assert books.one("SELECT count(*) FROM forecasts WHERE NOT hindcast") == 0


@pytest.mark.parametrize(("days", "kind"), [(1, "new"), (13, "new"), (14, "medium"), (28, "calm")])
def test_a_brand_new_series_says_so(books, days, kind):
    spend(books, 0, days, amount=lambda day: 10 if day < 7 else 12)
    refresh(books, days)
    assert stored(books, "30d")["volatility"] == kind
    assert ("new series" in stored(books, "30d")["method"]) == (kind == "new")


def came(books, made_on: date, horizon: str = "30d"):
    return books.one(
        "SELECT came FROM forecasts WHERE level = 'account' AND horizon = :horizon AND made_on = :made_on",
        horizon=horizon,
        made_on=made_on,
    )


def test_what_came_is_filled_in_when_settled_and_follows_the_books(books):
    lease = spend(books, 0, 10)
    refresh(books, 10)
    made = MARCH + timedelta(10)
    spend(books, 10, 40, lease=lease, settled=39)
    refresh(books, 40)
    assert came(books, made) is None  # the last day is not settled
    assert came(books, made, "month_end") == pytest.approx(sum(week(day) for day in range(31)))

    spend(books, 40, 41, lease=lease, settled=41)
    refresh(books, 41)
    assert came(books, made) == pytest.approx(sum(week(day) for day in range(10, 40)))

    spend(books, 20, 21, lease=lease, amount=lambda _: 500, settled=41)
    refresh(books, 41)
    restated = sum(week(day) for day in range(10, 40)) - week(20) + 500
    assert came(books, made) == pytest.approx(restated)
    assert came(books, made, "60d") is None


def test_an_account_that_moves_to_another_team_keeps_its_past(books):
    lease = spend(books, 0, 10)
    refresh(books, 10)
    books.rows("UPDATE accounts SET team = 'new' RETURNING 1")
    spend(books, 10, 41, lease=lease)
    refresh(books, 41)
    assert came(books, MARCH + timedelta(10)) is not None
    assert books.rows("SELECT DISTINCT team FROM newest_forecasts WHERE level = 'account'") == [("new",)]


def hindcast_days(books, level: str = "account") -> list[date]:
    return [
        row[0]
        for row in books.rows(
            "SELECT DISTINCT made_on FROM forecasts WHERE hindcast AND level = :level ORDER BY 1", level=level
        )
    ]


def test_hindcasts_are_made_of_mondays_with_four_weeks_before_and_go_on_where_they_stopped(books, monkeypatch):
    monkeypatch.setattr(hindcasts, "AT_ONCE", 45)
    spend(books, 0, 60)
    wanted = [MARCH + timedelta(day) for day in (29, 36, 43, 50, 57)]  # Mondays

    refresh(books, 60)

    assert books.one("SELECT count(*) FROM forecasts WHERE hindcast") == 44
    assert hindcast_days(books) == wanted[:3]  # of four series, four horizons each: the oldest first
    assert "36 hindcasts" in refresh(books, 60)
    assert hindcast_days(books) == wanted
    assert ", 0 hindcasts" in refresh(books, 60)


def test_a_hindcast_sees_nothing_of_its_own_day_or_later(books):
    lease = spend(books, 0, 60)
    refresh(books, 60)
    before = books.rows("SELECT * FROM forecasts WHERE hindcast AND made_on = '2026-03-30' AND horizon = '30d'")
    books.rows("DELETE FROM forecasts RETURNING 1")
    spend(books, 29, 60, lease=lease, amount=lambda _: 999)
    refresh(books, 60)
    after = books.rows("SELECT * FROM forecasts WHERE hindcast AND made_on = '2026-03-30' AND horizon = '30d'")
    assert [row[:14] for row in sorted(before)] == [row[:14] for row in sorted(after)]
    assert [row[15] for row in before] != [row[15] for row in after]  # what came did change


def test_a_hindcast_never_takes_a_real_forecasts_place(books):
    lease = spend(books, 0, 29)
    refresh(books, 29)  # a Monday
    real = stored(books, "30d")
    spend(books, 0, 60, lease=lease, amount=lambda _: 70)
    refresh(books, 60)
    assert MARCH + timedelta(29) not in hindcast_days(books)
    assert (
        books.one("SELECT total FROM forecasts WHERE level = 'account' AND horizon = '30d' AND made_on = '2026-03-30'")
        == real["total"]
    )


def test_there_are_no_hindcasts_while_the_history_is_still_read(books):
    lease = books.account()
    window = books.window(20, 60)
    charges = [books.charge(day, 5) for day in range(20, 60)]
    books.costs(lease, window, *charges, wanted_from=books.moment(0), settled_until=books.moment(60))
    assert ", 0 hindcasts" in refresh(books, 60)
    books.rows("UPDATE report_state SET history_done = true RETURNING 1")
    assert ", 0 hindcasts" not in refresh(books, 60)


def test_scores_of_a_steady_series(books):
    spend(books, 0, 120)
    refresh(books, 120)
    rows = {
        row[0]: row[1:]
        for row in books.rows(
            "SELECT horizon, count, error, coverage, skill FROM forecast_scores WHERE level = 'account'"
        )
    }
    mondays = [day for day in range(28, 120) if (MARCH + timedelta(day)).weekday() == 0]
    assert rows["30d"][0] == sum(day + 30 <= 120 for day in mondays)
    assert rows["90d"][0] == sum(day + 90 <= 120 for day in mondays)
    count, error, coverage, _ = rows["30d"]
    assert (coverage, count > 5) == (1.0, True)
    assert error < 0.02


def test_a_score_compares_what_was_said_with_what_came(books):
    lease = spend(books, 0, 60, amount=lambda _: 10)
    refresh(books, 60)
    spend(books, 60, 120, lease=lease, amount=lambda day: 10 if day < 80 else 30)
    refresh(books, 120)
    [(error, skill)] = books.rows("SELECT error, skill FROM forecast_scores WHERE level = 'total' AND horizon = '30d'")
    past = books.rows("SELECT total, naive, came FROM forecasts WHERE level = 'total' AND horizon = '30d'"
                      " AND came IS NOT NULL AND extract(isodow FROM made_on) = 1")  # fmt: skip
    assert error == pytest.approx(sum(abs(t - c) for t, _, c in past) / sum(c for _, _, c in past))
    assert error > 0.1
    assert skill == pytest.approx(1 - sum(abs(t - c) for t, _, c in past) / sum(abs(n - c) for _, n, c in past))


def test_a_budget_with_a_month_of_its_own_zone(books):
    spend(books, 0, 45)
    books.run(budgets.add, Budget(id="b", amount=Decimal(1), time_zone="Asia/Tokyo"))

    refresh(books, 45)

    [(start, end, first, total, lower, upper, days)] = books.rows(
        "SELECT period_start, period_end, first_day, total, lower, upper, days FROM budget_outlooks"
    )
    assert (start, end) == (books.moment(30, 15), books.moment(60, 15))
    assert (first, len(days)) == (date(2026, 4, 15), 16)
    inside = sum(week(day) for day in range(31, 60)) + week(30) * 9 / 24 + week(60) * 15 / 24
    assert total == pytest.approx(inside, rel=0.05)
    assert lower < total < upper


def test_a_lower_bound_of_nothing_is_a_bound(books):
    """Spend that stopped: it may come back, and it may not."""
    lease = spend(books, 0, 31, amount=lambda _: 10)
    books.run(budgets.add, Budget(id="b", amount=Decimal(1)))
    for day in range(36, 44):  # on some of them the bound is exactly 0, on others rounding leaves a trace
        books.costs(lease, books.window(31, day), settled_until=books.moment(day))
        refresh(books, day)
        [(total, lower), *_] = books.rows("SELECT total, lower FROM budget_outlooks ORDER BY made_on DESC")
        assert lower <= total / 2


def shown(books, day: int) -> set[str]:
    today = MARCH + timedelta(day)
    return {one.key.level for one in books.run(store.newest, today, today)}


def test_a_budget_that_is_removed_takes_its_outlook_with_it(books):
    spend(books, 0, 20)
    books.run(budgets.add, Budget(id="b", amount=Decimal(1)))
    refresh(books, 20)
    assert books.one("SELECT count(*) FROM budget_outlooks") == 1
    assert "budget" in shown(books, 20)
    books.run(budgets.remove, "b")
    assert shown(books, 20) == {"total", "provider", "team", "account"}
    assert books.one("SELECT count(*) FROM budget_outlooks") == 0
