"""What a person sees: tables, sentences and progress bars.

One rule: results go to stdout, everything else to stderr. Colour and boxes are for terminals; what is piped is plain
text of at most 80 columns.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PIPED_WIDTH = 80


def say(sentence: str) -> None:
    """One line of the result."""
    print(sentence, flush=True)  # noqa: T201


def note(sentence: str) -> None:
    """One line beside the result."""
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201


def error(sentence: str) -> None:
    """Say what went wrong, a line for each mistake."""
    red = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    word = "\033[31mError:\033[0m" if red else "Error:"
    for line in sentence.splitlines() or [""]:
        note(f"{word} {line}")


def as_json(value: Any) -> None:
    """The result for a program: indented, keys as given, days and moments by ISO 8601."""
    say(json.dumps(value, indent=2, default=_text, ensure_ascii=False))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)  # a moment is a date, too


def console(*, stderr: bool = False) -> Console:
    """Rich's console for one of the two streams. It respects NO_COLOR by itself."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, emoji=False, soft_wrap=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A table of plain words; `right` names the columns of numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out = console()
    # 80 columns: none to waste.
    shown = Table(box=box.ROUNDED) if out.is_terminal else Table(box=None, padding=(0, 1, 0, 0))
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(str(cell)) for cell in row))
    out.print(shown)


def bars() -> Progress:
    """Progress bars on stderr, gone when done. On anything but a terminal they show nothing."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    out = console(stderr=True)
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


def moment(time: datetime | None) -> str:
    """`2026-11-21 03:19 UTC`, or a dash."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time else "–"
