"""All dashboards. A new one is a file beside this one and a line here."""

from __future__ import annotations

from dashboards import overview

BOARDS = (overview.board(),)
