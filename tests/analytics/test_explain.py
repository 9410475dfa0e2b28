"""The parts of a change add up to it, and each part is what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.explain import Contributor, Explanation, Line, explain

BEFORE = [Line("web", "large", 10, 100), Line("web", "small", 10, 10)]


def parts(one: Explanation) -> tuple[float, float, float, float]:
    return one.price, one.volume, one.mix, one.new_scope


def test_another_price_is_price() -> None:
    one = explain(BEFORE, [Line("web", "large", 10, 150), BEFORE[1]])
    assert parts(one) == (50, 0, 0, 0)
    assert one.contributors == (Contributor("web", "large", 50),)


def test_twice_of_everything_is_volume() -> None:
    one = explain(BEFORE, BEFORE + BEFORE)
    assert parts(one) == pytest.approx((0, 110, 0, 0))


def test_more_of_the_dear_model_and_less_of_the_cheap_one_is_mix() -> None:
    one = explain(BEFORE, [Line("web", "large", 15, 150), Line("web", "small", 5, 5)])
    assert parts(one) == pytest.approx((0, 0, 45, 0))


def test_a_new_model_of_a_known_scope_is_mix_and_volume() -> None:
    one = explain(BEFORE, [*BEFORE, Line("web", "huge", 20, 500)])
    assert parts(one) == pytest.approx((0, 110, 390, 0))


def test_scopes_that_come_and_go_stand_apart() -> None:
    one = explain([*BEFORE, Line("old", "small", 5, 5)], [*BEFORE, Line("new", "large", 3, 30)])
    assert parts(one) == pytest.approx((0, 0, 0, 25))
    assert [top.scope for top in one.contributors] == ["new"]


def test_a_fee_without_quantity_changes_its_price() -> None:
    assert parts(explain([Line("web", "seats", 0, 20)], [Line("web", "seats", 0, 30)])) == (10, 0, 0, 0)


def test_the_top_three_go_with_the_change() -> None:
    before = [Line(f"s{place}", "m", 1, 100) for place in range(5)]
    after = [Line(f"s{place}", "m", 1, 100 - 10 * place) for place in range(5)]
    assert explain(before, after).contributors == (
        Contributor("s4", "m", -40),
        Contributor("s3", "m", -30),
        Contributor("s2", "m", -20),
    )


AMOUNT = st.floats(0, 1e6).map(lambda value: round(value, 3))
LINES = st.lists(st.builds(Line, st.sampled_from("abc"), st.sampled_from("xyz"), AMOUNT, AMOUNT), max_size=8)


@given(LINES, LINES)
def test_the_parts_always_add_up_to_the_change(before: list[Line], after: list[Line]) -> None:
    one = explain(before, after)
    size = max(1.0, one.before, one.after, *map(abs, parts(one)))
    assert sum(parts(one)) == pytest.approx(one.change, abs=1e-9 * size)
    assert one.text().endswith(".")


def test_the_sentence_names_the_split_and_the_contributors() -> None:
    after = [Line("web", "large", 30, 300), BEFORE[1], Line("lab", "small", 1000, 1000)]
    assert explain(BEFORE, after).text() == (
        "+$1,200 (×11.9): +$1,000 new scopes, +$110.00 volume, +$90.00 mix; "
        "most from lab / small +$1,000, web / large +$200.00."
    )


def test_the_sentence_in_other_cases() -> None:
    assert explain(BEFORE, BEFORE).text() == "The cost did not change."
    assert explain([], BEFORE).text("EUR") == (
        "+110.00 EUR: +110.00 EUR new scopes; most from web / large +100.00 EUR, web / small +10.00 EUR."
    )
    assert "scopes that ended" in explain(BEFORE, []).text()
