"""Connections to Postgres. One rule: a database fault reaches the user as one sentence without a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from exporter.errors import StoreError

CONNECT_SECONDS = 10
STATEMENT_MINUTES = 10


def open_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for `url` (``postgresql+psycopg2://…``). Does not connect yet.

    Raises:
        StoreError: `url` is not a database URL.
    """
    try:
        parsed = make_url(url)
        return create_engine(
            parsed,
            pool_size=pool_size,
            max_overflow=2,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "spend-exporter",
                "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_MINUTES}min",
            },
        )
    except (ArgumentError, ValueError):  # ValueError: a port that is not a number
        raise StoreError("DATABASE_URL is not a URL: write postgresql://user:password@host:5432/database") from None


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed when the block ends, rolled back when it raises.

    Raises:
        StoreError: the database is out of reach or refused the statement.
    """
    try:
        with engine.begin() as db:
            yield db
    except (OperationalError, InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise StoreError(f"can't reach the database at {_place(engine.url)}: {_first_line(error)}") from None
    except (DBAPIError, psycopg2.Error) as error:  # psycopg2's own: COPY goes past SQLAlchemy
        raise StoreError(f"the database at {_place(engine.url)} refused a statement: {_first_line(error)}") from error


def _place(url: URL) -> str:
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def _first_line(error: DBAPIError | psycopg2.Error) -> str:
    origin = error.orig if isinstance(error, DBAPIError) else error
    lines = str(origin).strip().splitlines()
    return lines[0] if lines else type(origin).__name__
