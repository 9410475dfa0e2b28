"""The analysis beside a serving process: a child that reads the database, writes its findings and is gone.

One rule: numpy stays out of this process, which would be a third larger for good; a child gives its memory back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.app.job import Job
from exporter.errors import StoreError
from exporter.store import analysis
from exporter.store.database import Database

log = logging.getLogger(__name__)

CHILD = (sys.executable, "-m", "exporter.app.analysis")
LONGEST = timedelta(minutes=15)
REST = 29  # times as long as an analysis took


@dataclass(slots=True, kw_only=True)
class Analyst:
    """Starts an analysis when figures changed or a day began, on one replica at a time.

    `job` is what the child is told; `published` is awaited when it has found something.
    """

    database: Database
    clock: Callable[[], datetime]
    holder: str
    job: Callable[[datetime], Job]
    published: Callable[[], Awaitable[None]]
    shortest_rest: float = 15.0  # seconds

    async def serve(self) -> None:
        """Look for new figures until cancelled, resting long enough to use no more than a thirtieth of a processor."""
        while True:
            await asyncio.sleep(self.shortest_rest)
            began = time.monotonic()
            with suppress(StoreError):  # the publisher says that the database is away
                await self.analyse()
            await asyncio.sleep(REST * (time.monotonic() - began))

    async def analyse(self) -> bool:
        """One analysis, if there is something new and nobody else is at it. False: there was not, or it failed."""
        now = self.clock()
        if not await self.database.run(analysis.claim, self.holder, now=now, lasts=LONGEST):
            return False
        done = await self._child(json.dumps(self.job(now).told()).encode())
        await self.database.run(analysis.give_up, self.holder)
        if done:
            await self.published()
        return done

    async def _child(self, job: bytes) -> bool:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*CHILD, stdin=pipe, stdout=pipe)
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                told, _ = await child.communicate(job)
        except TimeoutError:
            log.warning("the analysis took more than %s and was ended; the last findings stay", LONGEST)
            return False
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            log.warning("the analysis ended with code %d; the last findings stay", child.returncode)
            return False
        log.info("analysed: %s", ", ".join(json.loads(told).values()))
        return True
