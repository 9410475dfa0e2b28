"""What a provider is: a record of facts and four functions. One file per provider fills it in.

One rule: nothing here knows SQL, metrics or the clock.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.domain import DAY, HOUR, Account, Charge, Name, Period, Source, Usage
from exporter.errors import NeedsAttention, UnexpectedReply
from exporter.providers.client import Client


@dataclass(frozen=True, slots=True)
class Page:
    """One reply, parsed. A report states usage or charges, seldom both.

    `refreshed_at` is the provider's own freshness watermark, where it gives one.
    `unknown_fields` are names in the reply that this program does not know (contract drift, counted).
    """

    usage: Sequence[Usage] = ()
    charges: Sequence[Charge] = ()
    refreshed_at: datetime | None = None
    unknown_fields: frozenset[str] = frozenset()


Fetch = Callable[[Client, Account, Period], AsyncIterator[Page]]
"""Read one report over one window, whole, page by page.

Raises `NeedsAttention`, `TryLater`, `UnexpectedReply` or `BeyondHistory`. Rows lie inside the window. A bucket
(or, where paging is by row, a row's identity) that comes back on a second page is an `UnexpectedReply`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One thing a provider can be asked for, read and replaced window by window.

    `priced`: its usage is priced with the price book into charges of source `priced_usage`.
    `omits_days`: rows missing from a complete read are kept, because this provider leaves days out.
    `optional`: 403 and 404 mean "not enabled for this account": no outage, the other reports go on.
    """

    name: str
    source: Source
    fetch: Fetch
    grain: timedelta = DAY  # window borders fall on multiples of it
    span: timedelta = 31 * DAY  # the longest window one read asks for
    history: timedelta = 365 * DAY  # how far back the API answers
    floor: datetime | None = None  # nothing exists before this moment
    restates: timedelta = 3 * DAY  # re-read on every sync
    restates_late: timedelta = 35 * DAY  # re-read once a day
    settles: timedelta = 2 * DAY  # older figures are official
    interval: timedelta = HOUR  # how often it is worth asking
    priced: bool = False
    omits_days: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One credential or option of an account, as the command line and the web page ask for it."""

    name: str
    title: str
    help: str = ""
    secret: bool = False
    required: bool = True
    default: str = ""


COMMON_OPTIONS = (
    Field(name="base_url", title="Base URL", help="Where the API is: a gateway, a regional endpoint.", required=False),
    Field(
        name="requests_per_minute",
        title="Requests per minute",
        help="How fast to ask at most; the provider's own limit when empty.",
        required=False,
    ),
)
"""Options that every provider takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A company that bills us: facts, and how to talk to it.

    `authenticate` turns credentials into request headers. `check` proves *billing* access, costs nothing and
    returns one sentence. `discover` lists the names of scopes and keys. Every provider takes the option `base_url`.
    """

    name: str
    title: str
    category: str  # FOCUS service category in short: "ai", "cloud", "saas"
    base_url: str
    credentials: tuple[Field, ...]
    authenticate: Callable[[Mapping[str, str]], Mapping[str, str]]
    reports: tuple[Report, ...]
    check: Callable[[Client, Account], Awaitable[str]]
    discover: Callable[[Client, Account], Awaitable[Sequence[Name]]]
    options: tuple[Field, ...] = ()
    prices: str = ""  # the provider's id in genai-prices; empty: nothing to estimate with
    requests_per_minute: int = 60
    concurrency: int = 2
    guide: str = ""  # where a user makes the credential


def bearer(field: str) -> Callable[[Mapping[str, str]], Mapping[str, str]]:
    """Authenticate with the credential `field` in an ``Authorization: Bearer`` header."""

    def authenticate(credentials: Mapping[str, str]) -> Mapping[str, str]:
        if not credentials.get(field):
            raise NeedsAttention(f"The credential {field} is missing: add it to the account.")
        return {"authorization": f"Bearer {credentials[field]}"}

    return authenticate


async def first_accepted(reads: Sequence[AsyncGenerator[Page]], passes_on: Collection[int]) -> AsyncGenerator[Page]:
    """The pages of the first of several ways to read one report that the provider does not refuse.

    A refusal with a status in `passes_on`, before the first page, hands over to the next way; the last one's stands.
    """
    for left, read in enumerate(reads, 1 - len(reads)):
        async with aclosing(read):
            try:
                first = await anext(read, None)
            except (NeedsAttention, UnexpectedReply) as refusal:
                if left and refusal.status in passes_on:
                    continue
                raise
            if first is not None:
                yield first
            async for page in read:
                yield page
            return
