from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from exporter.pricing import (
    OVERRIDE,
    Difference,
    NoList,
    Point,
    PriceBook,
    PriceKey,
    UnitPrice,
    Use,
    repriced,
)

LIST = "list 1"
SPRING, SUMMER, AUTUMN = date(2026, 3, 1), date(2026, 6, 1), date(2026, 9, 1)


class Listed:
    """A catalogue from a dictionary; counts the questions."""

    def __init__(self, prices: dict[Use, list[tuple[date | None, str | None]]]) -> None:
        self.prices, self.asked = prices, 0

    def points(self, use: Use) -> tuple[Point, ...]:
        self.asked += 1
        steps = self.prices.get(use, [])
        return tuple(Point(start, Decimal(price) if price else None, LIST) for start, price in steps)

    def uses(self, provider: str | None, model: str | None) -> Iterator[Use]:
        for use in self.prices:
            if provider in (None, use.provider) and (model is None or model in use.model):
                yield use


@dataclass(frozen=True)
class Own:
    usd_per_unit: Decimal
    provider: str = "openai"
    model: str = "gpt-5"
    meter: str = "output"
    service_tier: str = ""
    valid_from: date | None = None
    valid_until: date | None = None


OUTPUT = Use("openai", "gpt-5", "output")


def catalogue() -> Listed:
    return Listed({OUTPUT: [(None, "1"), (SUMMER, "2")], OUTPUT._replace(service_tier="batch"): [(None, "0.5")]})


def recorded(usd: str, start: date | None = None, until: date | None = None) -> dict[PriceKey, UnitPrice]:
    key = PriceKey(*OUTPUT, valid_from=start)
    return {key: UnitPrice(key, Decimal(usd), "list 0", until)}


def usd(book: PriceBook, day: date, tier: str = "", meter: str = "output", tags=()) -> str | None:
    found = book.unit_price("openai", "gpt-5", meter, tier, day, tags)
    return None if found is None else str(found.usd_per_unit)


@pytest.mark.parametrize(
    ("day", "price"), [(date.min, "1"), (date(2026, 5, 31), "1"), (SUMMER, "2"), (date(2030, 1, 1), "2")]
)
def test_the_price_is_that_of_the_day(day: date, price: str):
    assert usd(PriceBook(catalogue()), day) == price


def test_a_price_says_when_it_holds_and_where_it_is_from():
    book = PriceBook(catalogue())

    first = book.unit_price("openai", "gpt-5", "output", "", SPRING)
    assert first == UnitPrice(PriceKey(*OUTPUT, valid_from=None), Decimal(1), LIST, SUMMER)
    second = book.unit_price("openai", "gpt-5", "output", "", AUTUMN)
    assert second is not None
    assert (second.valid_from, second.valid_until) == (SUMMER, None)
    assert second.key.use == OUTPUT


@pytest.mark.parametrize("tier", ["", "default", "standard", "auto"])
def test_the_ordinary_tier_has_many_names(tier: str):
    assert usd(PriceBook(catalogue()), SPRING, tier) == "1"


def test_batch_is_a_tier_or_a_tag():
    book = PriceBook(catalogue())

    assert usd(book, SPRING, "batch") == "0.5"
    assert usd(book, SPRING, "default", tags=(("batch", "true"),)) == "0.5"
    assert usd(book, SPRING, "default", tags=(("batch", "false"), ("feature", "search"))) == "1"


def test_the_unknown_is_unpriced():
    book = PriceBook(catalogue())

    assert usd(book, SPRING, meter="input") is None
    assert book.unit_price("nobody", "gpt-5", "output", "", SPRING) is None
    assert PriceBook(NoList()).unit_price("openai", "gpt-5", "output", "", SPRING) is None


def test_a_list_may_know_a_price_only_from_some_day_on():
    book = PriceBook(Listed({OUTPUT: [(None, None), (SUMMER, "2")]}))

    assert (usd(book, SPRING), usd(book, SUMMER)) == (None, "2")


def test_the_list_is_asked_once_for_each_use():
    listed = catalogue()
    book = PriceBook(listed)
    for day in range(1, 29):
        for feature in ("a", "b"):
            usd(book, date(2026, 2, day), "default", tags=(("feature", feature),))
            usd(book, date(2026, 2, day))

    assert listed.asked == 1


def test_a_provider_may_have_another_name_in_the_list():
    book = PriceBook(catalogue(), lists={"chatgpt": "openai", "free": ""})

    found = book.unit_price("chatgpt", "gpt-5", "output", "", SPRING)
    assert found is not None
    assert found.key.provider == "chatgpt"
    assert book.unit_price("free", "gpt-5", "output", "", SPRING) is None


# --- overrides ---


def test_an_override_wins_from_its_first_day_to_the_day_before_its_last():
    book = PriceBook(catalogue(), overrides=[Own(Decimal(7), valid_from=SPRING, valid_until=AUTUMN)])

    days = (date(2026, 2, 28), SPRING, SUMMER, date(2026, 8, 31), AUTUMN)
    assert [usd(book, day) for day in days] == ["1", "7", "7", "7", "2"]
    found = book.unit_price("openai", "gpt-5", "output", "", SPRING)
    assert found is not None
    assert (found.origin, found.valid_from) == (OVERRIDE, SPRING)


def test_an_override_without_a_tier_holds_for_all_and_one_with_a_tier_for_it_alone():
    general, batch = Own(Decimal(7)), Own(Decimal(3), service_tier="batch")

    assert usd(PriceBook(catalogue(), overrides=[general]), SPRING, "batch") == "7"
    assert usd(PriceBook(catalogue(), overrides=[batch, general]), SPRING, "batch") == "3"
    assert usd(PriceBook(catalogue(), overrides=[batch]), SPRING) == "1"


def test_the_ordinary_tier_can_be_overridden_alone():
    book = PriceBook(catalogue(), overrides=[Own(Decimal(7), service_tier="standard")])

    assert (usd(book, SPRING), usd(book, SPRING, "batch")) == ("7", "0.5")


def test_of_two_equal_overrides_the_later_in_the_file_wins():
    assert usd(PriceBook(NoList(), overrides=[Own(Decimal(7)), Own(Decimal(8))]), SPRING) == "8"


@pytest.mark.parametrize(("meter", "whole"), [("reasoning", "output"), ("cache_write_1h", "cache_write")])
def test_an_override_of_the_whole_holds_for_its_parts(meter: str, whole: str):
    general = Own(Decimal(7), meter=whole)

    assert usd(PriceBook(NoList(), overrides=[general]), SPRING, meter=meter) == "7"
    assert usd(PriceBook(NoList(), overrides=[Own(Decimal(9), meter=meter), general]), SPRING, meter=meter) == "9"
    assert usd(PriceBook(NoList(), overrides=[Own(Decimal(9), meter=meter)]), SPRING, meter=whole) is None


def test_an_override_of_zero_means_free():
    assert usd(PriceBook(catalogue(), overrides=[Own(Decimal(0))]), SPRING) == "0"


# --- recorded prices ---


def test_a_recorded_price_wins_over_a_newer_list():
    assert usd(PriceBook(catalogue(), recorded=recorded("0.9")), SPRING) == "0.9"


def test_an_override_wins_over_a_recorded_price():
    assert usd(PriceBook(catalogue(), recorded=recorded("0.9"), overrides=[Own(Decimal(7))]), SPRING) == "7"


def test_a_change_the_list_learns_of_later_applies_from_its_own_day():
    book = PriceBook(catalogue(), recorded=recorded("0.9"))  # recorded as "until further notice"

    assert (usd(book, SPRING), usd(book, SUMMER)) == ("0.9", "2")


def test_a_closed_recorded_price_holds_to_its_end_whatever_the_list_now_says():
    book = PriceBook(catalogue(), recorded=recorded("0.9", until=AUTUMN))

    assert (usd(book, SUMMER), usd(book, AUTUMN)) == ("0.9", "2")


def test_a_recorded_price_survives_a_list_that_forgot_the_model():
    assert usd(PriceBook(NoList(), recorded=recorded("0.9", SPRING)), AUTUMN) == "0.9"


def test_days_before_a_recorded_price_come_from_the_list():
    assert usd(PriceBook(catalogue(), recorded=recorded("0.9", SPRING)), date(2026, 2, 1)) == "1"


def test_prices_in_use_are_handed_out_once_to_be_recorded():
    book = PriceBook(catalogue())
    assert book.newly_used() == ()
    usd(book, SPRING)
    usd(book, SPRING)

    (fresh,) = book.newly_used()
    assert (fresh.usd_per_unit, fresh.valid_from, fresh.valid_until) == (Decimal(1), None, SUMMER)
    assert book.newly_used() == ()
    usd(book, SUMMER)
    assert [price.valid_from for price in book.newly_used()] == [SUMMER]


def test_neither_overrides_nor_recorded_prices_nor_gaps_are_newly_used():
    book = PriceBook(catalogue(), recorded=recorded("1"), overrides=[Own(Decimal(7), service_tier="batch")])
    usd(book, SPRING)
    usd(book, SPRING, "batch")
    usd(book, SPRING, meter="input")

    assert book.newly_used() == ()


def test_what_was_recorded_gives_the_same_prices_again():
    first = PriceBook(catalogue())
    days = (SPRING, SUMMER, AUTUMN)
    before = [usd(first, day) for day in days]

    rise = Listed({OUTPUT: [(None, "10"), (SPRING, "20"), (SUMMER, "30")]})
    second = PriceBook(rise, recorded={price.key: price for price in first.newly_used()})

    assert [usd(second, day) for day in days] == before


def test_differences_name_recorded_prices_the_list_contradicts():
    same = PriceBook(catalogue(), recorded=recorded("1", until=SUMMER))
    assert same.differences() == ()

    (difference,) = PriceBook(catalogue(), recorded=recorded("0.9")).differences()
    assert difference.recorded.usd_per_unit == Decimal("0.9")
    assert difference.current is not None
    assert difference.current.usd_per_unit == 1


def test_differences_name_a_step_inside_a_closed_recorded_price():
    differences = PriceBook(catalogue(), recorded=recorded("1", until=AUTUMN)).differences()

    assert [d.current.valid_from for d in differences if d.current] == [SUMMER]


def test_differences_name_what_the_list_forgot():
    (old,) = recorded("1").values()

    assert PriceBook(NoList(), recorded={old.key: old}).differences() == (Difference(old, None),)


def test_repricing_accepts_the_list_and_keeps_what_it_forgot():
    old = recorded("0.9", SPRING)
    forgotten_key = PriceKey("openai", "gpt-1", "output")
    forgotten = UnitPrice(forgotten_key, Decimal(9), "list 0")
    book = PriceBook(catalogue(), recorded=old | {forgotten_key: forgotten})

    prices = repriced(old | {forgotten_key: forgotten}, book.differences())

    assert prices[forgotten_key] == forgotten
    key = PriceKey(*OUTPUT, valid_from=SPRING)
    assert prices[key] == UnitPrice(key, Decimal(1), LIST, SUMMER)
    assert len(prices) == 2
    assert [d for d in PriceBook(catalogue(), recorded=prices).differences() if d.current] == []


# --- the printed list ---


def test_the_list_of_a_day_holds_own_prices_too():
    book = PriceBook(catalogue(), overrides=[Own(Decimal(7), model="mine"), Own(Decimal(8), valid_from=AUTUMN)])

    rows = book.list_prices(SUMMER)

    assert [(row.model, row.service_tier, row.usd_per_million, row.valid_from, row.origin) for row in rows] == [
        ("gpt-5", "", Decimal(2_000_000), SUMMER, LIST),
        ("gpt-5", "batch", Decimal(500_000), None, LIST),
        ("mine", "", Decimal(7_000_000), None, OVERRIDE),
    ]


def test_the_list_can_be_narrowed():
    book = PriceBook(catalogue(), overrides=[Own(Decimal(7), model="mine")], lists={"openai": "openai", "free": ""})

    assert {row.model for row in book.list_prices(SUMMER, model="MINE")} == {"mine"}
    assert {row.model for row in book.list_prices(SUMMER, provider="openai", model="gpt")} == {"gpt-5"}
    assert {row.provider for row in book.list_prices(SUMMER)} == {"openai"}
    assert book.list_prices(SUMMER, provider="free") == ()
    assert book.newly_used() == ()  # looking is not using
    assert PriceBook(NoList()).list_prices(SUMMER) == ()
