from datetime import UTC, date, datetime
from decimal import Decimal
from time import perf_counter

import pytest

from exporter.domain import HOUR, Charge, Dimensions, Period, Usage
from exporter.pricing import GenaiPrices, NoList, Point, PriceBook, Use, implausible, price, priced

BOOK = PriceBook(GenaiPrices())
DAY = Period.of_day(date(2026, 11, 18))


def tokens(meter: str, quantity: int, model: str = "gpt-5", **more) -> Usage:
    return Usage(DAY, Dimensions(meter, "tokens", model, **more), Decimal(quantity))


def test_a_charge_has_the_rows_period_and_every_dimension():
    usage = tokens("output", 20_310, scope="proj_9x", api_key="key_7b", service_tier="flex", tags=(("feature", "x"),))

    assert price(usage, BOOK, "openai") == Charge(DAY, usage.dimensions, Decimal("0.10155"), "USD")


def test_amounts_are_exact():
    charge = price(tokens("cache_read", 3_000_000_001), BOOK, "openai")

    assert charge is not None
    assert charge.amount == Decimal("375.000000125")


def test_the_day_is_the_utc_day_the_period_starts_on():
    class Listed(NoList):
        def points(self, _: Use) -> tuple[Point, ...]:
            return (Point(None, Decimal(1), "list"), Point(date(2026, 11, 18), Decimal(2), "list"))

    book = PriceBook(Listed())
    before = Period(datetime(2026, 11, 17, 23, tzinfo=UTC), datetime(2026, 11, 18, 0, tzinfo=UTC))
    after = Period(before.end, before.end + HOUR)

    amounts = [
        price(Usage(period, Dimensions("input", "tokens", "m"), Decimal(1)), book, "p") for period in (before, after)
    ]
    assert [charge.amount for charge in amounts if charge] == [1, 2]


def test_disjoint_parts_add_up_to_what_the_request_cost():
    """1,000 input tokens of which 400 came from the cache, 100 output: 0.00180 dollars by the list itself."""
    rows = [tokens("input", 600), tokens("cache_read", 400), tokens("output", 70), tokens("reasoning", 30)]

    charges, unpriced = priced(rows, BOOK, "openai")
    assert sum(charge.amount for charge in charges) == Decimal("0.00180")
    assert unpriced == []


def test_unknown_tokens_are_unpriced_and_requests_are_not():
    unknown = tokens("input", 5, "no-such-model")
    requests = Usage(DAY, Dimensions("requests", "requests", "gpt-5"), Decimal(412))
    nothing = tokens("input", 0, "no-such-model")

    assert price(unknown, BOOK, "openai") is None
    assert price(requests, BOOK, "openai") is None
    assert priced([unknown, requests, nothing], BOOK, "openai") == ([], [unknown])


def test_pricing_is_fast():
    """200,000 rows a second when nothing else runs; a tenth of that must hold on a busy machine too."""
    rows = [tokens(meter, n, scope=f"p{n % 50}") for n in range(10_000) for meter in ("input", "output")]
    priced(rows, BOOK, "openai")

    started = perf_counter()
    priced(rows, BOOK, "openai")
    assert len(rows) / (perf_counter() - started) > 20_000


@pytest.mark.parametrize(
    ("billed", "estimated", "word"),
    [
        ("152", "1.52", "cents were probably taken for dollars"),
        ("10", "0.10", "cents were probably taken for dollars"),  # a small account, caught at ten cents
        ("60", "1", "cents"),
        ("200", "1", "cents"),
        ("1.52", "152", "dollars were probably taken for cents"),
        ("2", "100", "dollars"),
    ],
)
def test_a_hundredfold_difference_is_implausible(billed: str, estimated: str, word: str):
    said = implausible(Decimal(billed), Decimal(estimated))

    assert said is not None
    assert word in said


@pytest.mark.parametrize(
    ("billed", "estimated"),
    [
        ("1.52", "1.52"),
        ("30", "1"),  # unpriced models, tools
        ("1", "30"),  # committed use, free allowance
        ("500", "1"),  # nobody's unit
        ("1", "500"),
        ("2", "0.02"),  # too small to tell from noise
        ("0", "100"),
        ("100", "0"),
        ("-100", "1"),
        ("-100", "-1"),
    ],
)
def test_everything_else_is_plausible(billed: str, estimated: str):
    assert implausible(Decimal(billed), Decimal(estimated)) is None


def test_the_sentence_names_both_figures():
    assert implausible(Decimal(15200), Decimal(152)) == (
        "billed $15,200.00 against an estimate of $152.00 is about 100 times too much: "
        "cents were probably taken for dollars"
    )
