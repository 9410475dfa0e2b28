"""Bring a database to the newest revision. One rule: two replicas starting together migrate once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from exporter.errors import StoreError
from exporter.store.engine import open_engine, transaction

# Any fixed number: it names this program's migration lock among the database's advisory locks.
LOCK = 7_749_918


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` up to `revision`. Waits for a replica that is doing the same.

    Raises:
        StoreError: the database is out of reach, or newer than this program.
    """
    engine = open_engine(url)
    try:
        with transaction(engine) as db:
            db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            _refuse_newer(db)
            config = _config()
            config.attributes["connection"] = db
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def current(db: Connection) -> str | None:
    """The revision this database is at; None when it is empty."""
    return MigrationContext.configure(db).get_current_revision()


def head() -> str:
    """The newest revision this program knows."""
    heads = ScriptDirectory.from_config(_config()).get_heads()
    if len(heads) != 1:
        raise StoreError(f"the migrations have {len(heads)} heads: {', '.join(heads)}")
    return heads[0]


def _refuse_newer(db: Connection) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if (at := current(db)) is not None and at not in known:
        raise StoreError(
            f"the database is at revision {at}, which this version does not know: run the newer spend-exporter"
        )


def _config() -> Config:
    config = Config()
    # Alembic reads its options through a parser that treats % as special.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
