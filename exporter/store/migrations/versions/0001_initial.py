"""Everything the exporter keeps."""

from exporter.store.migrations.script import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(__file__)
