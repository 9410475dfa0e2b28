"""Claude Code analytics: one UTC day per call, one row per person.

One rule: the same tokens as in the usage report, seen by another report; its costs are estimates in cents.
"""

from __future__ import annotations

from datetime import date

from aiohttp import web

from exporter.demo.books import bill, claude_code_tokens
from exporter.demo.catalog import ANTHROPIC_KEYS, ANTHROPIC_ORGANIZATION
from exporter.demo.series import ANTHROPIC, CLAUDE_CODE, MESSAGES, Series
from exporter.demo.shape import Vector
from exporter.demo.truth import Truth, added
from exporter.demo.visibility import ANALYTICS
from exporter.demo.wire import Json, Refusal, asked, required

Seen = dict[str, tuple[Series, Vector]]
"""By model: a series that stands for its price, and what was consumed."""


class ClaudeCode:
    """The handler, over one truth."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    async def report(self, request: web.Request) -> web.StreamResponse:
        """One day's rows."""
        query = asked(request, ("starting_at", "limit", "page"), (), bare=False)
        day = _day(required(query.singles, "starting_at"))
        limit, offset = query.number("limit", 20, 1000), query.offset()
        rows = [_row(day, actor, seen) for actor, seen in sorted(self._actors(day).items())]
        more = offset + limit < len(rows)
        page = {"data": rows[offset : offset + limit], "has_more": more}
        return web.json_response(page | {"next_page": query.cursor(offset + limit) if more else None})

    def _actors(self, day: date) -> dict[str, Seen]:
        actors: dict[str, Seen] = {}
        for series in self.truth.of(ANTHROPIC, MESSAGES):
            total = self.truth.seen_total(series, day, ANALYTICS) if series.product == CLAUDE_CODE else None
            if total:
                seen = actors.setdefault(str(series.dims["actor"]), {})
                _, before = seen.get(series.model, (series, None))
                seen[series.model] = series, added(before, total)
        return actors


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise Refusal(400, f"starting_at: must be a date (YYYY-MM-DD), not '{text}'.")
    return day


def _row(day: date, actor: str, seen: Seen) -> Json:
    requests = sum(vector[-1] for _, vector in seen.values())
    return {
        "date": f"{day}T00:00:00Z",
        "actor": _actor(actor),
        "organization_id": ANTHROPIC_ORGANIZATION[0],
        "customer_type": "api",
        "subscription_type": None,
        "terminal_type": "vscode" if "@" in actor else "non-interactive",
        "core_metrics": {
            "num_sessions": 1 + requests // 40,
            "lines_of_code": {"added": requests * 2, "removed": requests // 3},
            "commits_by_claude_code": requests // 60,
            "pull_requests_by_claude_code": requests // 240,
        },
        "tool_actions": {"edit_tool": {"accepted": requests // 5, "rejected": requests // 50}},
        "model_breakdown": [_model(day, *seen[model]) for model in sorted(seen)],
    }


def _actor(actor: str) -> Json:
    if "@" in actor:
        return {"type": "user_actor", "email_address": actor}
    names = {key.owner: key.name for key in ANTHROPIC_KEYS}
    return {"type": "api_actor", "api_key_name": names[actor]}


def _model(day: date, series: Series, vector: Vector) -> Json:
    tokens = claude_code_tokens(vector)
    cents = round(sum(line.list_amount for line in bill(series, day, vector)) * 100)
    return {
        "model": series.model,
        "tokens": {
            "input": tokens["input"],
            "output": tokens["output"],
            "cache_read": tokens["cache_read"],
            "cache_creation": tokens["cache_write"],
        },
        "estimated_cost": {"currency": "USD", "amount": cents},
    }
