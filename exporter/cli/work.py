"""What commands share: the configuration with logging set up, the opened program, a loop that ends cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from exporter import logs
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.app import Runtime
    from exporter.config import Config
    from exporter.providers.base import Provider

T = TypeVar("T")
TERMINATED = 128 + signal.SIGTERM


def override(*, config: Path | None = None, data_dir: Path | None = None, listen: str | None = None) -> None:
    """Let options stand in for the variables they name: a reload while serving then sees the same."""
    given = {"SPEND_CONFIG_FILE": config, "SPEND_DATA_DIR": data_dir, "SPEND_LISTEN": listen}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})


def configured() -> Config:
    """The configuration of this process.

    Raises:
        ConfigError: every mistake in it, a line each.
    """
    from exporter.app import fields_of
    from exporter.config import read_config
    from exporter.providers import ALL

    return read_config(fields_of(ALL))


@contextmanager
def opened() -> Iterator[Runtime]:
    """The program for one command, beside an exporter that may be running. Quiet: the command says what happened."""
    from exporter.app import opened as open_runtime

    config = configured()
    debug = config.settings.log_level == "debug"
    logs.setup("debug" if debug else "error", config.settings.log_format)
    with open_runtime(config, serving=False) as runtime:
        yield runtime


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. Ctrl-C and SIGTERM cancel it, so that leases are given back.

    Raises:
        KeyboardInterrupt: by Ctrl-C.
        typer.Exit: by SIGTERM.
    """

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None


def provider_named(name: str) -> Provider:
    """The provider of that name.

    Raises:
        ConfigError: there is none.
    """
    from exporter.providers import ALL

    if name not in ALL:
        raise ConfigError(f"there is no provider {name}; known are {', '.join(sorted(ALL))}")
    return ALL[name]


def pairs(given: list[str], option: str) -> dict[str, str]:
    """`name=value` words as a mapping.

    Raises:
        typer.BadParameter: one has no name or no `=`.
    """
    found: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{option} needs name=value")  # the word may be a secret: not shown
        found[name] = value
    return found
