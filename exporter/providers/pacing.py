"""How fast to ask and how long to wait. Pure: the clock and the dice are arguments.

One rule: what the provider asks for (`Retry-After`) is honoured; jitter only ever makes the wait longer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_WAIT = timedelta(minutes=5)  # asked for more than this: let the account rest instead of holding a sync
_LONGEST_BACKOFF = 60.0
_FURTHEST = timedelta(days=30)


@dataclass(slots=True)
class Budget:
    """Requests per minute as a token bucket: a burst of half a minute's worth, then an even pace."""

    per_minute: int
    at: float
    left: float = 0.0

    def __post_init__(self) -> None:
        self.left = self._burst

    @property
    def _burst(self) -> float:
        return max(1.0, self.per_minute / 2)

    def reserve(self, now: float) -> float:
        """Take one request from the budget; the seconds to wait before sending it."""
        per_second = self.per_minute / 60
        self.left = min(self._burst, self.left + (now - self.at) * per_second) - 1
        self.at = now
        return max(0.0, -self.left / per_second)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """`Retry-After` in either form (seconds or an HTTP date); None when it is missing or makes no sense.

    A date is compared with the reply's own `Date`, so that a clock set differently here does no harm.
    """
    header = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", header):
        return min(timedelta(seconds=float(header)), _FURTHEST)
    at = _http_date(header)
    if at is None:
        return None
    until = at - (_http_date(headers.get("date", "")) or now)
    return min(max(until, timedelta(0)), _FURTHEST)


def _http_date(header: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def backoff(attempt: int, dice: float) -> float:
    """Seconds to wait after the `attempt`-th failure: exponential with full jitter."""
    ceiling = min(_LONGEST_BACKOFF, 2.0 ** (attempt - 1))
    return ceiling * dice
