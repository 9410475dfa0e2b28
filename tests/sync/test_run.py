from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Thread

import pytest
from aiohttp import web

from exporter.domain import DAY, HOUR, Name, Source
from exporter.errors import (
    BeyondHistory,
    LeaseLost,
    NeedsAttention,
    StoreError,
    TryLater,
    UnexpectedReply,
    UnitMismatch,
)
from exporter.pricing import Point
from exporter.store import leases
from exporter.store import prices as stored_prices
from exporter.store.prices import RateRow
from exporter.sync.reading import RateMissing

TODAY = datetime(2026, 3, 20, tzinfo=UTC)
FAR = TODAY + 1000 * DAY


def raising(error):
    def fault(account, window):
        raise error

    return fault


def too_old_before(moment):
    def fault(account, window):
        if window.start < moment:
            raise BeyondHistory("too old")

    return fault


@dataclass(frozen=True)
class Own:
    usd_per_unit: Decimal
    provider: str = "fake"
    model: str = "m"
    meter: str = "input"
    service_tier: str = ""
    valid_from: date | None = None
    valid_until: date | None = None


class Listed:
    """A list with one price."""

    def points(self, use):
        return (Point(None, Decimal("0.01"), "list 1"),) if use.model == "m" and use.meter == "input" else ()

    def uses(self, *_):
        return iter(())


async def test_usage_is_read_before_money(world):
    world.account()
    await (await world.run()).up_to_date(force=False)

    assert [report for _, report, _ in world.fake.asked] == ["usage", "usage", "costs", "costs"]
    assert world.published == 1


async def test_what_is_fresh_is_not_asked_for_again_unless_forced(world):
    world.account()
    run = await world.run()
    await run.up_to_date(force=False)
    world.fake.asked.clear()

    await run.up_to_date(force=False)
    assert world.fake.asked == []
    await run.up_to_date(force=True)
    assert len(world.fake.asked) == 2


async def test_a_run_counts_pages_rows_and_restatements(world):
    world.account()
    run = await world.run()
    await run.up_to_date(force=True)
    world.fake.daily["costs"] = Decimal(2)
    again = run.tally.counts.inserted
    await run.up_to_date(force=True)

    assert again == 72  # 36 days, usage and costs
    assert run.tally.counts.updated == 4
    assert run.tally.restated == 4
    assert run.tally.pages == 72 + 8


async def test_an_unexpected_reply_holds_up_no_other_report(world):
    world.account()
    world.fake.faults["usage"] = raising(UnexpectedReply("drift"))

    with pytest.raises(UnexpectedReply, match="drift"):
        await (await world.run()).up_to_date(force=False)

    assert world.one("SELECT count(*) FROM charges") == 36
    assert world.published == 1


async def test_a_report_forbidden_holds_up_no_other_report(world):
    world.account()
    world.fake.faults["usage"] = raising(NeedsAttention("no permission", status=403))

    with pytest.raises(NeedsAttention, match="no permission"):
        await (await world.run()).up_to_date(force=False)
    assert world.fake.windows("costs")


async def test_a_window_too_old_holds_up_no_other_report(world):
    world.account()
    world.fake.faults["usage"] = raising(BeyondHistory("too old"))

    with pytest.raises(BeyondHistory):
        await (await world.run()).up_to_date(force=False)
    assert world.fake.windows("costs")


@pytest.mark.parametrize("error", [NeedsAttention("bad key", status=401), TryLater("busy", status=429)])
def test_what_no_other_report_would_survive_stops_at_once(world, error):
    async def run():
        world.account()
        world.fake.faults["usage"] = raising(error)
        with pytest.raises(type(error)):
            await (await world.run()).up_to_date(force=False)

    asyncio.run(run())
    assert world.fake.windows("costs") == []
    assert world.published == 0


@pytest.mark.parametrize("fault", [NeedsAttention("not enabled", status=403), UnexpectedReply("no such", status=404)])
async def test_an_optional_report_that_is_not_enabled_is_missing_not_broken(world, fault):
    world.use(world.report("usage", optional=True), world.report("costs"))
    world.account()
    world.fake.faults["usage"] = raising(fault)
    run = await world.run()
    await run.up_to_date(force=False)
    await run.history(FAR)

    assert world.rows(
        "SELECT report, missing, read_from <= wanted_from AND missing = '' FROM report_state ORDER BY 1"
    ) == [
        ("costs", "", True),
        ("usage", str(fault), False),
    ]
    assert world.rows("SELECT report FROM report_state WHERE source = 'cost_api' AND missing = ''") == [("costs",)]


async def test_a_report_enabled_later_is_read_without_a_gap_and_its_history_filled(world):
    world.days = 90
    world.use(world.report("usage", optional=True), world.report("costs"))
    world.account()
    world.fake.faults["usage"] = raising(NeedsAttention("not enabled", status=403))
    run = await world.run()
    await run.up_to_date(force=False)
    await run.history(FAR)
    world.now += 50 * DAY
    del world.fake.faults["usage"]
    world.fake.asked.clear()
    await run.up_to_date(force=False)
    await run.history(FAR)

    start, end = min(w.start for w in world.fake.windows("usage")), max(w.end for w in world.fake.windows("usage"))
    assert world.one("SELECT count(DISTINCT period_start) FROM usage") == (end - start) / DAY
    assert start == TODAY + 50 * DAY - 89 * DAY
    assert world.rows("SELECT read_from, missing FROM report_state WHERE report = 'usage'") == [(start, "")]


async def test_bills_in_cents_are_refused_and_the_old_figures_stay(world):
    world.overrides = [Own(Decimal("0.02"))]
    world.valuer = world.new_valuer()
    world.account()
    run = await world.run()
    await run.up_to_date(force=False)
    assert world.one("SELECT DISTINCT source FROM best_charges WHERE day = '2026-03-01'") == "cost_api"
    before = world.rows("SELECT * FROM charges ORDER BY 1, 2, 4"), world.rows("SELECT * FROM ledger ORDER BY 1, 2")
    world.fake.daily["costs"] = Decimal(150)

    with pytest.raises(UnitMismatch, match=r"billed \$\S+ against an estimate of .* cents .*; nothing was changed"):
        await run.up_to_date(force=True)

    after = world.rows("SELECT * FROM charges ORDER BY 1, 2, 4"), world.rows("SELECT * FROM ledger ORDER BY 1, 2")
    assert after == before


async def test_a_provider_that_lags_settles_by_its_own_watermark(world):
    world.fake.refreshed_at = TODAY - 4 * DAY
    world.account()
    await (await world.run()).up_to_date(force=False)

    assert world.one("SELECT settled_until FROM report_state WHERE report = 'costs'") == TODAY - 6 * DAY


async def test_fields_nobody_knows_are_counted(world):
    world.account()
    await (await world.run()).up_to_date(force=False)
    samples = {s.name: s.value for family in world.health.collect() for s in family.samples if "unknown" in s.name}

    assert list(samples.values()) == [36]


# History.


async def test_history_is_filled_oldest_last_and_ends_where_it_shall_begin(world):
    world.days = 100
    world.account()
    run = await world.run()
    await run.up_to_date(force=False)
    world.fake.asked.clear()
    assert await run.history(FAR) is True

    windows = world.fake.windows("costs")
    assert [w.end for w in windows] == sorted((w.end for w in windows), reverse=True)
    assert windows[-1].start == TODAY - 99 * DAY
    assert world.one("SELECT count(*) FROM charges") == 100
    assert world.rows("SELECT DISTINCT read_from, wanted_from, history_done FROM report_state") == [
        (TODAY - 99 * DAY, TODAY - 99 * DAY, False)
    ]
    assert world.filled == len(world.fake.asked)
    world.fake.asked.clear()
    assert await run.history(FAR) is True
    assert world.fake.asked == []


async def test_history_stops_when_its_time_is_up_and_says_that_more_is_left(world):
    world.days = 100
    world.account()
    run = await world.run()
    await run.up_to_date(force=False)
    world.fake.asked.clear()

    assert await run.history(world.now) is False
    assert world.fake.asked == []


async def test_a_provider_that_remembers_less_ends_the_history_where_it_does(world):
    world.days = 365
    world.account()
    border = TODAY - 50 * DAY
    world.fake.faults = dict.fromkeys(("costs", "usage"), too_old_before(border))
    run = await world.run()
    await run.up_to_date(force=False)
    assert await run.history(FAR) is True

    assert world.rows("SELECT DISTINCT read_from, history_done FROM report_state") == [(border, True)]
    assert world.one("SELECT count(*) FROM charges") == 51


async def test_back_fill_goes_on_where_a_crash_stopped_it(world):
    world.days = 150
    world.account()
    run = await world.run()
    await run.up_to_date(force=False)
    calls = 0

    def crashes(account, window):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("the power went out")

    world.fake.faults["costs"] = crashes
    with pytest.raises(RuntimeError):
        await run.history(FAR)
    del world.fake.faults["costs"]
    reached = world.one("SELECT read_from FROM report_state WHERE report = 'costs'")
    world.fake.asked.clear()
    world.do("UPDATE sync_state SET lease_expires_at = now()")
    assert await (await world.run()).history(FAR) is True

    assert world.fake.windows("costs")[0].end == reached
    assert world.one("SELECT count(*) FROM charges") == 150


# Leases and the database.


async def test_who_lost_the_lease_stops_and_writes_nothing(world):
    world.account()
    run = await world.run()
    world.do("UPDATE sync_state SET lease_expires_at = now()")
    world.database.call(leases.claim, "acme", "other", lasts=HOUR)

    with pytest.raises(LeaseLost):
        await run.up_to_date(force=False)
    assert world.one("SELECT count(*) FROM usage") == 0
    assert world.fake.windows("costs") == []


async def test_a_database_that_goes_away_while_a_page_is_read_is_a_store_error(world, monkeypatch):
    world.account()
    run = await world.run()

    async def unreachable(*_args, **_kwargs):
        raise StoreError("can't reach the database")

    monkeypatch.setattr(type(world.database), "run", unreachable)
    with pytest.raises(StoreError):
        await run.up_to_date(force=False)


# Names.


async def test_names_are_read_once_a_day(world):
    world.account()
    world.fake.names = [Name("scope", "p", "Project")]
    run = await world.run()
    world.now = datetime.now(UTC)
    await run.names()
    await run.names()
    assert world.fake.names_asked == 1
    world.now += DAY + HOUR
    await run.names()

    assert world.fake.names_asked == 2
    assert world.rows("SELECT id, name FROM names") == [("p", "Project")]


async def test_names_that_can_not_be_read_are_no_reason_to_fail(world):
    world.account()
    world.fake.names_fault = TryLater("busy")
    run = await world.run()
    await run.names()
    await run.names()

    assert world.fake.names_asked == 2
    assert world.rows("SELECT * FROM names") == []


# Prices and rates.


async def test_a_list_price_is_recorded_before_the_charges_it_made(world, monkeypatch):
    world.valuer = world.new_valuer(Listed())
    world.account()
    seen = []
    real = stored_prices.record_prices

    def spy(db, rows):
        seen.append(db.exec_driver_sql("SELECT count(*) FROM charges").scalar_one())
        real(db, rows)

    monkeypatch.setattr("exporter.sync.prices.store.record_prices", spy)
    await (await world.run()).up_to_date(force=False)

    assert seen == [0]
    assert world.rows("SELECT model, meter, usd_per_unit, origin FROM prices") == [
        ("m", "input", Decimal("0.01"), "list 1")
    ]
    assert world.one("SELECT sum(amount) FROM charges WHERE source = 'priced_usage'") == 36


async def test_a_price_that_could_not_be_recorded_keeps_its_charges_out_and_is_tried_again(world, monkeypatch):
    world.valuer = world.new_valuer(Listed())
    world.account()
    run = await world.run()
    with monkeypatch.context() as patch:
        patch.setattr("exporter.sync.prices.store.record_prices", lambda _db, _rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await run.up_to_date(force=False)
    assert world.one("SELECT count(*) FROM charges") == 0
    await run.up_to_date(force=False)

    assert world.one("SELECT count(*) FROM prices") == 1


async def test_a_price_is_recorded_although_the_book_was_replaced_while_it_was_used(world):
    world.valuer = world.new_valuer(Listed())
    world.account()

    async def reload():
        world.valuer.load([], [])

    world.fake.faults["usage"] = lambda _account, _window: reload()
    await (await world.run()).up_to_date(force=False)

    assert world.one("SELECT count(*) FROM prices") == 1


async def test_recorded_prices_hold_although_the_list_changed(world):
    world.valuer = world.new_valuer(Listed())
    world.account()
    await (await world.run()).up_to_date(force=False)
    world.do("UPDATE prices SET usd_per_unit = 0.5")
    await world.valuer.refresh(world.database)
    world.do("UPDATE sync_state SET lease_expires_at = now()")
    await (await world.run()).up_to_date(force=True)

    assert (
        world.one("SELECT DISTINCT amount FROM charges WHERE source = 'priced_usage' AND period_start >= '2026-03-19'")
        == 50
    )


@pytest.fixture
def bank():
    """A server that gives the reference rates of one Friday, and counts the questions."""
    asked: list[str] = []
    cubes = "<Cube time='2026-03-13'><Cube currency='USD' rate='1.25'/></Cube>"

    async def answer(request):
        asked.append(request.path)
        return web.Response(text=f"<a>{cubes}</a>")

    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_get("/{file}", answer)
    runner = web.AppRunner(app)

    async def start():
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner.addresses[0][1]

    port = loop.run_until_complete(start())
    thread = Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{port}", asked
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def test_a_missing_exchange_rate_is_fetched_once_and_stored(world, bank):
    url, asked = bank
    world.days = 6
    world.fake.currency = "EUR"
    world.use(world.report("costs"))
    world.account()
    world.valuer.ecb_url = url
    await (await world.run()).up_to_date(force=False)

    assert len(asked) == 1
    assert len(world.fake.windows("costs")) == 2  # read once more with the rate
    assert world.one("SELECT DISTINCT amount_usd FROM charges") == Decimal("1.5") * Decimal("1.25")
    assert RateRow(date(2026, 3, 13), "EUR", Decimal("1.25"), "ecb") in world.database.call(stored_prices.stored_rates)


async def test_a_rate_that_is_not_published_is_one_sentence(world, bank):
    url, asked = bank
    world.days = 6
    world.fake.currency = "XAU"
    world.use(world.report("costs"))
    world.account()
    world.valuer.ecb_url = url
    with pytest.raises(RateMissing) as caught:
        await (await world.run()).up_to_date(force=False)

    assert len(asked) == 1
    assert str(caught.value) == (
        "there is no exchange rate for XAU on 2026-03-15: set `fx` in spend.yaml to ecb or to a fixed rate"
    )
    assert world.one("SELECT count(*) FROM charges") == 0


async def test_only_fixed_rates_means_that_nothing_is_fetched(world):
    world.fake.currency = "EUR"
    world.use(world.report("costs"))
    world.account()
    with pytest.raises(RateMissing, match="no exchange rate for EUR"):
        await (await world.run()).up_to_date(force=False)
    assert len(world.fake.windows("costs")) == 1

    world.valuer.fixed_rates = {"EUR": Decimal(2)}
    await world.valuer.refresh(world.database)
    world.do("UPDATE sync_state SET lease_expires_at = now()")
    await (await world.run()).up_to_date(force=False)
    assert world.one("SELECT DISTINCT amount_usd FROM charges") == 3


async def test_hourly_reports_of_short_windows_are_read_in_as_many_steps_as_it_takes(world):
    world.use(world.report("usage", grain=HOUR, span=5 * DAY, restates_late=9 * DAY))
    world.account()
    await (await world.run()).up_to_date(force=False)

    windows = world.fake.windows("usage")
    assert windows[-1].end == world.now
    assert all(w.end - w.start <= timedelta(days=5) for w in windows)
    assert world.one("SELECT DISTINCT source FROM usage") == Source.USAGE_API
