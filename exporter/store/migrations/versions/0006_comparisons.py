"""Trends and comparisons."""

from exporter.store.migrations.script import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run(__file__)
