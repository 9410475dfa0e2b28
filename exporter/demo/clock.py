"""A clock that can be set: tests and the control endpoint move it, nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Stands still at `at` until it is moved; without `at` it is the real time plus what it was moved by."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at
        self._moved = timedelta(0)

    def __call__(self) -> datetime:
        return (self._at or datetime.now(UTC)) + self._moved

    def advance(self, by: timedelta) -> None:
        """Later by `by`."""
        self._moved += by
