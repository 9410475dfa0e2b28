"""The benchmarks' own Postgres: default settings, durable as in production, in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from exporter.embedded import EmbeddedPostgres
from exporter.store.migrate import upgrade


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that goes away with the block."""
    with (
        TemporaryDirectory(prefix="spend-benchmarks-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as running,
    ):
        yield running.url


def new_database(server_url: str, name: str) -> str:
    """The URL of a database of that name, with our schema and no rows."""
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as db:
        db.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        db.execute(text(f'CREATE DATABASE "{name}"'))
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    upgrade(url)
    return url
