"""What `accounts add` and `accounts edit` ask for: names, credentials, options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import show, work
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.providers.base import Provider

Given = Annotated[
    list[str] | None,
    typer.Option("--set", help="A credential. Other users can see it while this runs.", metavar="NAME=VALUE"),
]
Files = Annotated[
    list[str] | None, typer.Option("--set-file", help="A credential in a file; - is stdin.", metavar="NAME=PATH")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="An option, such as base_url.", metavar="NAME=VALUE")
]
NoTest = Annotated[bool, typer.Option("--no-test", help="Store it without asking the provider.")]


def options_of(provider: Provider, given: list[str] | None) -> dict[str, str]:
    """The account's options.

    Raises:
        ConfigError: one is unknown.
    """
    from exporter.providers.base import COMMON_OPTIONS

    names = {field.name for field in (*COMMON_OPTIONS, *provider.options)}
    return known(work.pairs(given or [], "--option"), names, "option")


def known(given: dict[str, str], names: set[str], what: str) -> dict[str, str]:
    for name in given:
        if name not in names:
            raise ConfigError(f"there is no {what} {name}; known are {', '.join(sorted(names))}")
    return given


def credentials_of(
    provider: Provider, given: list[str] | None, files: list[str] | None, *, ask: bool = True
) -> dict[str, str]:
    """From the options; with `ask`, those that are missing are asked for on a terminal.

    Raises:
        ConfigError: one is unknown, unreadable or missing.
    """
    found = work.pairs(given or [], "--set")
    found |= {name: _content(name, path) for name, path in work.pairs(files or [], "--set-file").items()}
    known(found, {field.name for field in provider.credentials}, "credential")
    for field in provider.credentials:
        if ask and not found.get(field.name) and field.required:
            found[field.name] = _asked(field.name, field.title, field.help, secret=field.secret)
    return {name: value for name, value in found.items() if value}


def _content(name: str, path: str) -> str:
    try:
        content = sys.stdin.read() if path == "-" else Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or "unreadable") if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"the file for {name}, {path}, can't be read: {why}") from None
    if not content.strip():
        raise ConfigError(f"the file for {name}, {path}, is empty")
    return content.strip()


def _asked(name: str, title: str, explanation: str, *, secret: bool) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"the credential {name} ({title}) is missing: give --set-file {name}=PATH, or - for stdin")
    if explanation:
        show.note(explanation)
    answer: str = typer.prompt(title, hide_input=secret, err=True)
    return answer.strip()
