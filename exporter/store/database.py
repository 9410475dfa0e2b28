"""The one seam between the event loop and Postgres: a store function runs in a thread, in a transaction of its own.

A cancelled caller does not stop its thread, so store functions are short, idempotent and under a statement timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from exporter.store.engine import open_engine, transaction

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """A connection pool with as many threads as connections."""

    def __init__(self, url: str, *, connections: int = 8) -> None:
        self.engine: Engine = open_engine(url, pool_size=connections)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="store")

    def call(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(connection, …)` in one transaction, here and now.

        Raises:
            StoreError: the database is out of reach; and whatever `function` raises, after rolling back.
        """
        with transaction(self.engine) as db:
            return function(db, *args, **kwargs)

    async def run(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`call`, without holding up the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self.call(function, *args, **kwargs))

    def close(self) -> None:
        """Wait for what is running, then close the connections."""
        self._threads.shutdown(wait=True)
        self.engine.dispose()
