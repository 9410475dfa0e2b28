"""What goes wrong is said in one sentence, and what is stored stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY
from exporter.demo.truth import Truth
from exporter.errors import NeedsAttention, SyncError, TryLater, UnexpectedReply, UnitMismatch

if TYPE_CHECKING:
    from exporter.demo.clock import Clock
    from tests.end_to_end.conftest import World

KEYS = {"openai": OPENAI_KEY, "anthropic": ANTHROPIC_KEY}


@pytest.fixture
def truth(clock: Clock) -> Truth:
    return Truth(clock=clock, days=5, projects=2, models=2)


async def refused(world: World, account: str, kind: type[SyncError]) -> str:
    """Sync once more, be refused, and see that nothing stored has moved."""
    books = world.booked_charges(account), world.booked_usage(account, "usage/completions")
    counters = world.one("SELECT array_agg((recognized, reversed)::text ORDER BY 1) FROM ledger")
    with pytest.raises(kind) as caught:
        await world.sync(account)
    assert (world.booked_charges(account), world.booked_usage(account, "usage/completions")) == books
    assert world.one("SELECT array_agg((recognized, reversed)::text ORDER BY 1) FROM ledger") == counters
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert not any(key in sentence for key in KEYS.values())
    assert world.one("SELECT failure_sentence FROM sync_state WHERE account_id = :id", id=account) == sentence
    await world.runtime.publisher.publish()
    return sentence


def scraped(world: World) -> str:
    assert world.runtime.publisher.latest is not None
    return world.runtime.publisher.latest.rendered.text.identity.decode()


@pytest.mark.parametrize("account", ["openai", "anthropic"])
async def test_a_revoked_key(world: World, account: str) -> None:
    await world.sync()
    world.simulator.revoke(KEYS[account])
    sentence = await refused(world, account, NeedsAttention)
    assert "401" in sentence
    assert 'reason="needs_attention"' in scraped(world)
    assert f'spend_provider_up{{account="{account}",provider="{account}"}} 0.0' in scraped(world)


async def test_a_changed_reply_shape(world: World) -> None:
    await world.sync()
    world.simulator.faults.chance("renamed_field", 1.0, provider="openai", path="/costs")
    sentence = await refused(world, "openai", UnexpectedReply)
    assert "OpenAI" in sentence
    assert world.one("SELECT sample FROM sync_runs WHERE account_id = 'openai' ORDER BY id DESC LIMIT 1")
    assert 'reason="unexpected_reply"' in scraped(world)


async def test_an_outage_is_tried_again_later(world: World) -> None:
    await world.sync()
    world.simulator.faults.chance("503", 1.0, provider="openai")
    await refused(world, "openai", TryLater)
    assert world.one("SELECT due_at > now() FROM sync_state WHERE account_id = 'openai'")


async def test_cents_taken_for_dollars(world: World) -> None:
    await world.sync()
    world.simulator.faults.chance("wrong_unit", 1.0, provider="anthropic")
    sentence = await refused(world, "anthropic", UnitMismatch)
    assert "100 times" in sentence
    assert 'reason="unit_mismatch"' in scraped(world)


async def test_one_bad_account_does_not_hold_up_the_other(world: World) -> None:
    world.simulator.revoke(OPENAI_KEY)
    with pytest.raises(NeedsAttention):
        await world.sync("openai")
    await world.sync("anthropic", history=True)
    assert world.booked_charges("anthropic") == world.truth.expected_charges("anthropic")
