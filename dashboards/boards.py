"""All dashboards. A new one is a file beside this one and a line here."""

from __future__ import annotations

from dashboards import (
    alerts,
    anomalies,
    budgets,
    explorer,
    health,
    models,
    optimisation,
    overview,
    patterns,
    start,
    teams,
)

_ANSWERS = (
    overview.board(),
    budgets.board(),
    models.board(),
    anomalies.board(),
    optimisation.board(),
    patterns.board(),
    teams.board(),
    explorer.board(),
    alerts.board(),
    health.board(),
)
BOARDS = (start.board(_ANSWERS), *_ANSWERS)
