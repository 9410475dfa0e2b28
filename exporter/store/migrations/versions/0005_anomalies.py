"""Anomalies."""

from exporter.store.migrations.script import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run(__file__)
