"""Reconciliation."""

from exporter.store.migrations.script import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run(__file__)
