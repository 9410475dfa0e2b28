from __future__ import annotations

import asyncio
import io
import socket
import time

import pytest
from sqlalchemy import make_url, text

from exporter.errors import StoreError
from exporter.store import migrate
from exporter.store.database import Database
from exporter.store.engine import open_engine, transaction


@pytest.fixture
def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]  # bound, but nobody listens


def sentence_of(url: str) -> str:
    engine = open_engine(url)
    try:
        with pytest.raises(StoreError) as caught, transaction(engine):
            pass
    finally:
        engine.dispose()
    return str(caught.value)


def test_a_server_that_is_not_there_is_one_sentence_without_the_password(closed_port):
    sentence = sentence_of(f"postgresql+psycopg2://me:s3cret@127.0.0.1:{closed_port}/spend")

    assert sentence.startswith(f"can't reach the database at 127.0.0.1:{closed_port}/spend: ")
    assert "\n" not in sentence
    assert "s3cret" not in sentence


def test_a_host_without_a_name_is_one_sentence_without_the_password():
    sentence = sentence_of("postgresql+psycopg2://me:s3cret@nowhere.invalid/spend")

    assert sentence.startswith("can't reach the database at nowhere.invalid:5432/spend: could not translate host name")
    assert "s3cret" not in sentence


def test_a_refused_user_is_one_sentence_without_the_password(postgres):
    url = make_url(postgres).set(username="nobody_known", password="s3cret")
    sentence = sentence_of(url.render_as_string(hide_password=False))

    assert sentence.startswith("can't reach the database at ")
    assert "nobody_known" in sentence
    assert "s3cret" not in sentence


@pytest.mark.parametrize(
    "url", ["", "not a url", "postgresql+psycopg2://me:s3cret@host:port/db", "mysterysql://me:s3cret@host/db"]
)
def test_what_is_no_database_address_is_one_sentence_without_the_password(url):
    with pytest.raises(StoreError) as caught:
        open_engine(url)

    assert str(caught.value) == "DATABASE_URL is not a URL: write postgresql://user:password@host:5432/database"
    assert caught.value.__cause__ is None


def test_migrating_an_unreachable_database_is_one_sentence_too(closed_port):
    with pytest.raises(StoreError, match=r"^can't reach the database at"):
        migrate.upgrade(f"postgresql+psycopg2://me:s3cret@127.0.0.1:{closed_port}/spend")


def test_a_refused_statement_is_one_sentence(engine):
    with (
        pytest.raises(StoreError, match=r'refused a statement: relation "nothing" does not exist$'),
        transaction(engine) as db,
    ):
        db.execute(text("SELECT * FROM nothing"))


def test_a_connection_cut_while_copying_is_an_unreachable_database(books):
    def copies(db):
        db.execute(text("CREATE TEMP TABLE t (x text)"))
        pid = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
        books.run(lambda other: other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}))
        with db.connection.cursor() as cursor:
            cursor.copy_expert("COPY t FROM STDIN", io.BytesIO(b"a\n"))

    with pytest.raises(StoreError, match="can't reach the database"):
        books.run(copies)
    assert books.one("SELECT 1") == 1


def test_times_are_utc_whatever_the_server_says(engine):
    with transaction(engine) as db:
        assert db.execute(text("SHOW timezone")).scalar_one() == "UTC"


async def test_store_functions_run_in_threads_as_many_as_there_are_connections(database_url):
    database = Database(database_url, connections=3)
    began = time.perf_counter()
    await asyncio.gather(*(database.run(lambda db: db.execute(text("SELECT pg_sleep(0.3)"))) for _ in range(3)))
    took = time.perf_counter() - began
    database.close()

    assert took < 0.85


async def test_a_store_function_that_fails_is_rolled_back_and_its_error_comes_through(database_url):
    database = Database(database_url)

    def fails(db, word, *, times):
        db.execute(text("INSERT INTO accounts (id, provider, origin) VALUES ('a', 'b', 'file')"))
        raise KeyError(word * times)

    with pytest.raises(KeyError, match="nono"):
        await database.run(fails, "no", times=2)
    count = database.call(lambda db: db.execute(text("SELECT count(*) FROM accounts")).scalar_one())
    database.close()

    assert count == 0
