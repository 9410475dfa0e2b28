from __future__ import annotations

import os
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from exporter.errors import StoreError
from exporter.store import migrate, revision
from exporter.store.engine import open_engine, transaction

REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()]


def at(url: str) -> str | None:
    engine = open_engine(url)
    with transaction(engine) as db:
        found = migrate.current(db)
    engine.dispose()
    return found


def test_there_is_exactly_one_head():
    assert migrate.head() == REVISIONS[0]


def test_two_heads_are_refused_with_a_sentence(monkeypatch):
    monkeypatch.setattr(ScriptDirectory, "get_heads", lambda _: ["a", "b"])

    with pytest.raises(StoreError, match=r"^the migrations have 2 heads: a, b$"):
        migrate.head()


def test_an_empty_database_is_brought_to_the_head_and_again_is_no_work(empty_database_url):
    assert at(empty_database_url) is None
    migrate.upgrade(empty_database_url)
    migrate.upgrade(empty_database_url)

    assert at(empty_database_url) == migrate.head()


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_can_be_upgraded_to_the_head(empty_database_url, revision):
    migrate.upgrade(empty_database_url, revision)
    assert at(empty_database_url) == revision
    migrate.upgrade(empty_database_url)

    assert at(empty_database_url) == migrate.head()


def test_two_processes_that_start_together_migrate_once(empty_database_url):
    code = "import sys; from exporter.store.migrate import upgrade; upgrade(sys.argv[1])"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, empty_database_url], stderr=subprocess.PIPE) for _ in range(2)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], errors
    assert at(empty_database_url) == migrate.head()


def test_a_database_of_a_newer_version_is_refused_with_a_sentence(database_url):
    engine = open_engine(database_url)
    with transaction(engine) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreError) as caught:
        migrate.upgrade(database_url)

    assert str(caught.value) == (
        "the database is at revision 9999, which this version does not know: run the newer spend-exporter"
    )
    assert at(database_url) == "9999"


def test_a_migration_that_fails_leaves_the_database_empty(empty_database_url, monkeypatch):
    real = migrate.command.upgrade

    def fails(config, revision):
        real(config, revision)
        raise RuntimeError("the power went out")

    monkeypatch.setattr(migrate.command, "upgrade", fails)
    with pytest.raises(RuntimeError):
        migrate.upgrade(empty_database_url)

    assert at(empty_database_url) is None


def test_a_database_that_is_up_to_date_is_known_without_alembic(database_url, monkeypatch):
    monkeypatch.setattr(migrate, "upgrade", lambda _: pytest.fail("there was nothing to migrate"))
    revision.bring_up_to_date(database_url)

    engine = open_engine(database_url)
    with transaction(engine) as db:
        assert revision.revision_of(db) == revision.newest() == migrate.head()
    engine.dispose()


@pytest.mark.parametrize("known", [None, *REVISIONS])
def test_a_database_that_is_behind_is_migrated(empty_database_url, known):
    if known is not None:
        migrate.upgrade(empty_database_url, known)
    revision.bring_up_to_date(empty_database_url)

    assert at(empty_database_url) == migrate.head()


def test_a_serving_process_does_not_load_alembic(database_url, tmp_path):
    program = (
        "import sys; from exporter.app import opened\n"
        "with opened(): print([name for name in ('alembic', 'numpy', 'sklearn') if name in sys.modules])"
    )
    environment = {"DATABASE_URL": database_url.replace("+psycopg2", ""), "SPEND_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True, cwd=tmp_path
    )

    assert done.stdout.strip() == "[]", done.stderr
