"""All dashboards. A new one is a file beside this one and a line here."""

from __future__ import annotations

from dashboards import anomalies, budgets, models, overview, start

_ANSWERS = (overview.board(), budgets.board(), models.board(), anomalies.board())
BOARDS = (start.board(_ANSWERS), *_ANSWERS)
