"""Savings and unit costs."""

from exporter.store.migrations.script import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run(__file__)
