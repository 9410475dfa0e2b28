"""`migrate`: bring the database up to date, or say whether it is."""

from __future__ import annotations

from typing import Annotated

import typer

from exporter import logs
from exporter.cli import show, work


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(
    *, check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 when it is behind.")] = False
) -> None:
    """Bring the database up to this version. `serve` does it by itself; run it beforehand where that must not be."""
    from exporter.app.runtime import database_url
    from exporter.store.migrate import head, upgrade

    settings = work.configured().settings
    logs.setup("error", settings.log_format)
    with database_url(settings) as (url, _):
        before = revision(url)
        if check and before != head():
            show.say(f"The database is at revision {before or 'none'}; this version needs {head()}.")
            raise typer.Exit(1)
        if not check:
            upgrade(url)
    done = "is" if before == head() else "is now"
    show.say(f"The database {done} at revision {head()}, the newest of this version.")


def revision(url: str) -> str | None:
    """The revision of the database at `url`; None when it is empty.

    Raises:
        StoreError: it is out of reach.
    """
    from exporter.store.engine import open_engine, transaction
    from exporter.store.migrate import current

    engine = open_engine(url)
    try:
        with transaction(engine) as db:
            return current(db)
    finally:
        engine.dispose()
