"""docs/command-line.md, written from the commands themselves: `python -m exporter.cli.reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

WIDTH = 88
HEAD = """\
# Command line

`spend-exporter` is the one command; `python -m exporter` is the same. This page is written from its help by
`python -m exporter.cli.reference > docs/command-line.md`.

Options stand in for the environment variables they name. Results go to stdout, everything else to stderr; colour and
boxes appear on terminals only, and `NO_COLOR` turns colour off. Commands work beside a running exporter: without
`DATABASE_URL` they connect to the embedded database it has started.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | an error, said in one sentence on stderr |
| 2 | wrong usage |
| 130, 143 | interrupted by Ctrl-C, told to stop by SIGTERM; `serve` and `demo` end with 0 on either |
"""


def page() -> str:
    """The whole page."""
    from exporter.cli.root import app

    root = typer.main.get_command(app)
    return HEAD + "".join(_sections(root, "spend-exporter", None))


def _sections(command: Any, name: str, parent: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    title = context.command_path
    text = command.get_help(context).strip()
    yield f"\n## `{title}`\n\n```text\n{text}\n```\n"
    for child in getattr(command, "commands", {}).values():
        yield from _sections(child, child.name, context)


if __name__ == "__main__":
    sys.stdout.write(page())
