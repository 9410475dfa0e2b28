"""What is one incident: pure rules, on incidents of one account and the total."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from exporter.insights.incidents import parents, plan_for
from exporter.store.anomalies import Incident
from exporter.store.planned import PlannedChange

DAY = date(2026, 4, 20)
ACCOUNT = Incident(
    account="acme", level="account", scope="", model="", day=DAY, until=DAY, kind="spike", became="spike",
    severity="high", score=9.0, cost=60.0, expected=10.0, lower=5.0, upper=14.0, total_excess=50.0,
)  # fmt: skip
SCOPE = replace(ACCOUNT, level="scope", scope="web")
MODEL = replace(ACCOUNT, level="model", model="large")
TOTAL = replace(ACCOUNT, level="total", account="")


def moved(one: Incident, days: int, *, length: int = 1, **more) -> Incident:
    day = one.day + timedelta(days)
    return replace(one, day=day, until=day + timedelta(length - 1), **more)


def drop(one: Incident) -> Incident:
    return replace(one, kind="drop", cost=0.0, expected=50.0)


def test_the_account_stands_for_its_scopes_models_and_the_total():
    assert parents([TOTAL, MODEL, SCOPE, ACCOUNT]) == dict.fromkeys((SCOPE.key, MODEL.key, TOTAL.key), ACCOUNT.key)


def test_a_scope_stands_for_a_model_where_the_account_saw_nothing():
    assert parents([MODEL, SCOPE]) == {MODEL.key: SCOPE.key}
    assert parents([MODEL, TOTAL]) == {}


def test_a_day_apart_is_together_two_are_not():
    late = moved(SCOPE, 1)
    assert parents([ACCOUNT, late]) == {late.key: ACCOUNT.key}
    assert parents([ACCOUNT, moved(SCOPE, 2)]) == parents([ACCOUNT, moved(SCOPE, -2)]) == {}


def test_directions_and_accounts_are_kept_apart():
    assert parents([ACCOUNT, drop(SCOPE), replace(SCOPE, account="beta")]) == {}
    assert parents([ACCOUNT, replace(SCOPE, kind="requests")]) == {}


def test_the_total_belongs_to_the_account_with_the_most_money():
    larger = replace(ACCOUNT, account="beta", cost=500.0)
    assert parents([ACCOUNT, larger, TOTAL]) == {TOTAL.key: larger.key}


def test_what_began_first_and_is_most_of_it_keeps_standing():
    early = moved(SCOPE, -1)
    assert parents([ACCOUNT, early]) == {ACCOUNT.key: early.key}
    small = replace(early, cost=12.0)
    assert parents([ACCOUNT, small]) == {small.key: ACCOUNT.key}


INCIDENTS = st.lists(
    st.builds(
        lambda one, days, length, cost: moved(one, days, length=length, cost=cost),
        st.sampled_from([ACCOUNT, SCOPE, replace(SCOPE, scope="lab"), MODEL, replace(MODEL, model="small"), TOTAL]),
        st.integers(0, 6), st.integers(1, 4), st.sampled_from([0.0, 12.0, 60.0, 300.0]),
    ),
    unique_by=lambda one: one.key, max_size=12,
)  # fmt: skip


@given(INCIDENTS)
def test_what_stands_for_others_stands_for_itself(incidents):
    found = parents(incidents)
    assert not found.keys() & set(found.values())
    assert found.keys() | set(found.values()) <= {one.key for one in incidents}


def plan(**where) -> PlannedChange:
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    days = {"first_day": DAY, "last_day": DAY, "planned_by": "ann", "created_at": moment, "id": 7, "account": "acme"}
    return PlannedChange(**(days | where))


def made_by(one: Incident, scope: str, model: str, change: float) -> Incident:
    return replace(one, parts={"contributors": [{"scope": scope, "model": model, "change": change}]})


def test_a_plan_covers_what_it_names():
    assert plan_for(ACCOUNT, [plan()]) == plan_for(SCOPE, [plan()]) == 7
    assert plan_for(SCOPE, [plan(scope="web")]) == plan_for(MODEL, [plan(model="large")]) == 7
    assert plan_for(SCOPE, [plan(scope="lab")]) is None
    assert plan_for(ACCOUNT, [plan(account="beta")]) is None
    assert plan_for(moved(ACCOUNT, 1), [plan()]) is None


def test_a_plan_covers_what_it_makes_most_of():
    assert plan_for(made_by(ACCOUNT, "web", "large", 30), [plan(scope="web")]) == 7
    assert plan_for(made_by(ACCOUNT, "web", "large", 20), [plan(scope="web")]) is None
    assert plan_for(made_by(MODEL, "web", "large", 50), [plan(scope="web")]) == 7
    assert plan_for(made_by(drop(ACCOUNT), "web", "large", -50), [plan(scope="web")]) == 7


def test_of_the_total_the_scopes_are_accounts():
    assert plan_for(made_by(TOTAL, "acme", "large", 50), [plan()]) == 7
    assert plan_for(made_by(TOTAL, "acme", "large", 50), [plan(model="large")]) == 7
    assert plan_for(made_by(TOTAL, "acme", "large", 50), [plan(scope="acme")]) is None
    assert plan_for(made_by(TOTAL, "beta", "large", 50), [plan()]) is None
