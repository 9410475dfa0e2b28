"""From the store to a file's bytes.

One rule: rows are read into a temporary file, and only then handed on. A transaction lasts as long as COPY does, never
as long as the reader; counts and sums are of the same moment as the rows, and known before the first byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile, gettempdir
from typing import IO, Self

from sqlalchemy import Connection, text

from exporter.exports import lines, parquet, xlsx
from exporter.exports.metadata import Metadata, describe
from exporter.exports.request import Export, ExportError, Format
from exporter.store import exports
from exporter.store.export_columns import Form
from exporter.store.exports import columns_of

CHUNK = 256 * 1024
BOM = b"\xef\xbb\xbf"  # or Excel takes UTF-8 for the code page of the place
CONTENT_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON: "application/json",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMS = {Format.CSV: Form.CSV, Format.JSON: Form.JSON, Format.NDJSON: Form.JSON}

Progress = Callable[[int, int], None]
"""How many records were read, of how many."""


@dataclass(slots=True)
class Download:
    """A file that is ready. Holds disk space until it is closed, and nothing else."""

    export: Export
    metadata: Metadata
    head: bytes
    body: IO[bytes]
    length: int  # of the body that counts
    tail: bytes

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.head) + self.length + len(self.tail)

    @property
    def content_type(self) -> str:
        """As HTTP calls it."""
        return CONTENT_TYPES[self.export.format]

    @property
    def filename(self) -> str:
        """What to save it as."""
        of = self.export.selection
        name = f"focus-{of.focus}" if of.focus else of.kind
        return f"spend-{name}-{of.since}-{of.until}.{self.export.format}"

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes, as fast or slowly as they are taken."""
        yield self.head
        self.body.seek(0)
        left = self.length
        while left and (chunk := self.body.read(min(left, CHUNK))):
            left -= len(chunk)
            yield chunk
        yield self.tail

    def close(self) -> None:
        """Give the disk space back."""
        self.body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare(db: Connection, export: Export, now: datetime, progress: Progress = lambda *_: None) -> Download:
    """Read everything into a temporary file, in the caller's transaction, which must not have begun with a query.

    Raises:
        ExportError: the disk is full, or the format can't hold it.
    """
    db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    db.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))  # one core is enough, and here it is faster
    db.execute(text("SET LOCAL enable_memoize = off"))  # accounts' days come once each: it would remember in vain
    found = exports.summary(db, export.selection)
    _refuse_too_many(export, found.records)
    db.execute(text("SET LOCAL random_page_cost = 1.1"))  # in the order of an index: sorting would go to the disk
    spool = TemporaryFile()  # noqa: SIM115 (the download closes it)
    try:
        records = _spooled(db, export, spool, lambda done: progress(done, found.records))
        last = () if export.selection.redact else exports.last_key(db, export.selection)
        return _download(export, spool, describe(export, found, records, last, now))
    except OSError as error:
        spool.close()
        raise ExportError(
            f"can't write the export to {gettempdir()}: {error.strerror}; TMPDIR may name another folder"
        ) from None
    except BaseException:
        spool.close()
        raise


def _refuse_too_many(export: Export, records: int) -> None:
    wanted = min(export.selection.limit or records, records)
    if export.format is Format.XLSX and wanted > xlsx.MOST_RECORDS:
        raise ExportError(
            f"a sheet holds {xlsx.MOST_RECORDS:,} records and these are {wanted:,}: narrow it down, or take csv"
        )


def _spooled(db: Connection, export: Export, spool: IO[bytes], progress: Callable[[int], None]) -> int:
    sink = lines.Lines(spool, _join(export), progress)
    records = exports.copy_out(db, export.selection, _FORMS.get(export.format, Form.PLAIN), sink.write)
    sink.flush()
    spool.flush()
    return records


def _join(export: Export) -> lines.Join:
    columns = columns_of(export.selection)
    match export.format:
        case Format.CSV:
            return lines.crlf
        case Format.NDJSON:
            return lines.objects(columns, b"\n")
        case Format.JSON:
            return lines.objects(columns, b",\n")
        case _:
            return lines.plain


def _download(export: Export, spool: IO[bytes], metadata: Metadata) -> Download:
    length, records = spool.tell(), metadata["records"]
    match export.format:
        case Format.CSV:
            return Download(
                export, metadata, BOM + ",".join(metadata["columns"]).encode() + b"\r\n", spool, length, b""
            )
        case Format.NDJSON:
            return Download(export, metadata, b"", spool, length, _json({"metadata": metadata}) + b"\n")
        case Format.JSON:
            head = b'{"metadata": ' + _json(metadata) + b',\n"records": [\n'
            return Download(export, metadata, head, spool, length - 2 * bool(records), b"\n]}\n")  # the last comma
        case Format.XLSX:
            return _built(export, xlsx.build, spool, metadata)
        case Format.PARQUET:
            return _built(export, parquet.build, spool, metadata)


def _built(export: Export, build: Callable[..., None], spool: IO[bytes], metadata: Metadata) -> Download:
    """A file made of the spool, which is no longer needed then."""
    made = TemporaryFile()  # noqa: SIM115 (the download closes it)
    try:
        spool.seek(0)
        build(spool, columns_of(export.selection), metadata, made)
    except BaseException:
        made.close()
        raise
    spool.close()
    return Download(export, metadata, b"", made, made.seek(0, 2), b"")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
