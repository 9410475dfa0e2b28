"""Anthropic's legacy Platform reports: messages usage and daily cost.

One rule: `limit` counts buckets, and the default workspace is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.demo.anthropic_time import window, written
from exporter.demo.books import Line
from exporter.demo.buckets import WIDTHS, filled, grid, keyed
from exporter.demo.catalog import ANTHROPIC_DEFAULT
from exporter.demo.series import ANTHROPIC, MESSAGES, Series
from exporter.demo.shape import Vector
from exporter.demo.wire import Asked, Json, Refusal, asked

if TYPE_CHECKING:
    from exporter.demo.truth import Truth

LIMITS = {"1d": (7, 31), "1h": (24, 168), "1m": (60, 1440)}
BOUNDS = ("starting_at", "ending_at", "bucket_width", "limit", "page")
ROW_DIMS = (
    "account_id",
    "api_key_id",
    "context_window",
    "inference_geo",
    "model",
    "service_account_id",
    "service_tier",
    "workspace_id",
)
FILTERS = {
    "api_key_ids": "api_key_id",
    "workspace_ids": "workspace_id",
    "models": "model",
    "service_tiers": "service_tier",
    "context_window": "context_window",
    "inference_geos": "inference_geo",
    "speeds": "speed",
    "account_ids": "account_id",
    "service_account_ids": "service_account_id",
}
SPEED_BETA = "fast-mode-2026-02-01"
DESCRIBED = ("cost_type", "description", "model", "token_type", "service_tier", "context_window", "inference_geo")
TOKEN_WORDS = {
    "uncached_input_tokens": "Input Tokens",
    "cache_read_input_tokens": "Input Tokens, Cache Read",
    "cache_creation.ephemeral_5m_input_tokens": "Input Tokens, Cache Write 5m",
    "cache_creation.ephemeral_1h_input_tokens": "Input Tokens, Cache Write 1h",
    "output_tokens": "Output Tokens",
}


class Legacy:
    """The two handlers, over one truth."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    async def usage(self, request: web.Request) -> web.StreamResponse:
        """Tokens by bucket; no request counts here."""
        query = asked(request, BOUNDS, ("group_by", *FILTERS), bare=False)
        width = query.choice("bucket_width", WIDTHS, "1d")
        dims = query.grouping((*ROW_DIMS, "speed"))
        if ("speed" in dims or "speeds" in query.arrays) and SPEED_BETA not in request.headers.get(
            "anthropic-beta", ""
        ):
            raise Refusal(400, f"group_by: speed requires the header anthropic-beta: {SPEED_BETA}.")
        start, end = window(query, self.truth, WIDTHS[width])
        starts, reply = page(query, grid(start, end, WIDTHS[width], self.truth.now()), *LIMITS[width])
        rows = keyed(self._chosen(query), dims)
        reply["data"] = [
            _bucket(bucket.start, bucket.end, [_usage_row(dims, *pair) for pair in bucket.groups.items()])
            for bucket in filled(self.truth, rows, starts, WIDTHS[width])
        ]
        return web.json_response(reply)

    async def cost(self, request: web.Request) -> web.StreamResponse:
        """Cents by day."""
        query = asked(request, BOUNDS, ("group_by",), bare=False)
        query.choice("bucket_width", ("1d",), "1d")
        dims = query.grouping(("workspace_id", "description"))
        day = WIDTHS["1d"]
        start, end = window(query, self.truth, day)
        starts, reply = page(query, grid(start, end, day, self.truth.now()), 7, 31)
        reply["data"] = [_bucket(begin, begin + day, self._cost_rows(begin, dims)) for begin in starts]
        return web.json_response(reply)

    def _chosen(self, query: Asked) -> list[Series]:
        series = self.truth.of(ANTHROPIC, MESSAGES)
        for name, dim in FILTERS.items():
            if wanted := query.arrays.get(name):
                series = [one for one in series if (one.dims.get(dim) or "") in wanted]
        return series

    def _cost_rows(self, day: datetime, dims: Sequence[str]) -> list[Json]:
        groups: dict[tuple[object, ...], Decimal] = {}
        for line in self.truth.lines(ANTHROPIC, day.date()):
            key = _described(line) if "description" in dims else (None,) * len(DESCRIBED)
            key += (shown_workspace(line.series.scope),) if "workspace_id" in dims else (None,)
            groups[key] = groups.get(key, Decimal(0)) + line.amount
        return [
            {"amount": cents(amount), "currency": "USD", **dict(zip((*DESCRIBED, "workspace_id"), key, strict=True))}
            for key, amount in groups.items()
        ]


def cents(dollars: Decimal) -> str:
    """Dollars as a decimal string of cents, exact."""
    return f"{dollars * 100:f}"


def shown_workspace(scope: object) -> object:
    """The default workspace has no id in the legacy reports."""
    return None if scope == ANTHROPIC_DEFAULT else scope


def page(query: Asked, starts: list[datetime], default: int, highest: int) -> tuple[list[datetime], Json]:
    """The buckets of the asked page, and the frame of the reply."""
    limit, offset = query.number("limit", default, highest), query.offset()
    end = offset + limit
    more = end < len(starts)
    return starts[offset:end], {"data": [], "has_more": more, "next_page": query.cursor(end) if more else None}


def token_counts(vector: Vector) -> Json:
    """A vector in Anthropic's field names; cache writes are nested."""
    input_, read, write_5m, write_1h, output, searches, _ = vector
    return {
        "uncached_input_tokens": input_,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": write_5m, "ephemeral_1h_input_tokens": write_1h},
        "output_tokens": output,
        "server_tool_use": {"web_search_requests": searches},
    }


def _usage_row(dims: Sequence[str], group: tuple[object, ...], vector: Vector) -> Json:
    row = token_counts(vector) | dict.fromkeys(ROW_DIMS) | dict(zip(dims, group, strict=True))
    return row | {"workspace_id": shown_workspace(row["workspace_id"])}


def _described(line: Line) -> tuple[object, ...]:
    """Everything `description` says, in the order of `DESCRIBED`."""
    if line.token_type is None:
        title = line.cost_type.replace("_", " ").title()
        return (line.cost_type, f"{title} Usage", None, None, None, None, None)
    series = line.series
    batch = " (Batch)" if series.tier == "batch" else ""
    name = series.model.replace("-", " ").title()
    text = f"{name} Usage{batch} - {TOKEN_WORDS[line.token_type]}"
    return ("tokens", text, series.model, line.token_type, series.tier, series.context, None)


def _bucket(start: datetime, end: datetime, results: list[Json]) -> Json:
    return {"starting_at": written(start), "ending_at": written(end), "results": results}
