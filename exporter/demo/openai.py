"""OpenAI's organisation API: usage and costs, as strict as the real one.

One rule: `limit` counts buckets; a value above the maximum is refused with 400, not clamped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.demo import openai_costs, openai_names
from exporter.demo.buckets import WIDTHS, Bucket, filled, grid, keyed
from exporter.demo.openai_rows import ENDPOINTS, FILTERS, Endpoint, tier_name
from exporter.demo.series import OPENAI, Series
from exporter.demo.truth import Truth
from exporter.demo.wire import Access, Asked, Json, Refusal, asked, chosen, required, whole
from exporter.domain import floor_to

LIMITS = {"1d": (7, 31), "1h": (24, 168), "1m": (60, 1440)}
BOUNDS = ("start_time", "end_time", "bucket_width", "limit", "page")


@dataclass
class Options:
    """How this organisation's API behaves; may be changed at run time.

    `usage_lookback`: usage refuses an older start. `key_costs`: costs may be grouped by key at all.
    """

    usage_lookback: timedelta | None = None
    key_costs: bool = True


class OpenAI:
    """The handlers, over one truth."""

    def __init__(self, truth: Truth, access: Access, options: Options) -> None:
        self.truth, self.access, self.options = truth, access, options

    def application(self, *middlewares: Middleware) -> web.Application:
        """The app; extra middlewares sit outside of the ones that speak the contract."""
        app = web.Application(middlewares=[*middlewares, self._render])
        for endpoint in ENDPOINTS:
            app.router.add_get(f"/v1/organization/usage/{endpoint.path}", self._usage_of(endpoint))
        app.router.add_get("/v1/organization/costs", self._costs)
        openai_names.add_routes(app)
        return app

    @web.middleware
    async def _render(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_"):  # the tests' own door, no part of the contract
            return await handler(request)
        try:
            self._authorize(request)
            return await handler(request)
        except Refusal as refusal:
            return refused(refusal)
        except web.HTTPNotFound:
            return refused(Refusal(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url"))

    def _authorize(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or key in self.access.revoked or key not in self.access.admin | self.access.unscoped:
            message = f"Incorrect API key provided: {key[:8]}****." if key else "You didn't provide an API key."
            raise Refusal(401, message, code="invalid_api_key")
        if key in self.access.unscoped:
            raise Refusal(
                403,
                "You have insufficient permissions for this operation. Missing scopes: api.usage.read.",
                code="missing_scope",
            )

    def _usage_of(self, endpoint: Endpoint) -> Handler:
        batch = ("batch",) if "batch" in endpoint.dims else ()

        async def usage(request: web.Request) -> web.StreamResponse:
            query = asked(request, (*BOUNDS, *batch), ("group_by", *endpoint.filters), bare=True)
            return web.json_response(self._usage(endpoint, query))

        return usage

    def _usage(self, endpoint: Endpoint, query: Asked) -> Json:
        width = query.choice("bucket_width", WIDTHS, "1d")
        dims = query.grouping(endpoint.dims)
        start, end = window(query, self.truth)
        self._check_lookback(start)
        rows = keyed(self._chosen(endpoint, query), dims)
        starts, reply = page(query, grid(start, end, WIDTHS[width], self.truth.now()), *LIMITS[width])
        absent: Json = {"object": endpoint.object, **dict.fromkeys(endpoint.dims)}
        reply["data"] = [
            bucket_json(bucket, self._rows(endpoint, absent, dims, bucket))
            for bucket in filled(self.truth, rows, starts, WIDTHS[width])
        ]
        return reply

    def _rows(self, endpoint: Endpoint, absent: Json, dims: tuple[str, ...], bucket: Bucket) -> list[Json]:
        day, since = bucket.start.date(), self.truth.details_since
        rows = []
        for group, vector in bucket.groups.items():
            row = absent | endpoint.row(vector, day, since) | dict(zip(dims, group, strict=True))
            if "service_tier" in dims:
                row["service_tier"] = tier_name(row["service_tier"], day)
            rows.append(row)
        return rows

    def _chosen(self, endpoint: Endpoint, query: Asked) -> list[Series]:
        series = self.truth.of(OPENAI, f"usage/{endpoint.path}")
        for name in endpoint.filters:
            if wanted := query.arrays.get(name):
                series = [one for one in series if one.dims.get(FILTERS[name]) in wanted]
        if "batch" in query.singles:
            batch = chosen(query.singles["batch"], ("true", "false"), "batch") == "true"
            series = [one for one in series if one.dims["batch"] is batch]
        return series

    def _check_lookback(self, start: datetime) -> None:
        lookback = self.options.usage_lookback
        if lookback is not None and start < self.truth.now() - lookback:
            raise Refusal(
                400,
                f"start_time is too old: this report answers for the last {lookback.days} days.",
                param="start_time",
                code="reporting_lookback_exceeded",
            )

    async def _costs(self, request: web.Request) -> web.StreamResponse:
        query = asked(request, BOUNDS, ("group_by", *openai_costs.COST_FILTERS), bare=True)
        query.choice("bucket_width", ("1d",), "1d")
        dims = query.grouping(openai_costs.DIMS)
        start, end = window(query, self.truth)
        openai_costs.check_grouping(dims, start, key_costs=self.options.key_costs)
        starts, reply = page(query, grid(start, end, WIDTHS["1d"], self.truth.now()), 7, 180)
        reply["data"] = [
            bucket_json(Bucket(begin, begin + WIDTHS["1d"], {}), openai_costs.rows(self.truth, begin, dims, query))
            for begin in starts
        ]
        return web.json_response(reply)


def window(query: Asked, truth: Truth) -> tuple[datetime, datetime]:
    """The span asked for; without an end it reaches to now."""
    start = moment(required(query.singles, "start_time"), "start_time")
    end = moment(query.singles["end_time"], "end_time") if "end_time" in query.singles else truth.now()
    if end <= start:
        raise Refusal(400, "end_time must be after start_time.", param="end_time")
    return start, end


def moment(text: str, name: str) -> datetime:
    """Unix seconds; milliseconds are refused as too large."""
    seconds = whole(text, name)
    if seconds >= 10**11:
        raise Refusal(400, f"{name} must be in seconds.", param=name)
    return floor_to(datetime.fromtimestamp(seconds, UTC), timedelta(seconds=1))


def page(query: Asked, starts: list[datetime], default: int, highest: int) -> tuple[list[datetime], Json]:
    """The buckets of the asked page, and the frame of the reply."""
    limit, offset = query.number("limit", default, highest), query.offset()
    end = offset + limit
    more = end < len(starts)
    return starts[offset:end], {
        "object": "page",
        "has_more": more,
        "next_page": query.cursor(end) if more else None,
        "data": [],
    }


def bucket_json(bucket: Bucket, results: list[Json]) -> Json:
    """One bucket of a reply."""
    start, end = int(bucket.start.timestamp()), int(bucket.end.timestamp())
    return {"object": "bucket", "start_time": start, "end_time": end, "results": results}


def refused(refusal: Refusal) -> web.Response:
    """OpenAI's shape of an error."""
    error = {"message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": refusal.code}
    return web.json_response({"error": error}, status=refusal.status)
