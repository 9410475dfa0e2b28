"""Anthropic: message usage (hourly), costs (daily) and Claude Code activity (daily), with an organisation's Admin key.

One rule: a report keeps its name whichever API generation answers, so a switch restates rows instead of doubling them.
The newer generation is asked first; where it is not enabled or does not reach back, the older one answers.

API: https://platform.claude.com/docs/en/build-with-claude/usage-cost-api
and https://platform.claude.com/docs/en/build-with-claude/claude-code-analytics-api
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from exporter.domain import DAY, HOUR, Account, Name, Period, Source, day_of, floor_to
from exporter.errors import BeyondHistory, NeedsAttention, SyncError, UnexpectedReply
from exporter.providers.anthropic_rows import (
    COST_GROUPS,
    USAGE_GROUPS,
    Actors,
    Seen,
    activity_from,
    charges_from_analytics,
    charges_from_report,
    usage_from_analytics,
    usage_from_report,
)
from exporter.providers.base import Field, Page, Provider, Report, first_accepted
from exporter.providers.client import Client
from exporter.providers.replies import Json, text

ROOT = "/v1/organizations"
VERSION = {"anthropic-version": "2023-06-01"}
BETA = {"anthropic-beta": "analytics-usage-cost-2026-08-24"}
ANALYTICS_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)  # the newer generation knows nothing older …
ANALYTICS_REACH = 365 * DAY  # … and never more than this
NOT_HERE = {400, 403, 404}  # not enabled, out of reach, or unknown to this organisation; 401 is a bad key everywhere


@dataclass(frozen=True, slots=True)
class _Read:
    """One generation of one report: where it is, how to ask, how to understand the answer."""

    path: str
    query: Sequence[tuple[str, str]]
    parse: Callable[[Json, Period, Seen], Page]
    headers: Mapping[str, str] | None = None

    async def over(self, client: Client, window: Period) -> AsyncGenerator[Page]:
        seen: Seen = set()
        span = [("starting_at", _stamp(window.start)), ("ending_at", _stamp(window.end))]
        async for reply in client.pages(self.path, [*span, *self.query], headers=self.headers):
            with client.reading(self.path, reply):
                page = self.parse(reply, window, seen)
            yield page


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _groups(names: Sequence[str]) -> list[tuple[str, str]]:
    return [("group_by[]", name) for name in names]


# Rows are limited in the newer generation, buckets in the older one.
_BY_TIME = [("limit", "1000"), ("order_by", "time"), ("order", "asc")]
USAGE = (
    _Read(
        f"{ROOT}/analytics/usage",
        [("time_bucket_width", "1h"), *_groups(USAGE_GROUPS), *_BY_TIME],
        usage_from_analytics,
        BETA,
    ),
    _Read(
        f"{ROOT}/usage_report/messages",
        [("bucket_width", "1h"), *_groups(USAGE_GROUPS), ("limit", "24")],
        usage_from_report,
    ),
)
COSTS = (
    _Read(
        f"{ROOT}/analytics/cost",
        [("time_bucket_width", "1d"), *_groups(COST_GROUPS), *_BY_TIME],
        charges_from_analytics,
        BETA,
    ),
    _Read(
        f"{ROOT}/cost_report",
        [("bucket_width", "1d"), *_groups(("workspace_id", "description")), ("limit", "7")],
        charges_from_report,
    ),
)


def either(generations: Sequence[_Read]) -> Callable[[Client, Account, Period], AsyncIterator[Page]]:
    """The function that reads one report from the first generation that answers for the window."""

    async def fetch(client: Client, _account: Account, window: Period) -> AsyncIterator[Page]:
        reach = generations if window.start >= ANALYTICS_BEGIN else generations[1:]
        try:
            async for page in first_accepted([read.over(client, window) for read in reach], passes_on=NOT_HERE):
                yield page
        except (NeedsAttention, UnexpectedReply) as refusal:
            if _is_today(window, client, refusal):
                yield Page()  # there is no complete bucket yet: an empty read, not a fault
            elif refusal.status in (403, 404) and _is_old(window, client):
                raise BeyondHistory(str(refusal), status=refusal.status, code=refusal.code) from None
            else:
                raise

    return fetch


def _is_today(window: Period, client: Client, refusal: SyncError) -> bool:
    """Anthropic answers 400 while the window has no complete bucket."""
    return refusal.status == 400 and window.start >= floor_to(client.now(), DAY)


def _is_old(window: Period, client: Client) -> bool:
    """True where only the older generation reaches, which this key may not read: no reason to call for a new key."""
    return window.start < max(ANALYTICS_BEGIN, client.now() - ANALYTICS_REACH)


async def claude_code(client: Client, account: Account, window: Period) -> AsyncIterator[Page]:
    """`claude_code`: what developers did with it, one call per UTC day. It overlaps usage and costs."""
    actors = Actors.of(account)
    for day in window.split(DAY):
        try:
            async for page in _activity(client, day_of(day.start), actors):
                yield page
        except UnexpectedReply as refusal:
            if not _is_today(day, client, refusal):
                raise
            yield Page()


async def _activity(client: Client, day: date, actors: Actors) -> AsyncIterator[Page]:
    path, seen = f"{ROOT}/usage_report/claude_code", set[Hashable]()
    async for reply in client.pages(path, [("starting_at", str(day)), ("limit", "1000")]):
        with client.reading(path, reply):
            page = activity_from(reply, day, actors, seen)
        yield page


async def check(client: Client, account: Account) -> str:
    """Ask for the costs of one complete day: only a key that may read billing gets them."""
    day = day_of(client.now()) - 3 * DAY  # costs of the newest days may not be complete yet, which is a 400
    window = Period.of_day(day)
    reads = [read.over(client, window) for read in COSTS]
    async with aclosing(first_accepted(reads, passes_on=NOT_HERE)) as pages:
        async for _ in pages:
            break
    return f"Anthropic shows account {account.id} its costs (asked for {day})."


async def discover(client: Client, _account: Account) -> Sequence[Name]:
    """Names of workspaces, archived ones too (old rows refer to them), and of API keys."""
    workspaces = await _names(client, "scope", f"{ROOT}/workspaces", [("include_archived", "true")])
    return workspaces + await _names(client, "api_key", f"{ROOT}/api_keys", [])


async def _names(client: Client, kind: str, path: str, query: list[tuple[str, str]]) -> list[Name]:
    """An analytics key may read reports but not these lists: ids go without names then."""
    names = []
    try:
        async for item in client.items(path, [("limit", "1000"), *query], after="after_id"):
            with client.reading(path, item):
                names.append(Name(kind, text(item["id"]), text(item.get("name"))))
    except SyncError as refusal:
        if refusal.status not in (403, 404):
            raise
    return names


def authenticate(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """An Admin (or Analytics) key in `x-api-key`, or an organisation's OAuth token as bearer."""
    key, token = credentials.get("admin_key", ""), credentials.get("oauth_token", "")
    if bool(key) == bool(token):
        raise NeedsAttention("Anthropic needs exactly one credential: admin_key or oauth_token.")
    if key.startswith("sk-ant-api"):
        raise NeedsAttention("This admin_key is an ordinary Anthropic API key: use an Admin key, sk-ant-admin….")
    return {**VERSION, "x-api-key": key} if key else {**VERSION, "authorization": f"Bearer {token}"}


provider = Provider(
    name="anthropic",
    title="Anthropic",
    category="ai",
    base_url="https://api.anthropic.com",
    credentials=(
        Field(
            name="admin_key",
            title="Admin key",
            help="Starts with sk-ant-admin. An organization admin makes it; ordinary API keys can't read costs.",
            secret=True,
            required=False,
        ),
        Field(
            name="oauth_token",
            title="OAuth token",
            help="Instead of the Admin key: an organization-scoped OAuth or workload-identity token.",
            secret=True,
            required=False,
        ),
    ),
    authenticate=authenticate,
    reports=(
        Report(
            name="costs",
            source=Source.COST_API,
            fetch=either(COSTS),
            history=3 * 365 * DAY,
            floor=datetime(2023, 1, 1, tzinfo=UTC),
        ),
        Report(
            name="usage/messages",
            source=Source.USAGE_API,
            fetch=either(USAGE),
            grain=HOUR,
            history=3 * 365 * DAY,
            floor=datetime(2023, 1, 1, tzinfo=UTC),
            settles=DAY,
            interval=timedelta(minutes=15),
            priced=True,
        ),
        Report(name="claude_code", source=Source.ANALYTICS, fetch=claude_code, optional=True),
    ),
    check=check,
    discover=discover,
    options=(
        Field(
            name="actor_names",
            title="Names of Claude Code users",
            help="true keeps e-mail addresses and key names; otherwise a short hash stands in for each.",
            required=False,
            default="false",
        ),
    ),
    prices="anthropic",
    requests_per_minute=60,
    guide="https://platform.claude.com/docs/en/api/admin-api/overview",
)
