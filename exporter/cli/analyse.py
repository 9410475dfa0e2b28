"""`analyse`: one analysis of what is stored, here and now. A running exporter does it by itself."""

from __future__ import annotations

import typer

from exporter.cli import show, work
from exporter.errors import StoreError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(analyse)


def analyse() -> None:
    """Work out forecasts, anomalies, trends and savings now. `serve` does it whenever figures change."""
    from exporter.app.analysis import sensitivity
    from exporter.insights.run import STEPS, run

    with work.opened() as runtime:
        book, config = runtime.valuer.valuation.book, runtime.config
        done = run(runtime.database, runtime.clock(), book, config.fx.rates, sensitivity(config.anomalies))
    for name, what in done.items():
        show.say(f"{name:<16}{what}")
    if missing := sorted(STEPS.keys() - done.keys()):
        raise StoreError(f"{', '.join(missing)} could not be worked out; run again with --debug to see why")
