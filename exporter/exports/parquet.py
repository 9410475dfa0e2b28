"""A Parquet file by pyarrow, which is an extra: it takes 165 MB of disk. One rule: a row group at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO, Any

from exporter.exports.metadata import Metadata
from exporter.exports.request import ExportError
from exporter.store.export_columns import DECIMALS, Column, Kind

BLOCK = 8 * 1024 * 1024  # bytes of csv for each row group
METADATA_KEY = "spend_exporter"


def build(spool: IO[bytes], columns: Sequence[Column], metadata: Metadata, file: IO[bytes]) -> None:
    """Make the file of plain csv lines. The metadata stands beside the schema.

    Raises:
        ExportError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 (an extra, and large)
        from pyarrow import csv, parquet  # noqa: PLC0415
    except ImportError:
        raise ExportError("Parquet needs pyarrow: pip install 'spend-exporter[parquet]', or take csv") from None
    kinds = _types(pa)
    schema = pa.schema([(column.name, kinds.get(column.kind, pa.string())) for column in columns])
    told = schema.with_metadata({METADATA_KEY: json.dumps(metadata, ensure_ascii=False)})
    with parquet.ParquetWriter(file, told, compression="zstd") as writer:
        if not metadata["records"]:
            return
        for batch in csv.open_csv(spool, *_options(csv, schema)):
            writer.write_batch(batch)


def _options(csv: Any, schema: Any) -> tuple[Any, Any, Any]:
    """Nothing without quotes is null, and nothing in quotes is empty text."""
    return (
        csv.ReadOptions(column_names=schema.names, block_size=BLOCK, use_threads=False),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def _types(pa: Any) -> dict[Kind, Any]:
    decimal = pa.decimal128(38, DECIMALS)  # the widest that every reader knows
    return {
        Kind.NUMBER: decimal,
        Kind.DECIMAL: decimal,
        Kind.DATE: pa.date32(),
        Kind.TIME: pa.timestamp("s", tz="UTC"),
        Kind.FLAG: pa.bool_(),
    }
