"""What is stored, as files: csv, JSON, NDJSON, Parquet and xlsx, in columns of ours or of FOCUS."""

from exporter.exports.prepare import Download, prepare
from exporter.exports.request import KINDS, Export, ExportError, Format, request

__all__ = ["KINDS", "Download", "Export", "ExportError", "Format", "prepare", "request"]
