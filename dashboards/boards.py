"""All dashboards. A new one is a file beside this one and a line here."""

from __future__ import annotations

from dashboards import budgets, models, overview

BOARDS = (overview.board(), budgets.board(), models.board())
