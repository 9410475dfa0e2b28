"""Is the database at the newest revision? Answered without Alembic, which would cost a serving process 11 MiB."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from exporter.store.engine import open_engine, transaction

VERSIONS = Path(__file__).parent / "migrations" / "versions"


def bring_up_to_date(url: str) -> None:
    """Migrate the database at `url` unless it is at the newest revision already.

    Raises:
        StoreError: the database is out of reach, or newer than this program.
    """
    engine = open_engine(url)
    try:
        with transaction(engine) as db:
            if revision_of(db) == newest():
                return
    finally:
        engine.dispose()
    from exporter.store import migrate  # noqa: PLC0415 (see above)

    migrate.upgrade(url)


def newest() -> str:
    """The newest revision this program brings: their files are named by number."""
    return max(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py"))


def revision_of(db: Connection) -> str | None:
    """The revision this database is at; None when it is empty."""
    if db.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    found: str | None = db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
