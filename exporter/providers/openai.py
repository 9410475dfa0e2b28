"""OpenAI: organisation costs (daily, by project and line item) and usage (hourly, by project, key, model and tier).

One rule: money comes from `costs` alone. Some billed items never appear in usage, so neither is derived from the other.

API: https://platform.openai.com/docs/api-reference/usage and https://platform.openai.com/docs/api-reference/projects
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from urllib.parse import quote

from exporter.domain import DAY, HOUR, Account, Name, Period, Source, day_of
from exporter.errors import BeyondHistory, NeedsAttention, SyncError, UnexpectedReply
from exporter.providers.base import Field, Page, Provider, Report, bearer, first_accepted
from exporter.providers.client import Client
from exporter.providers.openai_rows import ENDPOINTS, Endpoint, charges_from, usage_from
from exporter.providers.replies import Json, epoch, refuse_repeats, text

ROOT = "/v1/organization"
GROUPING = ("project_id", "line_item")
GROUPING_BY_KEY = (*GROUPING, "api_key_id")  # refused for days before 2025-12-06, and for some organisations always
DAYS_PER_PAGE = 7  # of at most 180: a day can hold many line items of many projects


async def costs(client: Client, account: Account, window: Period) -> AsyncIterator[Page]:
    """`costs`: what is billed, per day, project and line item (and key, where asked for and allowed)."""
    by_key = account.options.get("costs_by_api_key", "").lower() == "true"
    groupings = (GROUPING_BY_KEY, GROUPING) if by_key else (GROUPING,)
    reads = [_costs(client, window, grouping) for grouping in groupings]
    async for page in first_accepted(reads, passes_on={400}):
        yield page


def _costs(client: Client, window: Period, grouping: Sequence[str]) -> AsyncGenerator[Page]:
    limit = min(DAYS_PER_PAGE, -(-(window.end - window.start) // DAY))
    query = _query(window, "1d", limit, grouping)
    return _read(client, f"{ROOT}/costs", query, lambda reply: charges_from(reply, grouping, window))


def usage_of(endpoint: Endpoint) -> Callable[[Client, Account, Period], AsyncIterator[Page]]:
    """The function that reads one usage endpoint."""

    def usage(client: Client, _account: Account, window: Period) -> AsyncIterator[Page]:
        query = _query(window, "1h", endpoint.limit, endpoint.groups)
        path = f"{ROOT}/usage/{endpoint.name}"
        return _read(client, path, query, lambda reply: usage_from(reply, endpoint, window))

    return usage


async def _read(
    client: Client, path: str, query: Sequence[tuple[str, str]], parse: Callable[[Json], Page]
) -> AsyncGenerator[Page]:
    seen = set[Hashable]()
    try:
        async for reply in client.pages(path, query):
            with client.reading(path, reply):
                page = parse(reply)
                refuse_repeats(seen, _periods(page), "bucket")
            yield page
    except UnexpectedReply as refusal:
        if refusal.code == "reporting_lookback_exceeded":
            raise BeyondHistory(str(refusal), status=refusal.status, code=refusal.code) from None
        raise


def _periods(page: Page) -> Iterator[Period]:
    yield from (row.period for row in page.usage)
    yield from (row.period for row in page.charges)


def _query(window: Period, width: str, limit: int, groups: Sequence[str]) -> list[tuple[str, str]]:
    return [
        ("start_time", epoch(window.start)),
        ("end_time", epoch(window.end)),
        ("bucket_width", width),
        ("limit", str(limit)),
        *(("group_by[]", group) for group in groups),
    ]


async def check(client: Client, account: Account) -> str:
    """Ask for the costs of one complete day: only a key that may read billing gets them."""
    day = day_of(client.now()) - 3 * DAY
    async with aclosing(_costs(client, Period.of_day(day), GROUPING)) as pages:
        async for _ in pages:
            break
    return f"OpenAI shows account {account.id} its costs (asked for {day})."


async def discover(client: Client, _account: Account) -> Sequence[Name]:
    """Names of projects, archived ones too (old rows refer to them), and of their keys."""
    names: list[Name] = []
    try:
        projects = [item async for item in client.items(f"{ROOT}/projects", [*_LISTING, ("include_archived", "true")])]
    except NeedsAttention as refusal:
        if refusal.status == 403:  # a key restricted to reading usage: ids go without names
            return names
        raise
    for project in projects:
        with client.reading(f"{ROOT}/projects", project):
            names.append(Name("scope", text(project["id"]), text(project.get("name"))))
        names += await _keys(client, names[-1].id)
    return names


_LISTING = [("limit", "100")]


async def _keys(client: Client, project: str) -> list[Name]:
    """The keys of one project, also those whose owner has left. Archived projects may refuse: no names then."""
    path = f"{ROOT}/projects/{quote(project, safe='')}/api_keys"
    names = []
    try:
        async for item in client.items(path, [*_LISTING, ("owner_project_access", "any")]):
            with client.reading(path, item):
                names.append(Name("api_key", text(item["id"]), text(item.get("name"))))
    except SyncError as refusal:
        if refusal.status not in (400, 403, 404):
            raise
    return names


provider = Provider(
    name="openai",
    title="OpenAI",
    category="ai",
    base_url="https://api.openai.com",
    credentials=(
        Field(
            name="admin_key",
            title="Organization admin key",
            help="Starts with sk-admin-. Only an organization owner can make one; project keys can't read costs.",
            secret=True,
        ),
    ),
    authenticate=bearer("admin_key"),
    reports=(
        Report(name="costs", source=Source.COST_API, fetch=costs, history=3 * 365 * DAY),
        *(
            Report(
                name=f"usage/{endpoint.name}",
                source=Source.USAGE_API,
                fetch=usage_of(endpoint),
                grain=HOUR,
                history=730 * DAY,
                settles=timedelta(days=1),
                interval=endpoint.interval,
                priced=endpoint.priced,
                optional=endpoint.optional,
            )
            for endpoint in ENDPOINTS
        ),
    ),
    check=check,
    discover=discover,
    options=(
        Field(
            name="costs_by_api_key",
            title="Costs by API key",
            help="true splits costs by API key where OpenAI allows it (days from 2025-12-06 on).",
            required=False,
            default="false",
        ),
    ),
    prices="openai",
    requests_per_minute=120,
    guide="https://platform.openai.com/settings/organization/admin-keys",
)
