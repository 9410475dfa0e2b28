"""An event loop on a thread of its own, and the way between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def own_loop(name: str) -> Iterator[asyncio.AbstractEventLoop]:
    """A running loop; it ends with the block, and what still waits on it is not waited for."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name=name, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` where it belongs, from another loop."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
