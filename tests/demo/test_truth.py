"""The ground truth: deterministic, late, restated, priced."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.demo.clock import Clock
from exporter.demo.prices import billed_price, list_price
from exporter.demo.shape import make_day
from exporter.demo.truth import Truth

NOW = datetime(2026, 11, 20, 14, 37, 12, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)


def spend(truth: Truth, provider: str, day: date) -> Decimal:
    return sum((a for (d, _, _), a in truth.expected_charges(provider).items() if d == day), Decimal(0))


def small(clock: Clock, **options) -> Truth:
    return Truth(**{"clock": clock, "seed": 7, "days": 5, "projects": 2, "models": 2, **options})


def test_the_same_seed_tells_the_same_story_and_another_seed_another(clock):
    assert small(clock).expected_charges("openai") == small(clock).expected_charges("openai")
    assert small(clock).expected_charges("openai") != small(clock, seed=8).expected_charges("openai")


def test_a_longer_history_does_not_change_the_shorter_one(clock):
    short, long = small(clock).expected_charges("anthropic"), small(clock, days=9).expected_charges("anthropic")
    assert short.items() < long.items()


def test_the_order_of_questions_does_not_matter(clock):
    forward, backward = small(clock), small(clock)
    days = list(forward.days())
    there = [forward.lines("openai", day) for day in days]
    back = [backward.lines("openai", day) for day in reversed(days)][::-1]
    assert [[line.amount for line in day] for day in there] == [[line.amount for line in day] for day in back]


def test_a_small_cache_changes_nothing(clock, monkeypatch):
    whole = small(clock).expected_charges("openai")
    monkeypatch.setattr("exporter.demo.truth.CACHED_DAYS", 3)
    assert small(clock).expected_charges("openai") == whole


def test_an_ordinary_day_costs_some_hundred_dollars(clock):
    truth = Truth(clock=clock, seed=7, days=12)
    days = [spend(truth, "openai", TODAY - n * DAY) + spend(truth, "anthropic", TODAY - n * DAY) for n in range(3, 10)]
    assert all(200 < day < 1200 for day in days)
    assert max(days) > 1.8 * float(min(days))  # weekends are quiet


def test_usage_shows_ten_minutes_late(clock):
    truth = small(clock)
    series = truth.of("openai", "usage/completions")[0]
    hour = truth.true_day(series, TODAY)[14]
    seen = truth.seen_day(series, TODAY)
    assert seen[14] == tuple(q * 27 // 60 for q in hour)
    assert seen[15:] == (None,) * 9


def test_costs_grow_for_twenty_hours_and_then_stand(clock):
    truth, yesterday = small(clock), TODAY - DAY
    early = spend(truth, "openai", yesterday)
    clock.advance(timedelta(hours=2))
    later = spend(truth, "openai", yesterday)
    clock.advance(timedelta(hours=3))
    final = spend(truth, "openai", yesterday)
    clock.advance(timedelta(hours=5))
    assert early < later < final == spend(truth, "openai", yesterday)


def test_without_lateness_the_truth_is_final_at_once(clock):
    truth = small(clock, lateness=False)
    before = spend(truth, "openai", TODAY - DAY)
    clock.advance(3 * DAY)
    assert spend(truth, "openai", TODAY - DAY) == before > 0
    assert len(list(truth.days())) == 9


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_restatement_moves_usage_and_costs_of_its_day_only(clock, provider):
    truth = small(clock, lateness=False)
    report = "usage/completions" if provider == "openai" else "usage/messages"
    day, usage, charges = TODAY - 3 * DAY, truth.expected_usage(provider, report), truth.expected_charges(provider)
    truth.restate(provider, day, "1.5")
    more = truth.expected_usage(provider, report)
    assert {key for key in more if more[key] != usage.get(key)} == {key for key in usage if key[0] == day}
    assert spend(truth, provider, day) > sum(a for (d, _, _), a in charges.items() if d == day)
    truth.restate(provider, day, 0)
    assert spend(truth, provider, day) == 0
    assert not [key for key in truth.expected_usage(provider, report) if key[0] == day]
    truth.restate(provider, day, 1)
    assert truth.expected_charges(provider) == charges
    assert truth.version == 3


def test_a_restatement_can_be_of_one_scope(clock):
    truth = small(clock, lateness=False)
    day = TODAY - 2 * DAY
    truth.restate("openai", day, 0, scope="proj_docs2K")
    assert {line.series.scope for line in truth.lines("openai", day)} == {"proj_atlas7Q"}


def test_the_seeded_restatements_show_between_30_and_60_hours_after_their_day(clock):
    truth, quiet = small(clock), small(clock, lateness=False)
    day = TODAY - DAY
    clock.advance(timedelta(hours=12))  # 26 hours after that day: all has arrived, nothing is restated
    assert spend(truth, "anthropic", day) == spend(quiet, "anthropic", day)
    clock.advance(timedelta(hours=12))
    assert spend(truth, "anthropic", day) < spend(quiet, "anthropic", day)


def test_prices_change_when_the_list_did(clock):
    before, after = date(2026, 7, 29), date(2026, 7, 30)
    assert [list_price("gpt-5.6-terra", "output", day) for day in (before, after)] == [15, 12]
    assert list_price("gpt-5.6-terra", "output", after, "batch") == 6
    assert list_price("claude-sonnet-4-5-20250929", "input", after, context="200k-1M") == 6
    assert billed_price("claude-opus-5", "input", after) == Decimal("4.5")
    assert billed_price("omni-moderation-latest", "input", after) == 0


def test_a_loop_in_one_project_costs_six_times_as_much_for_eight_hours(clock):
    truth = Truth(clock=clock, seed=7, days=25)
    series = truth.of("openai", "usage/completions")[0]
    day = TODAY - 21 * DAY
    calm = make_day(7, series, day)
    struck = truth.true_day(series, day)
    ratio = [a[-1] / b[-1] for a, b in zip(struck, calm, strict=True)]
    assert [round(r) for r in ratio] == [1] * 9 + [6] * 8 + [1] * 7


def test_incidents_last_for_days_or_strike_a_whole_provider(clock):
    truth = Truth(clock=clock, seed=7, days=120)
    for name, provider, scope, days in (
        ("a job that ran three days too long", "anthropic", "wrkspc_01Support", {-48: 4, -47: 4, -46: 4, -45: 1}),
        ("an outage", "openai", "", {-76: 1, -75: 0, -74: 1}),
    ):
        [incident] = [one for one in truth.incidents if one.name == name]
        assert incident.scope == scope
        series = next(s for s in truth.of(provider) if s.scope == (scope or s.scope) and s.hourly > 100)
        for ago, factor in days.items():
            day = TODAY + ago * DAY
            calm, struck = (sum(hour[-1] for hour in made if hour) for made in (
                make_day(7, series, day), make_day(7, series, day, truth.incidents)))  # fmt: skip
            assert round(struck / calm) == factor


def test_an_unknown_model_appears_and_an_archived_project_falls_silent(clock):
    truth = Truth(clock=clock, seed=7, days=70)
    usage = truth.expected_usage("openai", "usage/completions")
    assert min(day for day, model, _ in usage if model.startswith("aurora")) == TODAY - 21 * DAY
    bot = [s for s in truth.of("openai") if s.scope == "proj_bot1L"]
    assert max(day for day in truth.days() for s in bot if truth.seen_total(s, day)) == TODAY - 60 * DAY
