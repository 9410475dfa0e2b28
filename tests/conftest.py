"""What every test may ask for: a real Postgres, and a database of its own in it.

One rule: a test never sees another test's rows. Its database is cloned from a migrated template, about 20 ms each.
Set TEST_DATABASE_URL (an administrator's URL) to use a server of yours instead of the embedded one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from exporter.embedded import EmbeddedPostgres
from exporter.store.migrate import upgrade


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server on which databases may be created. For tests that are about the server itself."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield _text(make_url(given).set(drivername="postgresql+psycopg2"))
        return
    folder = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server.url
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _admin(postgres: str) -> Iterator[Connection]:
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as db:
        yield db


@pytest.fixture(scope="session")
def _template(postgres: str, _admin: Connection) -> Iterator[str]:
    """A database migrated once. Nobody may connect to it afterwards, or it could not be cloned."""
    name = _create(_admin)
    upgrade(_url_of(postgres, name))
    _admin.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
    yield name
    _drop(_admin, name)


@pytest.fixture
def database_url(postgres: str, _admin: Connection, _template: str) -> Iterator[str]:
    """A fresh database with the whole schema and no rows."""
    name = _create(_admin, f'TEMPLATE "{_template}" STRATEGY wal_log')
    yield _url_of(postgres, name)
    _drop(_admin, name)


@pytest.fixture
def empty_database_url(postgres: str, _admin: Connection) -> Iterator[str]:
    """A fresh database without a schema."""
    name = _create(_admin)
    yield _url_of(postgres, name)
    _drop(_admin, name)


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """`program("promtool")` is its path. Without it the test is skipped, or fails where REQUIRE_SERVERS=1."""
    fetched = Path(__file__).parents[1] / ".tools" / "bin"

    def find(name: str) -> str:
        found = shutil.which(name, path=str(fetched)) or shutil.which(name)
        if found is None:
            missing = f"{name} is not here: tools/fetch-servers.sh can get it"
            (pytest.fail if os.environ.get("REQUIRE_SERVERS") == "1" else pytest.skip)(missing)
        return found

    return find


def _create(admin: Connection, options: str = "") -> str:
    name = f"test_{uuid4().hex[:12]}"
    admin.execute(text(f'CREATE DATABASE "{name}" {options}'))
    return name


def _drop(admin: Connection, name: str) -> None:
    # FORCE: a test's own forgotten connection is that test's business, not the next one's.
    admin.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _url_of(server: str, name: str) -> str:
    return _text(make_url(server).set(database=name))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
