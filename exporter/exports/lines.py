"""Lines that Postgres wrote, made into csv and JSON. One rule: a thousand at a time, in a handful of operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import IO

from exporter.store.export_columns import Column, Kind
from exporter.store.exports import SEPARATOR

PORTION = 1_000

Join = Callable[[list[bytes]], bytes]
"""Many lines, each with its newline, as they stand in the file."""

_CONTROL = re.compile(rb"[\x00-\x1f]")
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|[a-z]+', re.DOTALL)
_CONTROLS = bytes(set(range(0x20)) - set(SEPARATOR))


class Lines:
    """A sink for single lines that writes them together."""

    def __init__(self, file: IO[bytes], join: Join, progress: Callable[[int], None]) -> None:
        self.file, self.join, self.progress = file, join, progress
        self._waiting: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Take one line. Raises `OSError` when the disk is full."""
        self._waiting.append(line)
        if len(self._waiting) == PORTION:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if self._waiting:
            self.file.write(self.join(self._waiting))
            self.progress(len(self._waiting))
            self._waiting.clear()


def plain(lines: list[bytes]) -> bytes:
    """As they are."""
    return b"".join(lines)


def crlf(lines: list[bytes]) -> bytes:
    """With the ends of line that RFC 4180 and Excel want; newlines inside of cells stay."""
    return b"\r\n".join([line[:-1] for line in lines] + [b""])


def objects(columns: Sequence[Column], end: bytes) -> Join:
    """A JSON object for each line, and `end` behind each."""
    keys = ",".join(f'"{column.name}":%b' for column in columns).encode()
    template = b"{" + keys + b"}" + end
    nested = [place for place, column in enumerate(columns) if column.kind is Kind.TAGS]

    def join(lines: list[bytes]) -> bytes:
        split = _quick if _regular(lines, len(columns)) else _careful
        return b"".join([template % tuple(_opened(split(line), nested)) for line in lines])

    return join


def _regular(lines: list[bytes], width: int) -> bool:
    """No control characters but the newlines at the ends and the separators between the values."""
    text = b"".join(lines)
    controls = len(text) - len(text.translate(None, _CONTROLS))
    return controls == len(lines) and text.count(SEPARATOR) == len(lines) * (width - 1)


def _quick(line: bytes) -> list[bytes]:
    return line[:-1].split(SEPARATOR)


def _careful(line: bytes) -> list[bytes]:
    return [_CONTROL.sub(lambda found: b"\\u%04x" % found.group()[0], value) for value in _VALUE.findall(line)]


def _opened(values: list[bytes], nested: list[int]) -> list[bytes]:
    """Tags out of their string: an object in the object."""
    for place in nested:
        if values[place] != b"null":
            values[place] = values[place][1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")
    return values
