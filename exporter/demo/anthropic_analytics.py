"""Anthropic's newer analytics endpoints: usage and cost, row by row.

One rule: `limit` counts rows (20 unless asked otherwise), and a row holds only the dimensions asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from aiohttp import web

from exporter.demo.anthropic_legacy import cents, token_counts
from exporter.demo.anthropic_time import window, written
from exporter.demo.books import Line, bill
from exporter.demo.buckets import WIDTHS, Group, filled, grid, keyed
from exporter.demo.series import ANTHROPIC, EXECUTIONS, MESSAGES, Series
from exporter.demo.shape import Vector
from exporter.demo.truth import Truth, added
from exporter.demo.visibility import COSTS
from exporter.demo.wire import Asked, Json, Refusal, asked
from exporter.domain import HOUR, floor_to

BOUNDS = ("starting_at", "ending_at", "time_bucket_width", "limit", "page", "order_by", "order")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
MOST_GROUPS = 5
GROUPS = (
    "actor",
    "actor_type",
    "agent_id",
    "api_key_id",
    "claude_tag_category",
    "claude_tag_user_id",
    "context_window",
    "deployment_id",
    "environment_id",
    "inference_geo",
    "model",
    "organization_id",
    "product",
    "rbac_group_id",
    "service_tier",
    "session_id",
    "slack_channel_id",
    "speed",
    "user_profile_id",
    "workspace_id",
)
COST_GROUPS = ("cost_type", "token_type")
FILTERS = {
    "models": "model",
    "api_key_ids": "api_key_id",
    "workspace_ids": "workspace_id",
    "service_tiers": "service_tier",
    "products": "product",
    "actor_ids": "actor",
    "actor_types": "actor_type",
    "context_windows": "context_window",
    "inference_geos": "inference_geo",
    "organization_ids": "organization_id",
    "speeds": "speed",
}
USAGE_ORDERS = ("total_tokens", "uncached_input_tokens", "output_tokens", "requests", "time")
COST_ORDERS = ("amount", "list_amount", "time")
KEPT_ANSWERS = 2


class Span(NamedTuple):
    """What one query covers; without a width it is one aggregate."""

    start: datetime
    end: datetime
    width: timedelta | None


class Money(NamedTuple):
    """What one group owes."""

    amount: Decimal
    listed: Decimal
    requests: int


Make = Callable[[Asked, Span, tuple[str, ...]], list[Json]]


class Analytics:
    """The two handlers, over one truth. Rows are kept between pages: a page is cheap."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self._answers: dict[tuple[object, ...], list[Json]] = {}

    async def usage(self, request: web.Request) -> web.StreamResponse:
        """Tokens and requests."""
        return web.json_response(self._reply(request, GROUPS, USAGE_ORDERS, self._usage_rows))

    async def cost(self, request: web.Request) -> web.StreamResponse:
        """Cents, after and before discount."""
        return web.json_response(self._reply(request, (*GROUPS, *COST_GROUPS), COST_ORDERS, self._cost_rows))

    def _reply(self, request: web.Request, groups: Sequence[str], orders: Sequence[str], make: Make) -> Json:
        query = asked(request, BOUNDS, ("group_by", *FILTERS), bare=False)
        dims = query.grouping(groups)
        if len([dim for dim in dims if dim not in COST_GROUPS]) > MOST_GROUPS:
            raise Refusal(400, f"group_by: at most {MOST_GROUPS} dimensions.")
        span = self._span(query)
        order = query.choice("order_by", orders, orders[0]), query.choice("order", ("asc", "desc"), "desc")
        limit, offset = query.number("limit", 20, 1000), query.offset()
        rows = self._answer(query, lambda: ordered(make(query, span, dims), *order))
        more = offset + limit < len(rows)
        return {
            "data": rows[offset : offset + limit],
            "has_more": more,
            "next_page": query.cursor(offset + limit) if more else None,
            "data_refreshed_at": written(self.truth.now() - timedelta(minutes=5)),
        }

    def _answer(self, query: Asked, make: Callable[[], list[Json]]) -> list[Json]:
        key = (query.digest, self.truth.version, floor_to(self.truth.now(), timedelta(minutes=1)))
        if key not in self._answers:
            while len(self._answers) >= KEPT_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
            self._answers[key] = make()
        return self._answers[key]

    def _span(self, query: Asked) -> Span:
        word = query.choice("time_bucket_width", WIDTHS, "") if "time_bucket_width" in query.singles else None
        width = WIDTHS[word] if word else None
        start, end = window(query, self.truth, width or HOUR, open_end=width is None)
        if start < max(FIRST, self.truth.now() - timedelta(days=365)):
            raise Refusal(400, "starting_at: must be within the last 365 days and not before 2026-01-01T00:00:00Z.")
        longest = timedelta(hours=24) if word == "1m" else timedelta(days=31)
        if end - start > longest:
            raise Refusal(400, f"ending_at: the range must not be longer than {longest}.")
        if width is None:
            start, end = floor_to(start, HOUR), floor_to(end, HOUR)
        return Span(start, end, width)

    def _chosen(self, query: Asked, *reports: str) -> list[Series]:
        series = self.truth.of(ANTHROPIC, *reports)
        for name, dim in FILTERS.items():
            if wanted := query.arrays.get(name):  # an empty entry means: without one
                series = [one for one in series if (one.dims.get(dim) or "") in wanted]
        return series

    def _usage_rows(self, query: Asked, span: Span, dims: tuple[str, ...]) -> list[Json]:
        rows = keyed(self._chosen(query, MESSAGES), dims)
        starts = grid(span.start, span.end, span.width or HOUR, self.truth.now())
        totals: dict[tuple[datetime, Group], Vector] = {}
        for bucket in filled(self.truth, rows, starts, span.width or HOUR):
            begin = bucket.start if span.width else span.start
            for group, vector in bucket.groups.items():
                totals[begin, group] = added(totals.get((begin, group)), vector)
        return [_row(span, begin, dims, group, "usage", _usage(vector)) for (begin, group), vector in totals.items()]

    def _cost_rows(self, query: Asked, span: Span, dims: tuple[str, ...]) -> list[Json]:
        typed = bool(set(COST_GROUPS) & set(dims))
        totals: dict[tuple[datetime, Group], Money] = {}
        for start, lines, requests in self._billed(query, span):
            begin = start if span.width else span.start
            for number, line in enumerate(lines):
                key = begin, tuple([_value(line, dim) for dim in dims])
                old = totals.get(key, Money(Decimal(0), Decimal(0), 0))
                count = old.requests + (0 if number else requests)
                totals[key] = Money(old.amount + line.amount, old.listed + line.list_amount, count)
        return [
            _row(span, begin, dims, group, "cost", _cost(money, typed=typed))
            for (begin, group), money in totals.items()
        ]

    def _billed(self, query: Asked, span: Span) -> Iterator[tuple[datetime, list[Line], int]]:
        """The bill of every series in every bucket, with its number of requests or executions."""
        series = {one.id: one for one in self._chosen(query, MESSAGES, EXECUTIONS)}
        width = span.width or HOUR
        starts = grid(span.start, span.end, width, self.truth.now())
        for bucket in filled(self.truth, [((name,), one) for name, one in series.items()], starts, width, COSTS):
            for (name,), vector in bucket.groups.items():
                yield bucket.start, list(bill(series[str(name)], bucket.start.date(), vector)), vector[-1]


def ordered(rows: list[Json], by: str, order: str) -> list[Json]:
    """The rows in the order asked for."""

    def rank(row: Json) -> tuple[object, ...]:
        if by == "time":
            return (row["starting_at"],)
        figures = row.get("usage") or row["cost"]
        value = figures[by]  # type: ignore[index]
        return (Decimal(value),)

    return sorted(rows, key=rank, reverse=order == "desc")


def _value(line: Line, dim: str) -> str | bool | None:
    if dim == "cost_type":
        return line.cost_type
    if dim == "token_type":
        return line.token_type
    if line.token_type is None and dim in ("model", "service_tier", "context_window", "inference_geo", "speed"):
        return None  # tools are billed apart from any model
    return line.series.dims.get(dim)


def _row(span: Span, begin: datetime, dims: Sequence[str], group: Group, name: str, figures: Json) -> Json:
    end = begin + span.width if span.width else span.end
    grouped: Json = dict(zip(dims, group, strict=True))
    if "actor" in grouped and grouped["actor"] is not None:
        person = "@" in str(grouped["actor"])
        grouped["actor"] = {"type": "user_actor" if person else "api_actor", "id": grouped["actor"]}
    return {"starting_at": written(begin), "ending_at": written(end), "group": grouped, name: figures}


def _usage(vector: Vector) -> Json:
    return token_counts(vector) | {"total_tokens": sum(vector[:5]), "requests": vector[-1]}


def _cost(money: Money, *, typed: bool) -> Json:
    return {
        "amount": cents(money.amount),
        "list_amount": cents(money.listed),
        "currency": "USD",
        "requests": None if typed else money.requests,
    }
