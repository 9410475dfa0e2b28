"""Causes with hand-computed money, drift, and the property that everything adds up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D  # noqa: N817 (a hundred of them)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.months import Compared, Days, Kind, Month, Part
from exporter.analytics.reconcile import reconcile


def month(number: int = 10, *parts: Part, **more) -> Month:
    """A settled month whose bill and estimate are the sums of its parts."""
    billed = sum((part.billed + part.credited for part in parts), D(0)) if parts else None
    estimated = sum((part.estimated for part in parts), D(0)) if parts else None
    known = {"account": "acme", "provider": "openai", "month": date(2026, number, 1), "over": True, "settled": True}
    return Month(**(known | {"billed": billed, "estimated": estimated, "parts": parts} | more))


def billed(usd, model="gpt-5", meter="gpt-5, output", unit="tokens", days=Days.BOTH) -> Part:
    return Part(days, model, meter, unit, billed=D(str(usd)))


def estimated(usd, model="gpt-5", days=Days.BOTH) -> Part:
    return Part(days, model, "output", "tokens", estimated=D(str(usd)))


def causes(one: Month, of: Compared = Compared.BILL) -> dict[Kind, D]:
    [verdict] = reconcile([one])
    return {cause.kind: cause.usd for cause in verdict.causes if cause.of is of}


def sentence(one: Month) -> str:
    [verdict] = reconcile([one])
    [cause] = verdict.causes
    return cause.sentence


def test_a_discount_is_named_by_model():
    one = month(10, billed(90), estimated(100), billed(30, "o3", "o3, output"), estimated(20, "o3"))
    assert causes(one) == {Kind.PRICE_DIFFERENCE: 0}
    [verdict] = reconcile([one])
    [cause] = verdict.causes
    assert dict(cause.parts) == {"gpt-5": -10, "o3": 10}
    assert cause.sentence == "gpt-5 was billed at 0.90 of list prices; o3 was billed at 1.50 of list prices"


def test_two_percent_is_no_price_difference():
    assert causes(month(10, billed(102), estimated(100))) == {Kind.UNEXPLAINED: 2}
    assert causes(month(10, billed("102.01"), estimated(100))) == {Kind.PRICE_DIFFERENCE: D("2.01")}
    assert causes(month(10, billed(100), estimated(100))) == {}


def test_a_snapshot_and_its_model_are_one():
    one = month(10, billed(100, "gpt-5-2025-08-07"), estimated(60), estimated(40, "gpt-5-20250807"))
    assert causes(one) == {}


def test_a_model_that_was_not_billed():
    one = month(10, billed(100), estimated(100), estimated(7, "o3"))
    assert causes(one) == {Kind.PRICE_DIFFERENCE: -7}
    assert sentence(one) == "o3 was not billed"


def test_a_bill_without_models_is_held_against_all_models():
    whole = billed(150, "", "unattributed", "")
    assert causes(month(10, whole, estimated(100), estimated(50, "o3"))) == {}
    one = month(10, whole, estimated(100), estimated(100, "o3"))
    assert causes(one) == {Kind.PRICE_DIFFERENCE: -50}
    assert sentence(one) == "what names no model was billed at 0.75 of list prices"


def test_meters_without_usage():
    one = month(
        10, billed(100), estimated(100), billed(5, "", "web search tool calls", "calls"),
        billed(3, "claude-opus", "web_search", ""), billed(2, "", "seats", "", Days.BILLED),
    )  # fmt: skip
    assert causes(one) == {Kind.NO_USAGE_REPORT: 10}
    assert sentence(one) == "billed without usage that has a price: web search tool calls, web_search, seats"


def test_a_model_without_usage():
    assert causes(month(10, billed(9, "o3", "o3, output"), estimated(1), billed(1))) == {Kind.NO_USAGE_REPORT: 9}


def test_unpriced_models():
    one = month(10, billed(100), estimated(100), billed(8, "new", "new, input"), unpriced=(("new", D(1000)),))
    assert causes(one) == {Kind.UNPRICED_MODELS: 8}
    assert sentence(one) == "tokens without a price: new; add a price to the configuration file"
    partly = month(10, billed(130), estimated(100), unpriced=(("gpt-5", D(1000)),))
    assert causes(partly) == {Kind.UNPRICED_MODELS: 30}
    cheaper = month(10, billed(70), estimated(100), unpriced=(("gpt-5", D(1000)),))
    assert causes(cheaper) == {Kind.PRICE_DIFFERENCE: -30}


def test_nothing_has_a_price():
    one = month(10, billed(8, "new", "new, input", days=Days.BILLED), estimated=None, unpriced=(("new", D(1000)),))
    [verdict] = reconcile([one])
    assert verdict.bill_difference == 8
    assert causes(one) == {Kind.UNPRICED_MODELS: 8}


def test_missing_days_on_either_side():
    one = month(
        10, billed(100), estimated(100), billed(7, days=Days.BILLED), estimated(4, days=Days.ESTIMATED),
        billed_only_days=1, estimated_only_days=2,
    )  # fmt: skip
    assert causes(one) == {Kind.MISSING_DAYS: 3}
    assert sentence(one) == "1 day billed without an estimate, 2 days estimated without a bill"


def test_credits():
    one = month(10, billed(100), estimated(100), Part(Days.BOTH, "", "promotional credit", "", credited=D(-20)))
    assert causes(one) == {Kind.CREDITS: -20}
    assert sentence(one) == "negative charges: promotional credit"


def test_only_days_that_are_not_settled_are_excused_by_it():
    one = month(
        10, billed(90), estimated(100), billed(1, days=Days.UNSETTLED), estimated(5, days=Days.UNSETTLED), settled=False
    )
    assert causes(one) == {Kind.PRICE_DIFFERENCE: -10, Kind.NOT_SETTLED: -4}


@pytest.mark.parametrize(
    ("invoiced", "more", "expected"),
    [
        (119, {}, (Kind.TAX_OR_CURRENCY, 19)),
        ("119.2", {}, (Kind.UNEXPLAINED, D("19.2"))),
        (105, {}, (Kind.TAX_OR_CURRENCY, 5)),
        (104, {}, (Kind.UNEXPLAINED, 4)),
        (102, {"currency": "EUR"}, (Kind.TAX_OR_CURRENCY, 2)),
        (98, {"currency": "EUR"}, (Kind.TAX_OR_CURRENCY, -2)),
        (96, {"currency": "EUR"}, (Kind.UNEXPLAINED, -4)),
        (102, {}, (Kind.UNEXPLAINED, 2)),
        (119, {"settled": False}, (Kind.NOT_SETTLED, 19)),
        (150, {"billed_from": date(2026, 10, 11)}, (Kind.MISSING_DAYS, 50)),
        (90, {"billed_from": date(2026, 10, 11)}, (Kind.UNEXPLAINED, -10)),
    ],
)
def test_invoice_against_bill(invoiced, more, expected):
    one = month(10, billed(100), estimated(100), **({"billed_from": date(2025, 1, 1), "invoiced": D(invoiced)} | more))
    assert causes(one, Compared.INVOICE) == dict([expected])
    [verdict] = reconcile([one])
    assert verdict.invoice_difference == expected[1]
    assert verdict.invoice_ratio == D(invoiced) / 100


def test_an_invoice_that_agrees_needs_no_cause():
    assert causes(month(10, billed(100), estimated(100), invoiced=D(100)), Compared.INVOICE) == {}


def test_without_a_bill_the_invoice_is_held_against_the_estimate():
    one = month(10, estimated=D(100), invoiced=D(119), unpriced=(("new", D(1)),))
    assert causes(one, Compared.INVOICE) == {Kind.UNPRICED_MODELS: 0, Kind.TAX_OR_CURRENCY: 19}
    [verdict] = reconcile([one])
    assert (verdict.bill_difference, verdict.invoice_difference) == (None, 19)
    running = month(10, estimated=D(100), invoiced=D(119), over=False, settled=False)
    assert causes(running, Compared.INVOICE) == {Kind.NOT_SETTLED: 19}


def test_nothing_to_hold_an_invoice_against():
    [verdict] = reconcile([month(10, invoiced=D(50))])
    assert (verdict.invoice_difference, verdict.invoice_ratio, verdict.causes) == (None, None, ())


def test_a_missing_invoice_is_one_that_came_before_and_whose_month_is_over():
    months = [month(8), month(9, invoiced=D(5)), month(10), month(11, over=False), month(10, account="other")]
    missing = [v.month.month.month for v in reconcile(months) if any(c.kind is Kind.MISSING_INVOICE for c in v.causes)]
    assert missing == [10]


def test_drift_is_against_the_median_of_six_settled_months_before():
    ratios = {1: 5, 2: "0.90", 3: "0.91", 4: "0.80", 5: "1.00", 6: "0.95", 7: "0.89"}
    months = [month(n, compared=(D(str(r)), D(1))) for n, r in ratios.items()]
    months.append(month(8, compared=(D(9), D(1)), settled=False))
    months.append(month(9))
    months.append(month(10, compared=(D("1.81"), D(2))))
    verdicts = {v.month.month.month: v for v in reconcile(reversed(months))}
    # Of February to July: (0.90 + 0.91) / 2; January is too old, August is not settled, September has no ratio.
    assert verdicts[10].ratio == D("0.905")
    assert verdicts[10].drift == 0
    assert verdicts[9].drift is None
    assert verdicts[8].drift == D(9) / D("0.905") - 1
    assert verdicts[1].drift is None
    assert verdicts[2].drift == D("0.90") / 5 - 1


money = st.decimals(0, 1000, places=4)
anything = st.builds(
    Part,
    days=st.sampled_from(Days),
    model=st.sampled_from(["", "gpt-5", "gpt-5-2025-08-07", "o3", "new"]),
    meter=st.sampled_from(["unattributed", "gpt-5, output", "output", "web_search", "credit"]),
    unit=st.sampled_from(["tokens", "", "calls"]),
    billed=money,
    credited=money.map(lambda usd: -usd),
    estimated=money,
)


@given(st.lists(anything, min_size=1, max_size=12), st.sets(st.sampled_from(["new", "o3", ""])), money | st.none())
def test_causes_add_up_and_leave_at_most_two_percent_unexplained(parts, unpriced, invoiced):
    one = month(10, *parts, unpriced=tuple((model, D(1)) for model in unpriced), invoiced=invoiced)
    [verdict] = reconcile([one])
    bill, invoice = ([c for c in verdict.causes if c.of is of] for of in Compared)
    assert sum(c.usd for c in bill) == verdict.bill_difference == one.billed - one.estimated
    assert sum(c.usd for c in invoice) == (verdict.invoice_difference or 0)
    assert sum(abs(c.usd) for c in bill if c.kind is Kind.UNEXPLAINED) <= one.estimated * D("0.02")
    assert len({c.kind for c in bill}) == len(bill)
    assert all(sum(usd for _, usd in c.parts) == c.usd for c in bill if c.parts)
