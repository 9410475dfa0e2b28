from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from exporter.domain import HOUR
from exporter.errors import (
    BeyondHistory,
    ConfigError,
    NeedsAttention,
    StoreError,
    SyncError,
    TryLater,
    UnexpectedReply,
)
from exporter.store import accounts, leases, states
from exporter.store.database import Database


@contextlib.asynccontextmanager
async def serving(*schedulers) -> AsyncIterator[None]:
    """The schedulers' loops, as long as the block runs."""
    tasks = [asyncio.create_task(scheduler.serve(0.02)) for scheduler in schedulers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition, seconds=15.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def state(world, account="acme"):
    [row] = world.rows(
        "SELECT consecutive_failures, failure_reason, failure_sentence, lease_holder,"
        f" extract(epoch FROM due_at - now())::float8 FROM sync_state WHERE account_id = '{account}'"
    )
    return row


def runs(world):
    return world.rows("SELECT account_id, trigger, outcome, reason, sentence, pages FROM sync_runs ORDER BY id")


def raising(error):
    def fault(account, window):
        raise error

    return fault


def forever(account, window):
    return asyncio.Event().wait()


def metric(world, name, **labels):
    return sum(
        sample.value
        for family in world.health.collect()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def test_a_due_account_is_synced_recorded_and_given_back(world):
    world.days = 30
    world.account()
    async with serving(world.scheduler()):
        await until(lambda: runs(world) and state(world)[3] is None and world.published >= 2)

    assert runs(world) == [("acme", "schedule", "ok", "", "", 60)]
    failures, reason, sentence, _, due = state(world)
    assert (failures, reason, sentence) == (0, "", "")
    assert 3500 < due <= 3600
    assert world.rows("SELECT holder, inserted, updated, deleted, unchanged FROM sync_runs") == [("me", 60, 0, 0, 0)]
    assert metric(world, "spend_exporter_sync_rows_total", outcome="inserted") == 60


async def test_history_is_filled_in_the_same_run(world):
    world.days = 60
    world.account()
    async with serving(world.scheduler()):
        await until(lambda: runs(world))

    assert world.one("SELECT count(*) FROM usage") == 60


async def test_history_that_is_not_done_makes_the_account_due_at_once(world):
    world.days = 60
    world.account()

    def slow(account, window):  # the clock jumps over the run's time
        world.now += timedelta(minutes=50)

    world.fake.faults["costs"] = slow
    job = world.scheduler()
    await job._start_due()
    await asyncio.gather(*job._running)

    assert state(world)[4] <= 0


@pytest.mark.parametrize(
    ("error", "reason", "low", "high"),
    [
        (NeedsAttention("bad key", status=401), "needs_attention", 3590, 3600),
        (TryLater("busy", retry_after=timedelta(minutes=20)), "try_later", 1190, 1200),
        (TryLater("busy"), "try_later", 40, 45),
        (UnexpectedReply("drift", sample="nul\0 \ud800"), "unexpected_reply", 40, 45),
        (BeyondHistory("too old"), "beyond_history", 40, 45),
        (SyncError("no"), "error", 40, 45),
    ],
)
async def test_a_failed_run_is_recorded_and_comes_again_when_it_makes_sense(world, error, reason, low, high):
    world.account()
    world.fake.faults["usage"] = raising(error)
    async with serving(world.scheduler()):
        await until(lambda: runs(world) and state(world)[3] is None)

    [(_, _, outcome, found, sentence, _)] = runs(world)
    assert (outcome, found, sentence) == ("failed", reason, str(error))
    failures, found, sentence, _, due = state(world)
    assert (failures, found, sentence) == (1, reason, str(error))
    assert low - 5 < due <= high
    assert metric(world, "spend_exporter_sync_failures_total", reason=reason) == 1
    sample = world.one("SELECT sample FROM sync_runs")
    assert sample == ("nul� ?" if reason == "unexpected_reply" else "")


async def test_failures_in_a_row_back_off_further_and_a_success_forgets_them(world):
    world.account()
    world.fake.faults["usage"] = raising(TryLater("busy"))
    job = world.scheduler()
    waits = []
    for _ in range(3):
        await job._start_due()
        await asyncio.gather(*job._running)
        waits.append(round(state(world)[4]))
        world.do("UPDATE sync_state SET due_at = now()")
    del world.fake.faults["usage"]
    await job._start_due()
    await asyncio.gather(*job._running)

    assert waits == [45, 90, 180]
    assert state(world)[:3] == (0, "", "")


async def test_one_bad_account_never_holds_up_another(world):
    for name in ("broken", "hanging", "good"):
        world.account(name)
    world.fake.faults = {"broken usage": raising(RuntimeError("a bug")), "hanging usage": forever}
    async with serving(world.scheduler()):
        await until(lambda: {"good", "broken"} <= {run[0] for run in runs(world)})
        assert state(world, "hanging")[3] == "me"

    found = {run[0]: run[2:5] for run in runs(world)}
    assert found["good"] == ("ok", "", "")
    assert found["broken"] == (
        "failed",
        "error",
        "a fault of this program (RuntimeError); see the log and report it",
    )


async def test_a_cancelled_job_gives_the_lease_back_and_leaves_no_record(world):
    world.account()
    world.fake.faults["usage"] = forever
    async with serving(world.scheduler()):
        await until(lambda: world.fake.asked)

    assert state(world)[3] is None
    assert state(world)[4] <= 0
    assert runs(world) == []


async def test_a_lost_lease_leaves_no_record_and_touches_nothing_of_the_new_holder(world):
    world.account()
    gate = asyncio.Event()
    world.fake.faults["usage"] = lambda _account, _window: gate.wait()
    job = world.scheduler()
    await job._start_due()
    await until(lambda: world.fake.asked)
    world.do("UPDATE sync_state SET lease_expires_at = now()")
    assert world.database.call(leases.claim, "acme", "other", lasts=HOUR)
    gate.set()
    await asyncio.gather(*job._running)

    assert runs(world) == []
    assert state(world)[3] == "other"
    assert world.one("SELECT count(*) FROM usage") == 0


async def test_a_lease_is_kept_alive_as_long_as_the_run_takes(world):
    world.account()
    gate = asyncio.Event()
    world.fake.faults["usage"] = lambda _account, _window: gate.wait()
    job = world.scheduler(lease_lasts=timedelta(seconds=0.9))
    await job._start_due()
    await asyncio.sleep(1.5)
    taken = world.database.call(leases.claim, "acme", "other", lasts=HOUR)
    gate.set()
    await asyncio.gather(*job._running)

    assert taken is None
    assert [run[2] for run in runs(world)] == ["ok"]


async def test_a_database_outage_during_a_run_is_survived(world, monkeypatch):
    world.account()
    gate = asyncio.Event()
    world.fake.faults["usage"] = lambda _account, _window: gate.wait()
    job = world.scheduler(lease_lasts=timedelta(seconds=1))
    real = Database.call

    def down(*_args, **_kwargs):
        raise StoreError("can't reach the database")

    async with serving(job):
        await until(lambda: world.fake.asked)
        monkeypatch.setattr(Database, "call", down)
        gate.set()
        await until(lambda: not job._running)
        await asyncio.sleep(0.1)  # the loop goes on asking meanwhile
        monkeypatch.setattr(Database, "call", real)
        assert world.one("SELECT count(*) FROM usage") == 0
        await until(lambda: runs(world))

    assert [run[2] for run in runs(world)] == ["ok"]


async def test_a_statement_that_fails_is_recorded_as_an_error(world, monkeypatch):
    world.account()

    def refused(*_args, **_kwargs):
        raise StoreError("the database refused a statement")

    monkeypatch.setattr("exporter.sync.run.windows.replace_window", refused)
    async with serving(world.scheduler()):
        await until(lambda: runs(world))

    assert runs(world)[0][2:5] == ("failed", "error", "the database refused a statement")


async def test_an_account_of_a_provider_this_version_does_not_know_needs_attention(world):
    world.account("acme", provider="tomorrow")
    async with serving(world.scheduler()):
        await until(lambda: runs(world))

    assert runs(world)[0][2:5] == (
        "failed",
        "needs_attention",
        "this version knows no provider tomorrow: run `spend-exporter providers`",
    )


async def test_never_more_accounts_at_once_than_wanted(world):
    for n in range(4):
        world.account(f"a{n}")
    world.fake.faults["usage"] = forever
    async with serving(world.scheduler(concurrency=2)):
        await until(lambda: len({account for account, *_ in world.fake.asked}) == 2)
        await asyncio.sleep(0.2)
        assert len({account for account, *_ in world.fake.asked}) == 2
        assert metric(world, "spend_exporter_leases") == 2
    assert metric(world, "spend_exporter_leases") == 0


async def test_two_replicas_on_one_database_share_the_accounts_without_double_work(world, database_url):
    world.days = 30
    for n in range(8):
        world.account(f"a{n}")
    second = Database(database_url, connections=6)
    one = world.scheduler(concurrency=2)
    other = world.scheduler(second, concurrency=2, holder="you", valuer=world.new_valuer())
    async with serving(one, other):
        await until(lambda: len(runs(world)) == 8)
        await asyncio.sleep(0.2)
    second.close()

    assert sorted(run[0] for run in runs(world)) == [f"a{n}" for n in range(8)]
    assert {run[2] for run in runs(world)} == {"ok"}
    assert {holder for (holder,) in world.rows("SELECT holder FROM sync_runs")} == {"me", "you"}
    assert len(world.fake.asked) == 16
    assert world.one("SELECT count(*) FROM usage") == 8 * 30
    assert world.one("SELECT sum(recognized) FROM ledger WHERE counter = 'usd'") == 8 * 30 * Decimal("1.5")


async def test_a_dead_replicas_account_is_taken_over(world):
    world.account()
    world.database.call(leases.claim, "acme", "dead", lasts=timedelta(seconds=0.3))
    async with serving(world.scheduler()):
        await until(lambda: runs(world))

    assert world.one("SELECT holder FROM sync_runs") == "me"


# By hand.


async def test_a_sync_by_hand_asks_even_when_nothing_is_due(world):
    world.days = 30
    world.account()
    job = world.scheduler()
    first = await job.sync_now("acme")
    second = await job.sync_now("acme")

    assert (first.counts.inserted, second.counts.unchanged) == (60, 8)
    assert [run[1] for run in runs(world)] == ["manual", "manual"]


async def test_a_sync_by_hand_raises_the_sentence_and_still_records_it(world):
    world.account()
    world.fake.faults["usage"] = raising(NeedsAttention("bad key", status=401))

    with pytest.raises(NeedsAttention, match="bad key"):
        await world.scheduler().sync_now("acme")
    assert runs(world)[0][1:4] == ("manual", "failed", "needs_attention")


async def test_a_back_fill_by_hand_shows_its_progress(world):
    world.days = 100
    world.account()
    steps = 0

    async def filled():
        nonlocal steps
        steps += 1

    await world.scheduler().sync_now("acme", history=True, filled=filled)

    assert steps == 6
    assert runs(world)[0][1] == "backfill"
    assert world.one("SELECT count(*) FROM usage") == 100


async def test_what_can_not_be_synced_by_hand_is_one_sentence(world):
    world.account("held")
    world.account("off")
    world.database.call(leases.claim, "held", "other", lasts=HOUR)
    world.database.call(accounts.set_disabled, "off", disabled=True)
    job = world.scheduler()

    for account, sentence in (
        ("nobody", "there is no account nobody; see `spend-exporter accounts list`"),
        ("held", "account held is being synced by another process; try again in a minute"),
        ("off", "account off is disabled"),
    ):
        with pytest.raises(ConfigError) as caught:
            await job.sync_now(account)
        assert str(caught.value) == sentence


async def test_a_fault_of_the_configuration_is_the_runs_sentence(world):
    world.account()

    def refuse(stored):
        raise ConfigError("account acme is declared in another replica's config file, not in this one's")

    with pytest.raises(SyncError, match="another replica's config file"):
        await world.scheduler(resolve=refuse).sync_now("acme")


async def test_a_removed_account_is_not_synced(world):
    world.account()
    world.database.call(accounts.remove, "acme")
    async with serving(world.scheduler()):
        await asyncio.sleep(0.2)

    assert world.fake.asked == []
    assert world.database.call(states.report_states, "acme") == {}
