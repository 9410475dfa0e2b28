from datetime import date
from decimal import Decimal

import httpx
import pytest

from exporter.errors import TryLater, UnexpectedReply
from exporter.fx import ECB_URL, Rate, Rates, fetch, file_for, rates_from

FRIDAY = date(2026, 11, 13)
MONDAY = date(2026, 11, 16)
TODAY = date(2026, 11, 20)
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
    xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>{days}</Cube>
</gesmes:Envelope>"""


def ecb(**days: dict[str, str]) -> bytes:
    def cubes(rates: dict[str, str]) -> str:
        return "".join(f"<Cube currency='{currency}' rate='{rate}'/>" for currency, rate in rates.items())

    inner = "".join(f"<Cube time='{day[1:].replace('_', '-')}'>{cubes(rates)}</Cube>" for day, rates in days.items())
    return ENVELOPE.format(days=inner).encode()


TWO_DAYS = ecb(
    d2026_11_16={"USD": "1.08", "JPY": "160", "GBP": "0.85"},
    d2026_11_13={"USD": "1.1", "GBP": "0.88"},
)


def test_rates_are_dollars_for_one_unit():
    assert rates_from(TWO_DAYS) == (
        Rate(MONDAY, "EUR", Decimal("1.08")),
        Rate(MONDAY, "GBP", Decimal("1.27058823529412")),
        Rate(MONDAY, "JPY", Decimal("0.00675")),
        Rate(FRIDAY, "EUR", Decimal("1.1")),
        Rate(FRIDAY, "GBP", Decimal("1.25")),
    )


def test_days_before_since_are_left_out():
    assert {row.day for row in rates_from(TWO_DAYS, since=MONDAY)} == {MONDAY}


def test_nothing_new_since_friday_is_no_mistake():
    assert rates_from(TWO_DAYS, since=TODAY) == ()


def test_a_day_without_a_dollar_rate_is_skipped():
    assert [row.day for row in rates_from(ecb(d2026_11_16={"GBP": "0.85"}, d2026_11_13={"USD": "1.1"}))] == [FRIDAY]


@pytest.mark.parametrize(
    ("xml", "sentence"),
    [
        (b"", "can't be read: no element found"),
        (b"<html><body>Maintenance</body>", "can't be read"),
        (b"<a/>", "hold no rate for the US dollar"),
        (ecb(d2026_11_16={"USD": "N/A"}), "can't be read"),
        (ecb(d2026_11_16={"USD": "-1"}), "without a positive number"),
        (ecb(d2026_11_16={"USD": "NaN"}), "without a positive number"),
        (ecb(d2026_13_16={"USD": "1"}), "can't be read"),
        (b"<Cube currency='USD' rate='1'/>", "or a day"),
        (b"<Cube time='2026-11-16'><Cube currency='USD'/></Cube>", "without a positive number"),
    ],
)
def test_anything_else_is_an_unexpected_reply(xml: bytes, sentence: str):
    with pytest.raises(UnexpectedReply, match=sentence) as caught:
        rates_from(xml)
    assert len(caught.value.sample) <= 2_000


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><a/>',
    ],
)
def test_entities_are_never_expanded(declaration: str):
    with pytest.raises(UnexpectedReply, match="declares a document type"):
        rates_from(declaration.encode())


RATES = Rates.of(rates_from(TWO_DAYS))


def test_a_dollar_is_a_dollar():
    amount = Decimal("0.1234567890123456789012345678901234")

    assert Rates().usd(amount, "USD", TODAY) is amount


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (MONDAY, "10.80"),
        (date(2026, 11, 15), "11.0"),  # Sunday takes Friday's
        (FRIDAY, "11.0"),
        (date(2026, 11, 23), "10.80"),  # a week later
        (date(2026, 11, 24), None),  # a day too late
        (date(2026, 11, 12), None),  # before the first
    ],
)
def test_the_rate_is_the_last_one_published(day: date, expected: str | None):
    assert RATES.usd(Decimal(10), "EUR", day) == (Decimal(expected) if expected else None)


def test_an_unknown_currency_has_no_rate():
    assert RATES.usd(Decimal(10), "XAU", MONDAY) is None


def test_a_fixed_rate_holds_on_every_day_and_wins():
    rates = Rates.of(rates_from(TWO_DAYS), {"EUR": Decimal("1.5")})

    assert rates.usd(Decimal(2), "EUR", MONDAY) == rates.usd(Decimal(2), "EUR", date(1999, 1, 1)) == Decimal(3)


@pytest.mark.parametrize(
    ("since", "file"),
    [
        (TODAY, "eurofxref-daily.xml"),
        (date(2026, 11, 19), "eurofxref-daily.xml"),
        (date(2026, 11, 18), "eurofxref-hist-90d.xml"),
        (date(2026, 9, 1), "eurofxref-hist-90d.xml"),
        (date(2026, 8, 1), "eurofxref-hist.xml"),
    ],
)
def test_the_smallest_file_is_asked_for(since: date, file: str):
    assert file_for(since, TODAY) == file


def client(answer: httpx.Response | Exception, asked: list[str] | None = None) -> httpx.AsyncClient:
    def handle(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(str(request.url))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


@pytest.mark.parametrize("base_url", ["", "http://mirror/fx/"])
async def test_fetching_reads_the_file(base_url: str):
    asked: list[str] = []

    async with client(httpx.Response(200, content=TWO_DAYS), asked) as api:
        found = await fetch(base_url, api, since=MONDAY, today=TODAY)

    assert found == rates_from(TWO_DAYS, since=MONDAY)
    assert asked == [f"{ECB_URL if not base_url else 'http://mirror/fx'}/eurofxref-hist-90d.xml"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(503), TryLater),
        (httpx.Response(429), TryLater),
        (httpx.Response(404), UnexpectedReply),
        (httpx.ConnectTimeout("slow"), TryLater),
    ],
)
async def test_failures_are_named_for_what_happens_next(answer: httpx.Response | Exception, error: type[Exception]):
    async with client(answer) as api:
        with pytest.raises(error):
            await fetch("", api, since=TODAY, today=TODAY)
