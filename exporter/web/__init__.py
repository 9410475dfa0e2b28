"""The exporter's web server: metrics, health, reload and a landing page."""

from exporter.web.app import State, build_app
from exporter.web.page import AccountRow, AccountState

__all__ = ["AccountRow", "AccountState", "State", "build_app"]
