"""Anthropic's Admin API: usage, costs and Claude Code analytics, as strict as the real one.

One rule: money is cents, as decimal strings. The newer analytics endpoints can be switched off.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.demo import anthropic_names
from exporter.demo.anthropic_analytics import Analytics
from exporter.demo.anthropic_code import ClaudeCode
from exporter.demo.anthropic_legacy import Legacy
from exporter.demo.truth import Truth
from exporter.demo.wire import Access, Refusal

VERSION = "2023-06-01"
ANALYTICS_BETA = "analytics-usage-cost-2026-08-24"
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass
class Options:
    """How this organisation's API behaves; may be changed at run time.

    `analytics`: what the newer endpoints answer: 200, or 403 or 404 where they are not enabled.
    """

    analytics: int = 200


class Anthropic:
    """The handlers, over one truth."""

    def __init__(self, truth: Truth, access: Access, options: Options) -> None:
        self.truth, self.access, self.options = truth, access, options

    def application(self, *middlewares: Middleware) -> web.Application:
        """The app; extra middlewares sit outside of the ones that speak the contract."""
        app = web.Application(middlewares=[*middlewares, self._render])
        analytics, legacy, code = Analytics(self.truth), Legacy(self.truth), ClaudeCode(self.truth)
        app.router.add_get("/v1/organizations/analytics/usage", self._newer(analytics.usage))
        app.router.add_get("/v1/organizations/analytics/cost", self._newer(analytics.cost))
        app.router.add_get("/v1/organizations/usage_report/messages", legacy.usage)
        app.router.add_get("/v1/organizations/cost_report", legacy.cost)
        app.router.add_get("/v1/organizations/usage_report/claude_code", code.report)
        anthropic_names.add_routes(app)
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
            return refused(Refusal(404, "Not found"))

    def _authorize(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        key = request.headers.get("x-api-key") or (token if scheme == "Bearer" else "")
        if key in self.access.revoked or key not in self.access.admin | self.access.unscoped:
            raise Refusal(401, "invalid x-api-key" if key else "x-api-key header is required")
        if key in self.access.unscoped:
            raise Refusal(403, "Your API key does not have permission to use the specified resource.")
        if request.headers.get("anthropic-version") != VERSION:
            raise Refusal(400, f"anthropic-version: header is required and must be {VERSION}.")

    def _newer(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if self.options.analytics != 200:
                raise Refusal(self.options.analytics, "Analytics usage and cost are not enabled for this organization.")
            if ANALYTICS_BETA not in betas(request):
                raise Refusal(400, f"This endpoint requires the header anthropic-beta: {ANALYTICS_BETA}.")
            return await handler(request)

        return guarded


def betas(request: web.Request) -> list[str]:
    """The beta features the request opts in to."""
    return [word.strip() for value in request.headers.getall("anthropic-beta", ()) for word in value.split(",")]


def refused(refusal: Refusal) -> web.Response:
    """Anthropic's shape of an error."""
    error = {"type": KINDS.get(refusal.status, "api_error"), "message": refusal.message}
    body = {"type": "error", "error": error, "request_id": "req_demo"}
    return web.json_response(body, status=refusal.status)
