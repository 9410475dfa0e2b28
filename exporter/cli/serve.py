"""`serve`: sync and serve /metrics until told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from exporter import logs
from exporter.cli import show, work

Listen = Annotated[
    str | None, typer.Option(help="Where to serve, in place of SPEND_LISTEN (127.0.0.1:9918).", metavar="HOST:PORT")
]
Folder = Annotated[Path | None, typer.Option(help="The data folder, in place of SPEND_DATA_DIR.", metavar="FOLDER")]
File = Annotated[
    Path | None, typer.Option(help="The configuration file, in place of SPEND_CONFIG_FILE.", metavar="FILE")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(*, config: File = None, listen: Listen = None, data_dir: Folder = None) -> None:
    """Sync all accounts and serve /metrics until SIGTERM or Ctrl-C. SIGHUP reloads the configuration.

    Without DATABASE_URL an embedded PostgreSQL in the data folder is started.
    """
    work.override(config=config, data_dir=data_dir, listen=listen)
    end_on_sigterm()
    found = work.configured()
    logs.setup(found.settings.log_level, found.settings.log_format)
    from exporter.app import opened
    from exporter.app import serve as run

    with opened(found) as runtime:
        asyncio.run(run(runtime, ready=announce))


def announce(url: str) -> None:
    """Say where the metrics are."""
    show.say(f"Serving metrics on {url}/metrics")


def end_on_sigterm() -> None:
    """Leave cleanly when told to stop before, or after, the event loop listens for it."""

    def leave(*_: object) -> NoReturn:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)
