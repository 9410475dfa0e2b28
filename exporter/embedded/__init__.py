"""A real PostgreSQL in the data folder, for when no `DATABASE_URL` is given: `EmbeddedPostgres`."""

from exporter.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
