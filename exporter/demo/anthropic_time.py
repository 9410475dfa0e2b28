"""Times as Anthropic's reports take and give them.

One rule: RFC 3339 with a zone; edges snap to the UTC grid; a window without one complete bucket is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from exporter.demo.truth import Truth
from exporter.demo.wire import Asked, Refusal, required
from exporter.domain import floor_to


def window(query: Asked, truth: Truth, width: timedelta, *, open_end: bool = True) -> tuple[datetime, datetime]:
    """The span asked for. Without an end it reaches to now, where that is allowed."""
    start = moment(required(query.singles, "starting_at"), "starting_at")
    if "ending_at" not in query.singles and not open_end:
        raise Refusal(400, "ending_at: required when time_bucket_width is set.")
    now = truth.now()
    end = moment(query.singles["ending_at"], "ending_at") if "ending_at" in query.singles else now
    if end <= start:
        raise Refusal(400, "ending_at: must be after starting_at.")
    if floor_to(start, width) + width > now:
        raise Refusal(400, "starting_at: there is no complete bucket between starting_at and now.")
    return start, end


def moment(text: str, name: str) -> datetime:
    """A moment in UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None or "T" not in text:
        raise Refusal(400, f"{name}: must be an RFC 3339 time with a zone, not '{text}'.")
    return parsed.astimezone(UTC)


def written(at: datetime) -> str:
    """RFC 3339 with Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
