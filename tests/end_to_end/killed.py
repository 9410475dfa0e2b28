"""Kills a syncing process at random moments, again and again. Run by test_kill.py, apart from pytest.

Every round forks: the child opens the program and syncs everything, history included; the parent ends it with SIGKILL
after a random while. Nothing is cleaned up in between, except that leases of the dead expire at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from exporter.app import Runtime, opened
from exporter.config import Config, SpendFile
from exporter.config.model import AccountPlan
from exporter.config.settings import Settings
from exporter.demo.clock import Clock
from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY
from exporter.domain import Account
from exporter.store import leases

LONGEST = 2.5  # seconds until a kill
KEYS = {"openai": OPENAI_KEY, "anthropic": ANTHROPIC_KEY}


def main() -> None:
    """Print how many rounds there were, and how many were cut short."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--addresses", type=json.loads)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--now", required=True)
    parser.add_argument("--days", type=int)
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    plan = AccountPlan(backfill_days=options.days)
    accounts = tuple(
        Account(
            name, name, options={"base_url": url, "requests_per_minute": "60000"}, credentials={"admin_key": KEYS[name]}
        )
        for name, url in options.addresses.items()
    )
    config = Config(Settings(data_dir=options.folder), SpendFile(accounts, {account.id: plan for account in accounts}))
    clock = Clock(time_of(options.now))
    cut_short = rounds(config, clock, options.rounds)
    sync(config, clock)
    sys.stdout.write(json.dumps({"rounds": options.rounds, "cut_short": cut_short}) + "\n")


def time_of(text: str):
    from datetime import datetime

    return datetime.fromisoformat(text)


def rounds(config: Config, clock: Clock, count: int) -> int:
    """How many of so many children were still at work when they were killed.

    How long one takes depends on the machine and on what is there already, so the moments follow what was seen last.
    """
    dice, span, cut_short = random.Random(7), LONGEST, 0
    for _ in range(count):
        took = killed_round(config, clock, dice.uniform(0.05, span))
        span = min(LONGEST, span * 1.1 if took is None else took * 1.2)
        cut_short += took is None
    return cut_short


def killed_round(config: Config, clock: Clock, after: float) -> float | None:
    """None when the child was still at work; else the seconds it took."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        sync(config, clock)
        os._exit(0)
    started = time.monotonic()
    while (took := time.monotonic() - started) < after:
        if os.waitpid(child, os.WNOHANG)[0]:
            return took
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def sync(config: Config, clock: Clock) -> None:
    """Everything, from the first window to the oldest."""
    with opened(config, clock=clock) as runtime:
        runtime.database.call(leases.release_all)
        asyncio.run(both(runtime))


async def both(runtime: Runtime) -> None:
    await asyncio.gather(*(runtime.scheduler.sync_now(account, history=True) for account in KEYS))


if __name__ == "__main__":
    main()
