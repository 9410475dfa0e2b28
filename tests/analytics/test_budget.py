"""Budgets: exact thresholds, periods on every calendar, projections whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.analytics.budget import (
    Outlook,
    Spending,
    at_this_rate,
    burn_down,
    burn_rate,
    exhaustion,
    fires,
    levels,
    period_of,
    standing,
)
from exporter.budgets import Basis, Budget, Length, Level, faults
from exporter.domain import DAY, Period

BUDGET = Budget(id="b", amount=Decimal(1000))
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
HUNDREDS = {date(2026, 3, day): Decimal(100) for day in range(4, 11)}


def at(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


def borders(now: str, **terms) -> tuple[str, str]:
    found = period_of(replace(BUDGET, **terms), at(now))
    assert found is not None
    return f"{found.start:%Y-%m-%dT%H}", f"{found.end:%Y-%m-%dT%H}"


@pytest.mark.parametrize(
    ("now", "terms", "start", "end"),
    [
        ("2026-03-11", {}, "2026-03-01T00", "2026-04-01T00"),
        ("2026-04-30T23:59:59", {}, "2026-04-01T00", "2026-05-01T00"),
        ("2026-02-28T23", {}, "2026-02-01T00", "2026-03-01T00"),
        ("2024-02-29T23", {}, "2024-02-01T00", "2024-03-01T00"),
        ("2019-12-31", {}, "2019-12-01T00", "2020-01-01T00"),
        ("2026-11-21", {"period": "week"}, "2026-11-16T00", "2026-11-23T00"),
        ("2026-11-21", {"period": "week", "start": date(2026, 1, 4)}, "2026-11-15T00", "2026-11-22T00"),
        ("2026-11-21", {"period": "quarter"}, "2026-10-01T00", "2027-01-01T00"),
        ("2026-11-21", {"period": "quarter", "start": date(2025, 2, 1)}, "2026-11-01T00", "2027-02-01T00"),
        ("2026-11-21", {"period": "year"}, "2026-01-01T00", "2027-01-01T00"),
        ("2026-03-31", {"period": "year", "start": date(2020, 4, 1)}, "2025-04-01T00", "2026-04-01T00"),
        ("2026-03-01", {"period": "year", "start": date(2024, 2, 29)}, "2026-02-28T00", "2027-02-28T00"),
        ("2028-02-29", {"period": "year", "start": date(2024, 2, 29)}, "2028-02-29T00", "2029-02-28T00"),
        # from the middle of a month, and from a day that not every month has
        ("2026-03-14T23", {"start": date(2026, 1, 15)}, "2026-02-15T00", "2026-03-15T00"),
        ("2026-03-15", {"start": date(2026, 1, 15)}, "2026-03-15T00", "2026-04-15T00"),
        ("2026-02-28", {"start": date(2026, 1, 31)}, "2026-02-28T00", "2026-03-31T00"),
        ("2026-03-30", {"start": date(2026, 1, 31)}, "2026-02-28T00", "2026-03-31T00"),
        ("2024-03-01", {"start": date(2023, 1, 30)}, "2024-02-29T00", "2024-03-30T00"),
        ("2030-06-01", {"start": date(2000, 2, 15)}, "2030-05-15T00", "2030-06-15T00"),
        # custom
        ("2026-03-11", {"period": "custom", "start": date(2026, 3, 1), "length": Length(45, "days")},
         "2026-03-01T00", "2026-04-15T00"),
        ("2026-04-15", {"period": "custom", "start": date(2026, 3, 1), "length": Length(45, "days")},
         "2026-04-15T00", "2026-05-30T00"),
        ("2026-06-11", {"period": "custom", "start": date(2026, 3, 10), "length": Length(2, "months")},
         "2026-05-10T00", "2026-07-10T00"),
        # zones: summer time begins on 29 March 2026 in Europe, on 8 March in America
        ("2026-03-31T21:59", {"time_zone": "Europe/Berlin"}, "2026-02-28T23", "2026-03-31T22"),
        ("2026-03-31T22:00", {"time_zone": "Europe/Berlin"}, "2026-03-31T22", "2026-04-30T22"),
        ("2026-03-10", {"time_zone": "America/New_York", "period": "week"}, "2026-03-09T04", "2026-03-16T04"),
        ("2026-03-09T03:59", {"time_zone": "America/New_York", "period": "week"}, "2026-03-02T05", "2026-03-09T04"),
        ("2026-10-31", {"time_zone": "Europe/Berlin"}, "2026-09-30T22", "2026-10-31T23"),
        ("2026-01-01", {"time_zone": "Asia/Kolkata"}, "2025-12-31T18", "2026-01-31T18"),
        # in Cairo clocks skip midnight itself on 24 April 2026: it begins at 22:00 UTC all the same
        ("2026-04-24", {"time_zone": "Africa/Cairo", "period": "custom", "start": date(2026, 4, 24),
                        "length": Length(1, "days")}, "2026-04-23T22", "2026-04-24T21"),
    ],
)  # fmt: skip
def test_a_period_runs_from_midnight_to_midnight_in_its_zone(now, terms, start, end):
    assert borders(now, **terms) == (start, end)


def test_every_moment_lies_in_its_period_and_periods_leave_no_gap():
    for zone in ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Auckland"):
        budget = replace(BUDGET, time_zone=zone, start=date(2024, 1, 31))
        now = datetime(2024, 1, 15, 7, tzinfo=UTC)
        before = period_of(budget, now)
        while now.year < 2027:
            now += timedelta(hours=31)
            found = period_of(budget, now)
            assert found.start <= now < found.end
            assert found == before or found.start == before.end
            before = found


@pytest.mark.parametrize("length", [None, Length(9999, "months"), Length(9999, "days"), Length(1, "days")])
@pytest.mark.parametrize("start", [date(1970, 1, 1), date(2199, 12, 31)])
def test_no_terms_without_fault_lead_out_of_the_calendar(start, length):
    for period in ("custom",) if length else ("week", "month", "quarter", "year"):
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            budget = replace(BUDGET, period=period, start=start, length=length, time_zone=zone)
            assert list(faults(budget)) == []
            for now in (NOW, datetime(2199, 12, 31, 23, tzinfo=UTC)):
                found = period_of(budget, now)
                assert found is None or found.start <= now < found.end


def test_a_custom_period_does_not_exist_before_it_begins():
    budget = replace(BUDGET, period="custom", start=date(2026, 3, 12), length=Length(30, "days"))
    assert period_of(budget, NOW) is None
    east = replace(budget, time_zone="Pacific/Kiritimati")
    assert period_of(east, NOW) == Period(at("2026-03-11T10:00"), at("2026-04-10T10:00"))


def fired(spent: str | None, budget: Budget = BUDGET, rate: str = "1", outlook: Outlook | None = None) -> list[str]:
    found = levels(budget, Decimal(rate), None if spent is None else Decimal(spent), outlook)
    return [status.level.name for status in found if status.fires]


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        ("0", []),
        ("699.90", []),  # 69.99 %
        ("699.999999999999999999", []),
        ("700", ["warning"]),
        ("899.99", ["warning"]),
        ("900.00", ["warning", "critical"]),
        ("1000", ["warning", "critical", "emergency"]),
        ("-5", []),
        (None, []),
    ],
)
def test_a_level_fires_from_its_threshold_on_and_not_a_cent_before(spent, expected):
    assert fired(spent) == expected


def test_seventy_percent_of_an_awkward_amount_is_exact():
    odd = replace(BUDGET, amount=Decimal("0.1"))
    assert fired("0.07", odd) == ["warning"]
    assert fired("0.0699999999", odd) == []


def test_a_limit_of_zero_is_broken_by_the_first_cent_and_by_nothing_else():
    nothing = replace(BUDGET, amount=Decimal(0))
    assert fired("0", nothing) == []
    assert fired("0.01", nothing) == ["warning", "critical", "emergency"]
    assert fires(Decimal(0), Decimal(0)) is False
    money = replace(nothing, levels=(Level("warning", money=Decimal(5)),))
    assert levels(money, Decimal(1), Decimal(5))[0].ratio is None


def test_a_budget_raised_while_firing_falls_silent():
    assert fired("950") == ["warning", "critical"]
    assert fired("950", replace(BUDGET, amount=Decimal(2000))) == []
    assert fired("950", replace(BUDGET, amount=Decimal(1300))) == ["warning"]


def test_another_currency_is_compared_in_dollars():
    euros = replace(BUDGET, currency="EUR", levels=(Level("half", Decimal(50)), Level("money", money=Decimal(600))))
    found = levels(euros, Decimal("1.08"), Decimal(540))
    assert [(status.threshold, status.ratio, status.fires) for status in found] == [
        (Decimal(540), Decimal("0.5"), True),
        (Decimal(648), Decimal("0.6"), False),
    ]


def test_a_level_on_the_forecast_needs_one():
    budget = replace(BUDGET, levels=(Level("soon", Decimal(100), basis=Basis.FORECAST),))
    assert fired("5000", budget) == []
    assert fired("0", budget, outlook=Outlook(Decimal("999.99"))) == []
    assert fired("0", budget, outlook=Outlook(Decimal(1000))) == ["soon"]


def test_the_burn_rate_is_of_complete_days_and_of_those_there_are():
    today = NOW.date()
    with_today = HUNDREDS | {today: Decimal(9999)}
    assert burn_rate(with_today, today, 7, date(2025, 1, 1)) == 100
    assert burn_rate(with_today, today, 30, date(2025, 1, 1)) == Decimal(700) / 30
    assert burn_rate(with_today, today, 30, date(2026, 3, 4)) == 100
    assert burn_rate(with_today, today, 7, today) is None
    assert burn_rate({}, today, 7, None) is None
    assert burn_rate({}, today, 7, date(2025, 1, 1)) == 0


def test_at_this_rate_today_counts_as_an_ordinary_day():
    assert at_this_rate(HUNDREDS, Decimal(100), MARCH, NOW) == 700 + 21 * 100
    assert at_this_rate(HUNDREDS | {NOW.date(): Decimal(3)}, Decimal(100), MARCH, NOW) == 2800
    assert at_this_rate(HUNDREDS | {NOW.date(): Decimal(5000)}, Decimal(100), MARCH, NOW) == 5700
    assert at_this_rate(HUNDREDS, None, MARCH, NOW) is None


def when(limit: str, days=None, rate: str | None = "100", outlook: Outlook | None = None) -> str | None:
    found = exhaustion(
        HUNDREDS if days is None else days, Decimal(limit), MARCH, NOW, None if rate is None else Decimal(rate), outlook
    )
    return None if found is None else f"{found:%d %H:%M}"


def test_the_day_the_money_runs_out():
    assert when("1000") == "14 00:00"
    assert when("1050") == "14 12:00"
    assert when("2799") == "31 23:45"
    assert when("2800") is None  # it lasts to the end exactly
    assert when("1000", rate="0") is None
    assert when("1000", rate="-5") is None
    assert when("1000", rate=None) is None
    assert when("1e12", rate="0.01") is None
    assert when("710") == "11 12:00"  # by this morning at that rate, and yet it did not
    assert when("1000", HUNDREDS | {NOW.date(): Decimal(250)}) == "12 00:00"  # a dear day: from now on


def test_money_that_ran_out_says_since_when():
    assert when("700") == "10 00:00"
    assert when("650") == "10 00:00"
    assert when("250") == "06 00:00"
    back = {date(2026, 3, 1): Decimal(500), date(2026, 3, 2): Decimal(-400), date(2026, 3, 5): Decimal(400)}
    assert when("450", back) == "05 00:00"
    assert when("0") == "04 00:00"
    assert when("0", {}, rate="0") is None


def test_a_forecast_by_day_moves_the_day():
    quiet = Outlook(Decimal(0), (Decimal(0), Decimal(0), Decimal(300), Decimal(300)))
    assert when("1000", outlook=quiet) == "14 00:00"
    assert when("850", outlook=quiet) == "13 12:00"
    assert when("5000", outlook=quiet) is None
    assert when("1000", outlook=Outlook(Decimal(1400))) == "14 00:00"  # only a total: at the usual rate


def test_the_burn_down_goes_day_by_day_beside_an_even_pace():
    days = burn_down(Decimal(3100), HUNDREDS, MARCH, NOW)
    assert [day.day.day for day in days] == list(range(1, 12))
    assert (days[0].spent, days[0].left, round(days[0].even, 6)) == (0, 3100, 3000)
    assert (days[-1].spent, days[-1].left, round(days[-1].even, 6)) == (700, 2400, 2000)
    after = burn_down(Decimal(3100), HUNDREDS, MARCH, MARCH.end + DAY)
    assert (after[-1].day, after[-1].even) == (date(2026, 3, 31), 0)


def test_a_standing_has_it_all_and_says_what_it_does_not_know():
    spending = Spending(HUNDREDS, HUNDREDS, date(2025, 1, 1))
    found = standing(BUDGET, NOW, MARCH, spending, Decimal(1), Outlook(Decimal(1500)))
    assert (found.limit, found.spent, found.at_this_rate, found.forecast) == (1000, 700, 2800, 1500)
    assert found.exhausted_at == at("2026-03-14")
    assert [status.fires for status in found.levels] == [True, False, False]

    without_rate = standing(BUDGET, NOW, MARCH, spending, None)
    assert (without_rate.limit, without_rate.exhausted_at, without_rate.levels) == (None, None, ())
    assert without_rate.spent == 700

    no_data = standing(BUDGET, NOW, MARCH, Spending({}, {}, None), Decimal(1))
    assert (no_data.spent, no_data.at_this_rate, no_data.rates) == (None, None, {"7d": None, "30d": None})
    assert not any(status.fires for status in no_data.levels)


def test_a_period_that_began_today_in_a_zone_of_its_own():
    budget = replace(BUDGET, time_zone="Europe/Berlin")
    now = at("2026-03-31T23:00")
    period = period_of(budget, now)
    found = standing(budget, now, period, Spending({}, HUNDREDS, date(2025, 1, 1)), Decimal(1))
    assert found.spent == 0
    assert found.period.start == at("2026-03-31T22:00")
