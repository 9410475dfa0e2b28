"""Anomalies of stored days, from books to events: what is found, when, why, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from exporter.domain import Name, Source
from exporter.insights import anomalies
from exporter.insights.context import Context
from exporter.insights.incidents import parents, raised
from exporter.insights.panel import read_panel
from exporter.pricing import NoList, PriceBook
from exporter.store import accounts, planned, verdicts
from exporter.store import anomalies as store
from exporter.store.planned import PlannedChange

MARCH = date(2026, 3, 1)  # the first day of `books`: a Sunday
LINES = {("web", "large"): 40.0, ("web", "small"): 10.0, ("lab", "small"): 20.0}
Line = tuple[str, str]
Change = Callable[[int, Line], float]


def usual(_: int, __: Line) -> float:
    return 1.0


def spike(day: int, line: Line) -> float:
    """Six times the web's large model, on the 50th day after the first of March."""
    return 6.0 if day == 50 and line == ("web", "large") else 1.0


def spend(books, end: int, times: Change = usual, *, account: str = "acme", lease=None, settled: int | None = None):
    """Two scopes and two models from the first day on, at a million tokens a dollar."""
    lease = lease or books.account(account)
    lines = [(day, line, LINES[line] * times(day, line)) for day in range(end) for line in LINES]
    charges = [books.charge(day, usd, scope=scope, model=model) for day, (scope, model), usd in lines]
    usage = [books.usage(day, usd * 1e6, scope=scope, model=model) for day, (scope, model), usd in lines]
    until = books.moment(end if settled is None else settled)
    books.costs(lease, books.window(0, end), *charges, settled_until=until)
    books.tokens(lease, books.window(0, end), *usage)
    return lease


def refresh(books, day: int) -> str:
    """One analysis at noon of a day after the first of March."""

    def step(db):
        now = books.moment(day, 12)
        return anomalies.refresh(db, Context(read_panel(db, now), now, PriceBook(NoList()), {}))

    return books.run(step)


def refreshed(books, day: int, lease, times: Change, *, settled: int | None = None) -> str:
    """The books read again, then an analysis."""
    spend(books, day, times, lease=lease, settled=settled)
    return refresh(books, day)


def everything(books, day: int) -> list[store.Anomaly]:
    return books.run(store.since, MARCH, books.moment(day, 12))


def events(books, day: int) -> list[store.Anomaly]:
    """What is open."""
    return books.run(store.open_ones, books.moment(day, 12))


def judge(books, anomaly: int, verdict: str, day: int = 60) -> None:
    books.run(verdicts.judge, anomaly, verdict, by="ann", note="seen", now=books.moment(day, 12))


def test_a_spike_in_one_scope_is_one_event_with_its_reason(books):
    spend(books, 51, spike)
    assert refresh(books, 51) == "4 new anomalies, 0 withdrawn"

    [event] = events(books, 51)
    one = event.incident
    assert (one.level, one.account, one.day, one.until) == ("account", "acme", MARCH + timedelta(50), one.day)
    assert (one.kind, one.severity, one.family) == ("spike", "high", "rise")
    assert (one.cost, one.expected, one.total_excess) == pytest.approx((270, 70, 200))
    assert one.lower < 70 < one.upper < 270
    assert one.explanation == "+$200.00 (×3.9): +$200.00 volume; most from web / large +$200.00."


def test_its_scope_its_model_and_the_total_are_parts_of_it(books):
    spend(books, 51, spike)
    refresh(books, 51)
    found = everything(books, 51)
    [event] = [one for one in found if one.part_of is None]
    assert {one.incident.level for one in found} == {"account", "scope", "model", "total"}
    assert {one.part_of for one in found if one is not event} == {event.id}
    assert [one.open for one in found if one is not event] == [False] * 3


def test_parts_are_kept_for_programs(books):
    spend(books, 51, spike)
    refresh(books, 51)
    [event] = events(books, 51)
    parts = dict(event.incident.parts)
    [top] = parts.pop("contributors")
    assert (top["scope"], top["model"], top["change"]) == ("web", "large", pytest.approx(200))
    assert sum(parts.values()) == pytest.approx(200)
    assert set(parts) == {"price", "volume", "mix", "new_scope"}


def test_scopes_are_called_by_their_names(books):
    lease = spend(books, 51, spike)
    books.run(accounts.set_names, lease.account, [Name("scope", "web", "Web shop")])
    refresh(books, 51)
    [event] = events(books, 51)
    assert event.incident.explanation.endswith("most from Web shop / large +$200.00.")


def test_a_level_shift_is_one_event_and_closes_when_it_is_the_level(books):
    def shift(day: int, _: Line) -> float:
        return 2.0 if day >= 50 else 1.0

    lease = spend(books, 51, shift)
    refresh(books, 51)
    [first] = events(books, 51)
    for day in range(52, 60):
        refreshed(books, day, lease, shift)
    found = everything(books, 60)
    standing = [one for one in found if one.part_of is None]
    assert [one.id for one in standing] == [first.id]
    [one] = standing
    assert (one.incident.day, one.incident.kind, one.incident.became) == (MARCH + timedelta(50), "spike", "level_shift")
    assert one.incident.total_excess == pytest.approx(70 * ((one.incident.until - one.incident.day).days + 1))
    assert events(books, 60) == []


def test_an_event_stays_open_until_it_is_two_days_past(books):
    lease = spend(books, 51, spike)
    still_open = {}
    for day in range(51, 56):
        refreshed(books, day, lease, spike)
        still_open[day] = bool(events(books, day))
    assert still_open == {51: True, 52: True, 53: True, 54: False, 55: False}


def test_idle_weekends_are_no_drops(books):
    spend(books, 75, lambda day, _: 0.0 if day % 7 in (0, 6) else 1.0)
    refresh(books, 75)
    assert everything(books, 75) == []


def test_days_that_are_not_settled_wait(books):
    lease = spend(books, 52, spike, settled=50)
    refresh(books, 52)
    assert everything(books, 52) == []
    refreshed(books, 53, lease, spike, settled=51)
    assert [one.incident.day for one in events(books, 53)] == [MARCH + timedelta(50)]


def test_a_restatement_withdraws_an_event_and_another_brings_it_back(books):
    lease = spend(books, 51, spike)
    refresh(books, 51)
    [event] = events(books, 51)
    judge(books, event.id, "confirmed")

    assert refreshed(books, 52, lease, usual) == "0 new anomalies, 4 withdrawn"
    assert events(books, 52) == []
    [gone] = [one for one in everything(books, 52) if one.id == event.id]
    assert gone.withdrawn_at == books.moment(52, 12)
    assert (gone.verdict, gone.verdict_by, gone.verdict_note) == ("confirmed", "ann", "seen")

    assert refreshed(books, 52, lease, spike) == "0 new anomalies, 0 withdrawn"
    [back] = events(books, 52)
    assert (back.id, back.withdrawn_at, back.verdict) == (event.id, None, "confirmed")


def test_a_restated_first_day_takes_its_new_figures(books):
    lease = spend(books, 51, spike)
    refresh(books, 51)
    [before] = events(books, 51)
    refreshed(books, 52, lease, lambda day, line: 11.0 if spike(day, line) > 1 else 1.0)
    [after] = events(books, 52)
    assert after.id == before.id
    assert (after.incident.cost, after.incident.severity) == (pytest.approx(470), "critical")
    assert "+$400.00" in after.incident.explanation


def test_what_providers_correct_no_more_is_final(books):
    lease = spend(books, 51, spike)
    refresh(books, 51)
    refreshed(books, 90, lease, spike)
    refreshed(books, 91, lease, usual)
    assert {one.withdrawn_at for one in everything(books, 91)} == {None}


def test_a_second_run_writes_nothing(books):
    spend(books, 55, spike)
    versions = "SELECT ctid::text, xmin::text FROM {} ORDER BY 1"
    tables = ("anomalies", "judged_accounts")
    refresh(books, 55)
    before = [books.rows(versions.format(table)) for table in tables]
    assert refresh(books, 55) == "0 new anomalies, 0 withdrawn"
    assert [books.rows(versions.format(table)) for table in tables] == before
    assert all(before)


@pytest.mark.parametrize("verdict", ["dismissed", "expected"])
def test_what_is_no_anomaly_to_people_is_closed_and_stays_so(books, verdict):
    lease = spend(books, 51, spike)
    refresh(books, 51)
    [event] = events(books, 51)
    judge(books, event.id, verdict)
    assert events(books, 51) == []
    refreshed(books, 52, lease, spike)
    assert events(books, 52) == []


def test_a_confirmed_event_stays_open(books):
    spend(books, 51, spike)
    refresh(books, 51)
    [event] = events(books, 51)
    judge(books, event.id, "confirmed")
    assert [one.id for one in events(books, 51)] == [event.id]


def plan(books, **where: str) -> int:
    change = PlannedChange(
        **({"account": "acme"} | where),
        first_day=MARCH + timedelta(49),
        last_day=MARCH + timedelta(50),
        planned_by="ann",
        created_at=books.moment(40),
    )
    return books.run(planned.add, change)


@pytest.mark.parametrize("where", [{}, {"scope": "web"}, {"model": "large"}, {"scope": "web", "model": "large"}])
def test_a_planned_change_suppresses_what_it_makes(books, where):
    lease = spend(books, 49)
    change = plan(books, **where)
    refreshed(books, 51, lease, spike)
    [one] = [one for one in everything(books, 51) if one.incident.level == "account"]
    assert one.incident.planned == change
    assert events(books, 51) == []
    assert books.run(verdicts.feedback, books.moment(51))[""] == 0

    books.run(planned.remove, change)
    assert [one.incident.level for one in events(books, 51)] == ["account"]


@pytest.mark.parametrize("where", [{"scope": "lab"}, {"model": "small"}])
def test_a_planned_change_elsewhere_suppresses_nothing(books, where):
    spend(books, 51, spike)
    plan(books, **where)
    refresh(books, 51)
    assert len(events(books, 51)) == 1


def test_a_planned_change_that_is_over_suppresses_nothing(books):
    spend(books, 52, lambda day, line: spike(day - 1, line))
    plan(books)
    refresh(books, 52)
    assert [one.incident.day for one in events(books, 52)] == [MARCH + timedelta(51)]


def test_a_new_scope_is_named_as_the_reason(books):
    lease = spend(books, 50)
    extra = books.charge(50, 300, scope="new", model="large")
    rows = [books.charge(50, usd, scope=scope, model=model) for (scope, model), usd in LINES.items()]
    tokens = [books.usage(50, usd * 1e6, scope=scope, model=model) for (scope, model), usd in LINES.items()]
    books.costs(lease, books.window(50, 51), *rows, extra, settled_until=books.moment(51))
    books.tokens(lease, books.window(50, 51), *tokens)
    refresh(books, 51)
    [event] = events(books, 51)
    assert event.incident.parts["new_scope"] == pytest.approx(300)
    assert event.incident.explanation == "+$300.00 (×5.3): +$300.00 new scopes; most from new / large +$300.00."


def test_after_a_new_level_a_day_is_compared_with_the_days_before_it(books):
    spend(books, 64, lambda day, _: 8.0 if day == 63 else 2.0 if day >= 45 else 1.0)
    refresh(books, 64)
    [event] = events(books, 64)
    assert event.incident.expected == pytest.approx(140)
    assert event.incident.explanation.startswith("+$420.00 (×4.0): +$420.00 volume;")


def test_days_of_other_incidents_are_nothing_to_compare_with(books):
    times = {43: 6.0, 52: 3.0, 57: 9.0}  # a same weekday, and a day of the week before
    spend(books, 58, lambda day, line: times.get(day, 1.0) if line == ("web", "large") else 1.0)
    refresh(books, 58)
    [event] = [one for one in events(books, 58) if one.incident.day == MARCH + timedelta(57)]
    assert event.incident.explanation.startswith("+$320.00 (×5.6)")


def test_a_bill_without_models_is_compared_with_the_tokens_of_its_scope(books):
    lease = books.account()
    charges = [books.charge(day, 60 if day == 50 else 10, scope="web") for day in range(51)]
    usage = [books.usage(day, 6000 if day == 50 else 1000, scope="web", model="large") for day in range(51)]
    active = [books.usage(day, 5000, scope="web", model="large") for day in range(51)]
    books.costs(lease, books.window(0, 51), *charges, settled_until=books.moment(51))
    books.tokens(lease, books.window(0, 51), *usage)
    books.read(lease, "activity", Source.ANALYTICS, books.window(0, 51), usage=[active])  # overlaps: never added up
    refresh(books, 51)
    [event] = events(books, 51)
    assert event.incident.explanation == "+$50.00 (×6.0): +$50.00 volume; most from web +$50.00."


def test_what_is_typed_in_is_judged_up_to_its_last_charge(books):
    lease = books.account()
    charges = [books.charge(day, 60 if day == 45 else 10) for day in range(51)]
    books.read(lease, "typed", Source.MANUAL, books.window(0, 51), charges=[charges])
    books.rows("DELETE FROM report_state RETURNING 1")  # nothing is ever read of it
    refresh(books, 70)
    assert [one.incident.kind for one in everything(books, 70) if one.incident.level == "account"] == ["spike"]


def test_days_that_are_as_good_as_complete_need_not_wait(books):
    spend(books, 52, spike, settled=50)
    panel = books.run(read_panel, books.moment(52, 12))
    [(account, _, _)] = panel.of("account")
    sure, unsure = MARCH + timedelta(50), MARCH + timedelta(51)
    assert anomalies.judged_until(panel, account, {("acme", sure): 0.98, ("acme", unsure): 0.97}) == unsure
    assert anomalies.judged_until(panel, account, {("acme", unsure): 1.0}) == sure


def test_what_somebody_judged_keeps_standing(books):
    lease = spend(books, 51, spike)
    refresh(books, 51)
    [event] = events(books, 51)
    [part] = [one for one in everything(books, 51) if one.incident.level == "scope"]
    books.run(store.link, {part.id: None})
    judge(books, part.id, "dismissed")
    refreshed(books, 52, lease, spike)
    assert {one.id: one.part_of for one in everything(books, 52)}[part.id] is None
    assert [one.id for one in events(books, 52)] == [event.id]


def test_without_the_tokens_of_a_day_nothing_is_said_of_volume(books):
    lease = spend(books, 50)
    dearer = [books.charge(50, 3 * usd, scope=scope, model=model) for (scope, model), usd in LINES.items()]
    books.costs(lease, books.window(50, 51), *dearer, settled_until=books.moment(51))
    refresh(books, 51)
    [event] = events(books, 51)
    assert (event.incident.parts["volume"], event.incident.parts["price"]) == (0, pytest.approx(140))


def test_a_small_account_s_scope_stands_alone_where_its_account_sees_nothing(books):
    def small(day: int, line: Line) -> float:
        return 2.2 if day == 50 and line == ("lab", "small") else 1.0  # 24 of 70 dollars: within +40 %

    spend(books, 51, small)
    refresh(books, 51)
    found = everything(books, 51)
    [event] = [one for one in found if one.part_of is None]
    assert (event.incident.level, event.incident.scope) == ("scope", "lab")


def test_two_accounts_have_two_events_and_the_total_none(books):
    spend(books, 51, spike, account="acme")
    spend(books, 51, spike, account="beta")
    refresh(books, 51)
    assert {one.incident.account for one in events(books, 51)} == {"acme", "beta"}


def test_the_total_waits_for_the_slowest_account(books):
    spend(books, 51, spike, account="acme")
    spend(books, 51, spike, account="beta", settled=50)
    refresh(books, 51)
    assert {one.incident.account for one in everything(books, 51)} == {"acme"}


def test_the_first_look_at_a_long_history_raises_no_old_alarm(books):
    def long(day: int, _: Line) -> float:
        return 3.0 if day in (50, 56, 62) else 1.0

    spend(books, 64, long)
    refresh(books, 64)
    assert len(events(books, 64)) == 1
    assert events(books, 50 + 61) == []


def test_requests_without_cost_are_an_event_of_their_own(books):
    lease = spend(books, 60)
    requests = [
        books.usage(day, 5000 if day == 59 else 1000, meter="requests", unit="requests") for day in range(20, 60)
    ]
    books.tokens(lease, books.window(0, 60), *requests)
    refresh(books, 60)
    [event] = events(books, 60)
    assert (event.incident.kind, event.incident.cost, event.incident.parts) == ("requests", 5000, {})
    assert event.incident.explanation == "5,000 requests where 1,000 were expected (×5.0), at no unusual cost."


def test_a_beginning_of_requests_is_no_rise(books):
    lease = spend(books, 60)
    requests = [books.usage(day, 1000, meter="requests", unit="requests") for day in range(50, 60)]
    books.tokens(lease, books.window(0, 60), *requests)
    refresh(books, 60)
    assert everything(books, 60) == []


def test_books_that_begin_earlier_are_judged_all_over(books):
    lease = books.account()
    days = books.window(60, 120)
    every_month = [books.charge(day, 500 if day % 30 == 1 else 10) for day in range(120)]
    books.costs(lease, days, *every_month[60:], settled_until=books.moment(120))
    refresh(books, 120)
    assert [one.incident.day for one in everything(books, 120)] == []
    late = [books.charge(day, 60 if day == 70 else 10) for day in range(120)]
    books.costs(lease, books.window(0, 120), *late, settled_until=books.moment(120))
    refresh(books, 121)
    assert {one.incident.day for one in everything(books, 121)} == {MARCH + timedelta(70)}


def test_the_total_is_judged_all_over_with_any_account(books):
    """Where an account's history was read so far is no step of the total."""
    old, new = books.account("old"), books.account("new")

    def read(lease, first: int, usd: float) -> None:
        charges = [books.charge(day, usd) for day in range(first, 120)]
        books.costs(lease, books.window(first, 120), *charges, settled_until=books.moment(120))

    read(old, 0, 10)
    read(new, 60, 30)
    refresh(books, 120)
    [step] = everything(books, 120)
    assert (step.incident.level, step.incident.day, step.withdrawn_at) == ("total", MARCH + timedelta(60), None)
    read(new, 1, 30)
    refresh(books, 121)
    [step] = everything(books, 121)
    assert step.withdrawn_at is not None


def test_nothing_stored_is_nothing_found(books):
    assert refresh(books, 5) == "0 new anomalies, 0 withdrawn"


def test_what_has_just_begun_is_news_once(books):
    """A new scope spends, grows and doubles within its first month: one event, of a weight that fits the account."""

    def begins(day: int, line: Line) -> float:
        grown = 1.0 if day < 62 else 4.0
        return 0.0 if line == ("lab", "small") and day < 50 else grown if line == ("lab", "small") else 1.0

    spend(books, 70, begins)
    refresh(books, 70)

    told = [one.incident for one in everything(books, 70) if one.incident.scope == "lab"]
    assert [one.day for one in told] == [MARCH + timedelta(50)]
    assert {one.severity for one in told} == {"medium"}  # 20 dollars in an account of 50 a day


def test_a_part_that_hardly_costs_anything_wakes_nobody(books):
    """Ten times a small scope's day is a hundredth of the account's."""
    lines = {("web", "large"): 1000.0, ("lab", "small"): 2.0}
    lease = books.account()
    charges = [
        books.charge(day, usd * (10 if day == 50 and scope == "lab" else 1), scope=scope, model=model)
        for day in range(51)
        for (scope, model), usd in lines.items()
    ]
    books.costs(lease, books.window(0, 51), *charges, settled_until=books.moment(51))
    refresh(books, 51)

    found = {one.incident.level: one.incident.severity for one in everything(books, 51)}
    assert found == {"scope": "medium", "model": "medium"}


def test_an_incident_is_as_grave_as_its_gravest_day_and_its_money_goes_by_weekdays(books):
    """It begins on a Sunday that hardly costs anything, and goes on at four times the usual."""

    def week(day: int, line: Line) -> float:
        ordinary = 0.1 if day % 7 in (0, 6) else 1.0  # the first of March is a Sunday
        return ordinary * (4.0 if 70 <= day <= 72 else 1.0)

    spend(books, 73, week)
    refresh(books, 73)

    [event] = [one.incident for one in everything(books, 73) if one.incident.level == "account"]
    assert (event.day, event.until) == (MARCH + timedelta(70), MARCH + timedelta(72))
    assert event.excess == pytest.approx(21, rel=0.05)
    assert event.total_excess == pytest.approx(21 + 210 + 210, rel=0.05)
    assert event.severity in {"high", "critical"}


def test_an_incident_grows_graver_while_it_lasts(books):
    def week(day: int, line: Line) -> float:
        ordinary = 0.1 if day % 7 in (0, 6) else 1.0
        return ordinary * (4.0 if 70 <= day <= 72 else 1.0)

    lease = spend(books, 71, week)
    refresh(books, 71)
    [first] = [one.incident for one in everything(books, 71) if one.incident.level == "account"]
    refreshed(books, 73, lease, week)
    [later] = [one.incident for one in everything(books, 73) if one.incident.level == "account"]
    assert (first.severity, later.day) == ("low", first.day)
    assert later.severity in {"high", "critical"}


def test_a_small_incident_is_told_when_one_of_its_parts_would_be():
    whole, part = (
        store.Incident(account="a", level=level, scope=scope, model="", day=MARCH, until=MARCH, kind="spike",
                       became="spike", severity=severity, score=9, cost=2, expected=1, lower=0, upper=1.5,
                       total_excess=1)
        for level, scope, severity in (("account", "", "low"), ("scope", "web", "medium"))
    )  # fmt: skip
    found = raised([whole, part], parents([whole, part]))
    assert [one.severity for one in found] == ["medium", "medium"]
    assert [one.severity for one in raised([whole], {})] == ["low"]


def test_before_any_day_is_settled_there_is_nothing_to_judge(books):
    spend(books, 3, settled=0)
    assert refresh(books, 3) == "0 new anomalies, 0 withdrawn"
