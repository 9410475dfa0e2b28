"""Folding never changes a sum, keeps to the cap, and does not flap."""

from __future__ import annotations

from collections import defaultdict
from decimal import Context, Decimal, Inexact, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.metrics import catalog
from exporter.metrics.fold import fold

METRIC = catalog.REQUESTS_TODAY  # provider, account, team, scope, model
EXACT = Context(prec=1_000, traps=[Inexact])

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine has other work
names = st.sampled_from(["", "a", "b", "c", "d", "other"])
money = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20) | st.integers(
    -(10**40), 10**40
).map(lambda n: Decimal(n).scaleb(-30, EXACT))
rows_ = st.lists(st.tuples(st.tuples(st.just("p"), names, st.just("t"), names, names), money), max_size=60)
caps = st.integers(0, 12)


def by_rest(rows):
    """Exact sums by the labels that folding leaves alone."""
    sums = defaultdict(Decimal)
    with localcontext(EXACT):
        for labels, value in rows:
            sums[labels[:3]] += value
    return dict(sums)


@unhurried
@given(rows_, caps)
def test_the_sum_is_unchanged_to_the_last_decimal(rows, cap):
    assert by_rest(fold(METRIC, rows, cap=cap).rows) == by_rest(rows)


@unhurried
@given(rows_, caps)
def test_at_most_the_cap_and_one_other_per_remainder(rows, cap):
    result = fold(METRIC, rows, cap=cap)
    labels = [labels for labels, _ in result.rows]
    assert len(labels) == len(set(labels))
    assert len(result.kept) <= cap
    assert {each for each in labels if each not in result.kept} <= {(*rest, "other", "other") for rest in by_rest(rows)}
    assert result.folded == len({labels for labels, _ in rows}) - len(result.kept)


@unhurried
@given(rows_, caps)
def test_the_same_rows_fold_the_same_way_again(rows, cap):
    first = fold(METRIC, rows, cap=cap)
    assert fold(METRIC, rows[::-1], cap=cap).kept == first.kept
    assert fold(METRIC, rows, cap=cap, kept=first.kept).kept == first.kept


@unhurried
@given(st.lists(st.integers(81, 100), min_size=8, max_size=8), st.lists(st.integers(81, 100), min_size=8, max_size=8))
def test_a_wobble_within_the_band_changes_nothing(before, after):
    first = fold(METRIC, figures(*before), cap=3)
    assert fold(METRIC, figures(*after), cap=3, kept=first.kept).kept == first.kept


def figures(*values):
    return [(("p", "a", "t", f"s{n}", "m"), Decimal(value)) for n, value in enumerate(values)]


def scopes(folded):
    return sorted(labels[3] for labels in folded.kept)


def test_the_largest_stay():
    result = fold(METRIC, figures(1, 50, 3, 40), cap=2)
    assert scopes(result) == ["s1", "s3"]
    assert result.folded == 2
    assert (("p", "a", "t", "other", "other"), Decimal(4)) in result.rows


def test_a_kept_set_leaves_when_it_is_clearly_smaller():
    first = fold(METRIC, figures(100, 90), cap=1)
    assert scopes(fold(METRIC, figures(81, 100), cap=1, kept=first.kept)) == ["s0"]
    assert scopes(fold(METRIC, figures(79, 100), cap=1, kept=first.kept)) == ["s1"]


def test_a_large_credit_is_large():
    assert scopes(fold(METRIC, figures(5, -100), cap=1)) == ["s1"]


def test_within_the_cap_nothing_is_touched():
    rows = figures(1, 2, 3)
    result = fold(METRIC, rows, cap=3)
    assert list(result.rows) == rows
    assert (result.folded, scopes(result)) == (0, ["s0", "s1", "s2"])


def test_a_metric_without_scope_and_model_is_left_alone():
    rows = [((f"p{n}", "a"), Decimal(n)) for n in range(5)]
    assert fold(catalog.RECOGNIZED_USD, rows, cap=2).rows == tuple(rows)


def test_model_alone_folds_where_there_is_no_scope():
    rows = [(("p", f"m{n}"), Decimal(n)) for n in range(5)]
    result = fold(catalog.UNPRICED_TOKENS_MONTH_TO_DATE, rows, cap=2)
    assert dict(result.rows) == {("p", "m4"): Decimal(4), ("p", "m3"): Decimal(3), ("p", "other"): Decimal(3)}


def test_a_scope_really_named_other_is_added_up_with_the_rest():
    rows = [*figures(1, 2), (("p", "a", "t", "other", "other"), Decimal(10))]
    assert fold(METRIC, rows, cap=1).rows == ((("p", "a", "t", "other", "other"), Decimal(13)),)


def test_a_sum_that_can_not_be_exact_is_refused():
    with pytest.raises(Inexact):
        fold(METRIC, [(("p", "a", "t", "s", "m"), Decimal("1e2000")), (("p", "a", "t", "s", "m"), Decimal(1))])
