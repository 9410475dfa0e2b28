"""Every kind of saving by hand-computed figures, and what must hold of all of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.savings import (
    Discounts,
    Flow,
    Job,
    Rhythm,
    Seats,
    batch_saving,
    cache_effect,
    cache_saving,
    compare,
    context_saving,
    model_saving,
    reasoning_savings,
    seat_saving,
    worth_it,
)
from exporter.analytics.savings.discount import Billed
from exporter.analytics.savings.ladder import relatives, rung

M = Decimal(1_000_000)
# Dollars per million: input, cache_read, cache_write, output. Batches are half of it.
LIST = {
    "claude-opus-5": (5, "0.5", "6.25", 25),
    "claude-opus-5-5": (4, "0.4", 5, 20),
    "claude-sonnet-5": (2, "0.2", "2.5", 10),
    "claude-haiku-5-5": ("0.1", "0.01", "0.125", "0.5"),
    "gpt-5.6-sol": (4, "0.4", 5, 20),
}
METERS = ("input", "cache_read", "cache_write", "output", "reasoning")


def prices(model: str, meter: str, tier: str = "", window: str = "") -> Decimal | None:
    """A small list: long prompts cost twice, reasoning costs what output costs."""
    if model not in LIST or meter not in METERS:
        return None
    per_million = Decimal(LIST[model][min(METERS.index(meter), 3)])
    return per_million / M / (2 if tier == "batch" else 1) * (2 if window == "200k-1M" else 1)


def flow(model: str = "claude-opus-5", scope: str = "s", *, tier: str = "", **millions: object) -> Flow:
    return Flow("acme", scope, model, {(meter, tier): Decimal(str(n)) * M for meter, n in millions.items()})


flows = st.builds(
    lambda model, amounts: flow(model, **dict(zip(METERS, amounts, strict=True))),
    st.sampled_from(sorted(LIST)),
    st.tuples(*[st.integers(0, 10_000)] * len(METERS)),
)


def cost(one: Flow) -> Decimal:
    return sum((n * (prices(one.model, meter, tier) or 0) for (meter, tier), n in one.mix.items()), Decimal(0))


class TestModel:
    def test_the_nearest_cheaper_relative_is_the_figure_and_the_others_are_evidence(self):
        found = model_saving(flow(input=10, output=2), prices, LIST)  # $100 now
        assert found is not None
        assert (found.target, found.usd_per_month) == ("claude-opus-5-5", 20)  # 40 + 40
        assert "$80.00 a month in place of $100.00, if its quality is enough" in found.sentence
        assert [(one["model"], one["usd_per_month"]) for one in found.evidence["targets"]] == [
            ("claude-opus-5-5", "20.0000"),
            ("claude-sonnet-5", "60.0000"),
        ]
        first = found.evidence["targets"][0]
        assert (first["usd_per_million_now"], first["usd_per_million_then"]) == ("8.3333", "6.6667")

    def test_a_batch_is_compared_with_a_batch(self):
        found = model_saving(flow(tier="batch", input=10, output=2), prices, LIST)
        assert found is not None
        assert found.usd_per_month == 10

    def test_a_few_unpriced_tokens_are_named_and_many_forbid_the_claim(self):
        few = model_saving(flow(input=10, cache_write_12h="0.5"), prices, LIST)
        assert few is not None
        assert (few.usd_per_month, few.evidence["unpriced_meters"]) == (10, ["cache_write_12h"])
        assert model_saving(flow(input=10, cache_write_12h=2), prices, LIST) is None

    def test_no_claim_where_the_target_lacks_a_price_that_the_model_has(self):
        def partly(model: str, meter: str, tier: str = "", window: str = "") -> Decimal | None:
            return None if (model, meter) == ("claude-opus-5-5", "output") else prices(model, meter, tier, window)

        found = model_saving(flow(input=100, output=1), partly, LIST)
        assert found is not None
        assert found.target == "claude-sonnet-5"

    def test_unknown_models_give_no_claim(self):
        assert model_saving(flow("aurora-preview", input=10), prices, LIST) is None
        assert model_saving(flow("claude-opus-4", input=10), prices, LIST) is None  # a relative, but no price

    @given(flows)
    def test_it_never_exceeds_the_spend(self, one):
        found = model_saving(one, prices, LIST)
        assert found is None or 0 < found.usd_per_month <= cost(one)


class TestWhatIf:
    @given(flows)
    def test_the_same_model_changes_nothing(self, one):
        def price(meter: str, tier: str) -> Decimal | None:
            return prices(one.model, meter, tier)

        found = compare(one.mix, price, price)
        assert found.now == found.then == cost(one)
        assert found.unpriced == ()

    def test_what_has_no_price_is_named_and_in_neither_sum(self):
        mix = flow(input=1, cache_write_1h=3).mix
        found = compare(mix, lambda *_: Decimal(2) / M, lambda meter, _: None if "write" in meter else Decimal(1) / M)
        assert (found.now, found.then) == (2, 1)
        assert [(part.meter, part.now, part.then) for part in found.unpriced] == [("cache_write_1h", 6, None)]


class TestLadder:
    @pytest.mark.parametrize(
        ("model", "expected"),
        [
            ("claude-haiku-4-5-20251001", ("claude", 2, (4, 5))),
            ("claude-3-5-sonnet-latest", ("claude", 1, (3, 5))),
            ("gpt-4o-mini-2024-07-18", ("gpt", 2, (4, 0))),
            ("gpt-5.6-terra", ("gpt star", 2, (5, 6))),
            ("o4-mini", ("o", 2, (4, 0))),
            ("gemini-2.5-flash-lite", ("gemini", 2, (2, 5))),
            ("gpt-5.3-codex", None),
            ("text-embedding-3-small", None),
        ],
    )
    def test_where_a_model_stands(self, model, expected):
        assert rung(model) == expected

    def test_the_nearest_first_newer_of_the_same_step_then_one_step_down(self):
        listed = ["gpt-5-mini", "gpt-5", "gpt-5.4-mini", "gpt-5.1", "gpt-4.1-mini", "gpt-5-nano", "gpt-5.1-pro",
                  "gpt-5-mini-2025-08-07", "gpt-4.1", "gpt-6-luna"]  # fmt: skip
        assert relatives("gpt-5-2025-08-07", listed) == ["gpt-5.1", "gpt-5.4-mini", "gpt-5-mini"]


NIGHTLY = Rhythm(tokens=100, by_night=70, in_busiest=50, on_weekends=28, weekend=2 / 7, days=30)


class TestBatch:
    def test_the_part_by_night_at_the_batch_price(self):
        found = batch_saving("acme", "s", "claude-opus-5", [Job("key", {"input": 20 * M}, NIGHTLY)], prices)
        assert found is not None
        assert found.usd_per_month == pytest.approx(35)  # 20 M × $2.50 less, 70 % of it
        assert found.evidence["flows"][0]["api_key"] == "key"

    def test_bursts(self):
        bursts = NIGHTLY._replace(by_night=0, in_busiest=90, on_weekends=0)
        found = batch_saving("acme", "s", "claude-opus-5", [Job("key", {"input": 20 * M}, bursts)], prices)
        assert found is not None
        assert found.usd_per_month == pytest.approx(45)

    @pytest.mark.parametrize(
        "rhythm",
        [
            NIGHTLY._replace(by_night=50),
            NIGHTLY._replace(on_weekends=10),  # office hours of another time zone
            NIGHTLY._replace(days=4),
            NIGHTLY._replace(tokens=0),
        ],
    )
    def test_what_people_may_have_asked_is_not_claimed(self, rhythm):
        assert batch_saving("acme", "s", "claude-opus-5", [Job("key", {"input": 20 * M}, rhythm)], prices) is None

    def test_no_batch_price_no_claim(self):
        def ordinary(model: str, meter: str, tier: str = "", window: str = "") -> Decimal | None:
            return None if tier == "batch" else prices(model, meter)

        for price in (ordinary, lambda model, meter, *_: prices(model, meter)):
            assert batch_saving("acme", "s", "claude-opus-5", [Job("k", {"input": M}, NIGHTLY)], price) is None


class TestCache:
    def test_effect(self):
        effect = cache_effect("claude-opus-5", flow(input=10, cache_read=30, cache_write=10).mix, prices)
        assert effect is not None
        assert effect.hit_ratio == Decimal("0.6")
        assert effect.saved == Decimal(135)  # 30 × 4.50
        assert effect.lost == Decimal("12.5")  # 10 × 1.25
        assert effect.net == Decimal("122.5")

    def test_writes_that_are_never_read_lose_money_and_that_is_the_saving(self):
        one = flow(input=10, cache_write=10)
        effect = cache_effect(one.model, one.mix, prices)
        assert effect is not None
        assert effect.net == Decimal("-12.5")
        found = cache_saving(one, [], prices)
        assert found is not None
        assert (found.usd_per_month, found.target) == (Decimal("12.5"), "fewer cache writes")

    def test_half_the_distance_to_a_scope_that_does_better(self):
        one = flow(scope="poor", input=90, cache_read=10)
        peer = flow(scope="rich", input=20, cache_read=60, cache_write=20)  # 60 % against 10 %
        found = cache_saving(one, [peer], prices)
        assert found is not None
        # 25 M tokens moved, each 4.50 cheaper, less a third of a write at 1.25 more for each read.
        assert found.usd_per_month == pytest.approx(Decimal("102.0833333"))
        assert found.target == "rich"
        assert "60% of the input is read from the cache in rich, 10% here" in found.sentence

    @pytest.mark.parametrize(
        "peer",
        [
            flow(scope="tiny", cache_read=9),
            flow(scope="alike", input=85, cache_read=15),
            flow(scope="dear", cache_read=40, cache_write=150),  # loses money itself
        ],
    )
    def test_other_scopes_prove_nothing(self, peer):
        assert cache_saving(flow(scope="poor", input=90, cache_read=10), [peer], prices) is None

    def test_what_cannot_be_cached_has_no_effect_and_what_has_no_price_no_money(self):
        assert cache_effect("gpt-5.6-sol", {}, prices) is None
        assert cache_effect("unknown", flow(input=5).mix, prices) is None
        effect = cache_effect("unknown", flow(input=5, cache_read=5).mix, prices)
        assert effect is not None
        assert (effect.hit_ratio, effect.net) == (Decimal("0.5"), None)

    @given(flows, flows)
    def test_it_never_exceeds_the_spend(self, one, other):
        found = cache_saving(one, [other._replace(model=one.model, scope="other")], prices)
        assert found is None or 0 < found.usd_per_month <= cost(one)


class TestSeats:
    def test_idle_seats(self):
        found = seat_saving(Seats("acme", Decimal(20), Decimal(600), 15))
        assert found is not None
        assert found.usd_per_month == 150
        assert found.sentence.startswith("5 of 20 paid seats had no activity")

    @pytest.mark.parametrize("active", [0, 20, 25])
    def test_nobody_seen_or_nobody_idle(self, active):
        assert seat_saving(Seats("acme", Decimal(20), Decimal(600), active)) is None


class TestTail:
    def test_the_premium_of_long_prompts(self):
        long = {("input", "", "200k-1M"): 2 * M, ("input", "", "0-200k"): 50 * M, ("output", "", "200k-1M"): M}
        found = context_saving("acme", "s", "claude-opus-5", long, prices)
        assert found is not None
        assert found.usd_per_month == 35  # 2 × 5 + 25
        assert "200k-1M" in found.sentence
        assert "0-200k" not in found.sentence

    def test_no_dearer_window_no_claim(self):
        assert context_saving("acme", "s", "claude-opus-5", {("input", "", "0-200k"): M}, prices) is None
        assert context_saving("acme", "s", "unknown", {("input", "", "200k-1M"): M}, prices) is None

    def test_reasoning_beyond_the_median_share(self):
        usual = [flow(scope=name, reasoning=1, output=3) for name in "ab"]  # a quarter
        deep = flow(scope="c", reasoning=9, output=3)  # three quarters; a quarter of it would be 1 M
        [found] = reasoning_savings([*usual, deep], prices)
        assert found.scope == "c"
        assert found.usd_per_month == 200  # 8 M × $25

    def test_two_flows_have_no_usual(self):
        assert reasoning_savings([flow(reasoning=1, output=99), flow(reasoning=9, output=1)], prices) == []

    @given(st.lists(flows, min_size=3, max_size=6))
    def test_it_never_exceeds_the_spend(self, ones):
        for place, one in enumerate(ones):
            ones[place] = one._replace(scope=str(place))
        for found in reasoning_savings(ones, prices):
            assert 0 < found.usd_per_month <= cost(ones[int(found.scope)])


class TestDiscounts:
    def test_the_models_own_then_the_least_of_the_account_then_none(self):
        rows = [Billed("acme", "a", Decimal(90), Decimal(100)), Billed("acme", "b", Decimal(30), Decimal(100))]
        found = Discounts(rows)
        assert [found.of("acme", model) for model in ("a", "b", "c")] == [
            Decimal("0.9"),
            Decimal("0.3"),
            Decimal("0.9"),
        ]
        assert found.of("other", "a") == 1

    def test_a_bill_above_the_estimate_or_of_nothing_is_no_discount(self):
        found = Discounts([Billed("x", "m", Decimal(120), Decimal(100)), Billed("y", "m", Decimal(0), Decimal(100))])
        assert (found.of("x", "m"), found.of("y", "m")) == (1, 1)


def test_the_larger_of_two_reasons_counts_and_small_ones_do_not():
    small = seat_saving(Seats("acme", Decimal(2), Decimal("1.98"), 1))
    middle = seat_saving(Seats("acme", Decimal(2), Decimal(100), 1))
    large = seat_saving(Seats("acme", Decimal(2), Decimal(200), 1))
    other = seat_saving(Seats("beta", Decimal(2), Decimal(2), 1))
    assert worth_it([small, None, other, middle, large, middle]) == [large, other]
