"""Savings from stored rows to samples, in a real database, at hand-computed prices."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from exporter.domain import Source
from exporter.insights import savings
from exporter.insights.context import Context
from exporter.insights.panel import Panel
from exporter.pricing import GenaiPrices, NoList, PriceBook
from exporter.publish import savings as publish
from exporter.store import savings as store

M = 1_000_000
OPUS, NEXT = "claude-opus-5", "claude-opus-5-5"  # $5 and $25 against $4 and $20; batches at half
DAYS = 30


@pytest.fixture
def now(books):
    return books.moment(DAYS, 5)


@pytest.fixture
def refreshed(books, now):
    def refresh(catalogue=None, later: timedelta = timedelta()):
        prices = PriceBook(catalogue or GenaiPrices())
        context = Context(Panel(now.date(), now.date()), now + later, prices, {})
        return books.run(savings.refresh, context)

    return refresh


def consume(books, days=DAYS, **dimensions):
    """Every day 1 M input tokens and 0.2 M output tokens in 100 requests: $10 at list prices."""
    dimensions = {"model": OPUS, "scope": "web"} | dimensions
    rows = [
        row
        for day in range(DAYS - days, DAYS)
        for row in (
            books.usage(day, M, **dimensions),
            books.usage(day, M // 5, **dimensions | {"meter": "output"}),
            books.usage(day, 100, **dimensions | {"meter": "requests", "unit": "requests"}),
        )
    ]
    money = [books.charge(day, 10, **dimensions | {"meter": "input"}) for day in range(DAYS - days, DAYS)]
    lease = books.account(provider="anthropic")
    books.read(lease, "usage", Source.USAGE_API, books.window(DAYS - days, DAYS), usage=[rows],
               charges=[money], money=Source.PRICED_USAGE)  # fmt: skip
    return lease


def samples(books, now):
    return {family.definition.name: dict(family.samples) for family in books.run(publish.families, now)}


def test_from_rows_to_samples(books, now, refreshed):
    consume(books)
    assert refreshed() == "1 savings"
    [found] = books.run(store.found, now)
    assert (found.account, found.scope, found.model, found.kind, found.target) == ("acme", "web", OPUS, "model", NEXT)
    assert found.usd_per_month == 60
    assert found.evidence["days"] == 30
    assert found.evidence["paid_share_of_list_price"] == 1
    account = ("anthropic", "acme", OPUS)
    assert samples(books, now) == {
        "spend_potential_saving_usd": {(*account, "model"): 60},
        "spend_cache_hit_ratio": {account: 0},
        "spend_cache_net_saving_usd": {account: 0},
        "spend_cost_per_request_usd": {account: 0.1},
    }


def test_scopes_are_added_up_and_old_findings_are_absent(books, now, refreshed):
    lease = consume(books)
    more = [books.usage(day, M, model=OPUS, scope="app") for day in range(DAYS)]
    books.read(lease, "usage/more", Source.USAGE_API, books.window(0, DAYS), usage=[more])
    refreshed()
    assert samples(books, now)["spend_potential_saving_usd"] == {("anthropic", "acme", OPUS, "model"): 90}
    assert samples(books, now + timedelta(days=2, minutes=-1)) != {}
    assert samples(books, now + timedelta(days=2)) == {}


def test_today_is_not_over(books, now, refreshed):
    lease = consume(books)
    names = {"model": OPUS, "scope": "web"}
    requests = [books.usage(DAYS, 5, meter="requests", unit="requests", **names), books.usage(DAYS, M, **names)]
    books.read(lease, "usage/today", Source.USAGE_API, books.window(DAYS, DAYS + 1), usage=[requests],
               charges=[[books.charge(DAYS, 500, **names)]], money=Source.PRICED_USAGE)  # fmt: skip
    refreshed()
    assert samples(books, now)["spend_cost_per_request_usd"] == {("anthropic", "acme", OPUS): 0.1}
    assert [one.usd_per_month for one in books.run(store.found, now)] == [60]


def test_a_run_replaces_what_the_last_one_found(books, now, refreshed):
    consume(books)
    refreshed()
    assert refreshed(NoList()) == "0 savings"
    assert samples(books, now) == {}  # without prices: no savings, no effect, no cost per request


def test_ten_days_are_a_third_of_a_month_and_a_few_days_are_no_month(books, now, refreshed):
    consume(books, days=10)
    refreshed()
    [found] = books.run(store.found, now)
    assert (found.usd_per_month, found.evidence["days"]) == (60, 10)
    assert samples(books, now)["spend_cost_per_request_usd"] == {("anthropic", "acme", OPUS): 0.1}


def test_a_few_days_are_no_month(books, now, refreshed):
    consume(books, days=6)
    assert refreshed() == "0 savings"
    assert samples(books, now) == {}


def test_a_discount_is_respected(books, now, refreshed):
    lease = consume(books)
    names = {"meter": "tokens", "model": OPUS, "scope": "web"}
    billed = [books.charge(day, 8 if day < DAYS - 2 else 1, **names) for day in range(DAYS)]  # the rest is to come
    books.costs(lease, books.window(0, DAYS), *billed, settled_until=books.moment(DAYS - 2))
    refreshed()
    [found] = books.run(store.found, now)
    assert (found.usd_per_month, found.evidence["paid_share_of_list_price"]) == (48, 0.8)
    assert samples(books, now)["spend_cost_per_request_usd"] == {("anthropic", "acme", OPUS): 0.08}


def test_a_contract_for_one_model_makes_no_other_model_cheaper(books, now, refreshed):
    """Sonnet 5 and 5.5 have the same list price: the discount on Opus is no reason to change."""
    lease = books.account(provider="anthropic")
    for report, model, share in (("a", OPUS, 2), ("b", "claude-sonnet-5", 4)):
        rows = [books.usage(day, M, model=model, scope="web") for day in range(DAYS)]
        estimates = [books.charge(day, 4, model=model, meter="input") for day in range(DAYS)]
        books.read(lease, report, Source.USAGE_API, books.window(0, DAYS), usage=[rows], charges=[estimates],
                   money=Source.PRICED_USAGE)  # fmt: skip
        billed = [books.charge(day, share, model=model, meter="tokens") for day in range(DAYS)]
        books.read(lease, f"costs {report}", Source.COST_API, books.window(0, DAYS), charges=[billed],
                   settled_until=books.moment(DAYS))  # fmt: skip
    refreshed()
    targets = {one.model: one.target for one in books.run(store.found, now)}
    # Opus at half price is as cheap as its successor at the list's: the next step down counts.
    assert targets == {OPUS: "claude-sonnet-5-5", "claude-sonnet-5": "claude-haiku-5-5"}


def hourly(books, hours, *, key="night", **dimensions):
    """A tenth of a million input tokens in each of these hours of every day."""
    names = {"model": OPUS, "scope": "web", "api_key": key} | dimensions
    return [books.usage(day + hour / 24, M // 10, hours=1, **names) for day in range(DAYS) for hour in hours]


def test_a_nightly_flow_could_be_batches_and_an_office_could_not(books, now, refreshed):
    lease = books.account(provider="anthropic")
    rows = [
        *hourly(books, (23, 0, 1, 2, 3, 4, 12, 13)),  # six of eight by night
        *hourly(books, range(8, 18), key="office"),
        *hourly(books, (1, 2, 3), service_tier="flex"),
        *hourly(books, (1, 2, 3), key="batches", service_tier="batch"),
    ]
    books.read(lease, "usage", Source.USAGE_API, books.window(0, DAYS), usage=[rows])
    days = [books.usage(day, M, model=OPUS, scope="web", api_key="night") for day in range(DAYS)]
    books.read(lease, "usage/days", Source.USAGE_API, books.window(0, DAYS), usage=[days])
    refreshed()
    [found] = [one for one in books.run(store.found, now) if one.kind == "batch"]
    # 30 × 0.8 M tokens, $2.50 a million less, three quarters of it
    assert float(found.usd_per_month) == pytest.approx(45)
    assert [one["api_key"] for one in found.evidence["flows"]] == ["night"]


def test_days_without_hours_give_no_batch_claim(books, now, refreshed):
    consume(books)
    refreshed()
    assert [one.kind for one in books.run(store.found, now)] == ["model"]


def test_writes_never_read_and_long_prompts(books, now, refreshed):
    lease = books.account(provider="anthropic")
    sonnet = {"model": "claude-sonnet-4-5", "scope": "web"}
    long = (("context_window", "200k-1M"),)
    rows = [
        row
        for day in range(DAYS)
        for row in (
            books.usage(day, M, **sonnet),
            books.usage(day, M, meter="cache_write_5m", **sonnet),  # $3.75 in place of $3
            books.usage(day, M, tags=long, **sonnet),  # $6 in place of $3
        )
    ]
    books.read(lease, "usage", Source.USAGE_API, books.window(0, DAYS), usage=[rows])
    refreshed()
    found = {one.kind: one.usd_per_month for one in books.run(store.found, now)}
    assert found["cache"] == Decimal("22.5")
    assert found["tail"] == 90
    [net] = samples(books, now)["spend_cache_net_saving_usd"].values()
    assert net == -22.5


def test_idle_seats(books, now, refreshed):
    lease = books.account(provider="anthropic")
    seats = [books.charge(0, 600, days=30, meter="Team plan", unit="seats", tags=(("quantity", "20"),))]
    books.read(lease, "plan", Source.MANUAL, books.window(0, DAYS), charges=[seats], money=Source.MANUAL,
               longest=timedelta(days=30))  # fmt: skip

    def sessions(actor: str, **more: str):
        tags = tuple(sorted({"actor": actor, **more}.items()))
        return books.usage(3, 1, meter="sessions", unit="sessions", tags=tags)

    people = [*(sessions(f"person {n}", customer_type="subscription") for n in range(15)),
              sessions("robot", customer_type="api")]  # fmt: skip
    books.read(lease, "claude_code", Source.ANALYTICS, books.window(0, DAYS), usage=[people])
    refreshed()
    [found] = books.run(store.found, now)
    assert (found.kind, found.usd_per_month) == ("seat", 150)


def test_cost_by_feature_and_by_variant(books, now, refreshed):
    def tags(**more: str):
        return tuple(sorted(more.items()))

    lease = books.account(provider="anthropic")
    rows, money = [], []
    for mark, usd, requests in (
        (tags(feature="search"), 3, 10),
        (tags(feature="chat", experiment="tone", variant="warm"), 5, 20),
        (tags(experiment="tone", variant="cool"), 2, 20),
        ((), 7, 100),
    ):
        names = {"model": OPUS, "scope": "web", "tags": mark}
        rows.append(books.usage(20, requests, **names, meter="requests", unit="requests"))
        rows.append(books.usage(2, M, **names))
        money.append(books.charge(20, usd, **names, meter="input"))
    books.read(lease, "usage", Source.USAGE_API, books.window(0, DAYS), usage=[rows], charges=[money],
               money=Source.PRICED_USAGE)  # fmt: skip
    refreshed()
    assert [(one.key, one.value, one.usd, one.requests) for one in books.run(store.units, now)] == [
        ("", "", 17, 150),
        ("feature", "chat", 5, 20),
        ("feature", "search", 3, 10),
        ("variant", "tone/cool", 2, 20),
        ("variant", "tone/warm", 5, 20),
    ]


def test_a_removed_account_is_not_told_to_save(books, now, refreshed):
    consume(books)
    refreshed()
    books.run(lambda db: db.exec_driver_sql("UPDATE accounts SET removed_at = now()"))
    assert samples(books, now) == {}
    assert refreshed() == "0 savings"
