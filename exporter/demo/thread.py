"""A simulator in a thread of its own, for callers without an event loop.

One rule: the servers live exactly as long as the ``with`` block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from exporter.demo.server import Simulator


@contextmanager
def in_thread(simulator: Simulator) -> Iterator[Simulator]:
    """Serve beside the caller; `truth`, `faults` and the options may be changed from here."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(simulator.__aenter__(), loop).result()
        yield simulator
    finally:
        asyncio.run_coroutine_threadsafe(simulator.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
