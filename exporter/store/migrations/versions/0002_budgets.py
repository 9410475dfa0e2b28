"""Budgets."""

from exporter.store.migrations.script import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(__file__)
