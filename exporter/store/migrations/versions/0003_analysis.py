"""Analysis: when it ran, and forecasts."""

from exporter.store.migrations.script import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(__file__)
