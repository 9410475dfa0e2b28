"""Anthropic replies to usage and charges, of both API generations. Pure: no I/O, no clock.

One rule: amounts are *cents in strings* and become dollars by moving the point. Token fields come disjoint already.

API: https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-messages-usage-report
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b

from exporter.domain import DAY, HOUR, Account, Charge, Dimensions, Period, Tags, Usage, day_of
from exporter.providers.base import Page
from exporter.providers.replies import Json, bucket, count, from_cents, moment, refuse_repeats, tags, text, unknown

Seen = set[Hashable]
"""Row or bucket identities of the pages before, so that a repeated one is refused."""

USAGE_GROUPS = ("model", "workspace_id", "api_key_id", "service_tier", "context_window")
COST_GROUPS = ("model", "workspace_id", "service_tier", "context_window", "inference_geo", "cost_type", "token_type")

_DIMENSIONS = frozenset(
    {"account_id", "api_key_id", "context_window", "inference_geo", "model", "product", "service_account_id"}
    | {"service_tier", "speed", "workspace_id"}
)
_REPLY = frozenset({"data", "has_more", "next_page", "data_refreshed_at"})
_SPAN = frozenset({"starting_at", "ending_at"})
_QUANTITIES = frozenset(
    {"uncached_input_tokens", "cache_read_input_tokens", "cache_creation", "output_tokens", "total_tokens", "requests"}
    | {"server_tool_use"}
)
_LIFETIMES = {"ephemeral_5m_input_tokens": "cache_write_5m", "ephemeral_1h_input_tokens": "cache_write_1h"}
_MONEY = frozenset({"amount", "list_amount", "currency", "requests"})
_COST = _MONEY | _DIMENSIONS | {"cost_type", "token_type", "description"}


def usage_from_analytics(reply: Json, window: Period, seen: Seen) -> Page:
    """One page of ``/analytics/usage``: one group and hour in each row."""
    usage: list[Usage] = []
    strange = unknown(reply, _REPLY)
    for period, row in _rows(reply, HOUR, window, seen):
        group, quantities = row["group"], row["usage"]
        strange |= unknown(row, _SPAN | {"group", "usage"}) | unknown(group, _DIMENSIONS)
        strange |= unknown(quantities, _QUANTITIES)
        usage += _usage(period, group, quantities, strange)
    return Page(usage=usage, refreshed_at=_refreshed_at(reply), unknown_fields=frozenset(strange))


def usage_from_report(reply: Json, window: Period, seen: Seen) -> Page:
    """One page of ``/usage_report/messages``: hours, each with its groups."""
    usage: list[Usage] = []
    strange = unknown(reply, _REPLY)
    for period, row in _results(reply, HOUR, window, seen, strange):
        strange |= unknown(row, _QUANTITIES | _DIMENSIONS)
        usage += _usage(period, row, row, strange)
    return Page(usage=usage, refreshed_at=_refreshed_at(reply), unknown_fields=frozenset(strange))


def charges_from_analytics(reply: Json, window: Period, seen: Seen) -> Page:
    """One page of ``/analytics/cost``: one group and day in each row. `amount` is after discount, before credits."""
    charges, strange = [], unknown(reply, _REPLY)
    for period, row in _rows(reply, DAY, window, seen):
        group, cost = row["group"], row["cost"]
        strange |= unknown(row, _SPAN | {"group", "cost"}) | unknown(group, _COST) | unknown(cost, _MONEY)
        charges.append(_charge(period, group, cost))
    return Page(charges=charges, refreshed_at=_refreshed_at(reply), unknown_fields=frozenset(strange))


def charges_from_report(reply: Json, window: Period, seen: Seen) -> Page:
    """One page of ``/cost_report``: days, each with its groups."""
    charges, strange = [], unknown(reply, _REPLY)
    for period, row in _results(reply, DAY, window, seen, strange):
        strange |= unknown(row, _COST)
        charges.append(_charge(period, row, row))
    return Page(charges=charges, refreshed_at=_refreshed_at(reply), unknown_fields=frozenset(strange))


def _rows(reply: Json, width: timedelta, window: Period, seen: Seen) -> Iterator[tuple[Period, Json]]:
    """Rows that page one by one: a bucket may go on over pages, a row may not come back."""
    rows = [(_bucket_of(row, width, window), row) for row in reply["data"]]
    refuse_repeats(seen, [(period, tags(*row["group"].items())) for period, row in rows], "row")
    yield from rows


def _results(
    reply: Json, width: timedelta, window: Period, seen: Seen, strange: set[str]
) -> Iterator[tuple[Period, Json]]:
    """Rows inside buckets that page as a whole: a bucket may not come back."""
    for piece in reply["data"]:
        strange |= unknown(piece, _SPAN | {"results"})
        if results := piece["results"]:
            period = _bucket_of(piece, width, window)
            refuse_repeats(seen, [period], "bucket")
            yield from ((period, row) for row in results)


def _bucket_of(piece: Json, width: timedelta, window: Period) -> Period:
    return bucket(moment(piece["starting_at"]), moment(piece["ending_at"]), width, window)


def _refreshed_at(reply: Json) -> datetime | None:
    stated = reply.get("data_refreshed_at")
    return moment(stated) if stated else None


def _usage(period: Period, group: Json, quantities: Json, strange: set[str]) -> Iterator[Usage]:
    for meter, unit, quantity in _meters(quantities, strange):
        if quantity:
            yield Usage(period, _dimensions(group, meter, unit), quantity)


def _meters(row: Json, strange: set[str]) -> Iterator[tuple[str, str, Decimal]]:
    """What is required is read strictly: a renamed field would otherwise read as zero without a sign."""
    yield "input", "tokens", count(row["uncached_input_tokens"])
    yield "cache_read", "tokens", count(row["cache_read_input_tokens"])
    unstated = Decimal(0)
    for field, tokens in (row["cache_creation"] or {}).items():
        if field in _LIFETIMES:
            yield _LIFETIMES[field], "tokens", count(tokens)
        else:  # a new lifetime: its tokens still count
            strange.add(f"cache_creation.{field}")
            unstated += count(tokens)
    yield "cache_write", "tokens", unstated
    yield "output", "tokens", count(row["output_tokens"])
    yield "requests", "requests", count(row.get("requests"))
    tools = row.get("server_tool_use") or {}
    strange |= {f"server_tool_use.{field}" for field in unknown(tools, frozenset({"web_search_requests"}))}
    yield "web_search_calls", "calls", count(tools.get("web_search_requests"))


def _charge(period: Period, group: Json, cost: Json) -> Charge:
    kind = text(group.get("cost_type"))
    meter = text(group.get("token_type")) if kind == "tokens" else kind
    dimensions = _dimensions(group, meter or kind or "unattributed", "tokens" if kind == "tokens" else "")
    return Charge(period, dimensions, from_cents(cost["amount"]), text(cost["currency"]).upper())


def _dimensions(group: Json, meter: str, unit: str) -> Dimensions:
    return Dimensions(
        meter=meter,
        unit=unit,
        model=text(group.get("model")),
        scope=text(group.get("workspace_id")),
        api_key=text(group.get("api_key_id")),
        service_tier=text(group.get("service_tier")),
        tags=tags(*((name, group.get(name)) for name in ("context_window", "inference_geo"))),
    )


# Claude Code analytics

_ACTIVITY = frozenset(
    {"date", "actor", "organization_id", "customer_type", "subscription_type", "terminal_type", "core_metrics"}
    | {"tool_actions", "model_breakdown"}
)
_TOKENS = {"input": "input", "output": "output", "cache_read": "cache_read", "cache_creation": "cache_write"}


@dataclass(frozen=True, slots=True)
class Actors:
    """Who is shown how: a keyed hash of the e-mail address or key name, or the plain word where asked for."""

    account: str
    plain: bool = False

    @classmethod
    def of(cls, account: Account) -> Actors:
        """As the account's option `actor_names` says."""
        return cls(account.id, account.options.get("actor_names", "").lower() == "true")

    def shown(self, actor: Mapping[str, object]) -> str:
        """The same actor is always shown the same way within one account, and differently in another."""
        name = text(actor.get("email_address") or actor.get("api_key_name"))
        if self.plain or not name:
            return name
        key = blake2b(self.account.encode()).digest()
        return blake2b(name.lower().encode(), digest_size=6, key=key).hexdigest()


def activity_from(reply: Json, day: date, actors: Actors, seen: Seen) -> Page:
    """One page of ``/usage_report/claude_code`` for one UTC day. Its costs are estimates, in cents as numbers."""
    usage: list[Usage] = []
    charges: list[Charge] = []
    strange, period, keys = unknown(reply, _REPLY), Period.of_day(day), []
    for row in reply["data"]:
        strange |= unknown(row, _ACTIVITY)
        if day_of(moment(row["date"])) != day:
            raise ValueError(f"a row of {text(row['date'])} in the reply for {day}")
        who = _who(row, actors)
        keys.append(who)
        usage += [Usage(period, dimensions, quantity) for dimensions, quantity in _activity(row, who) if quantity]
        charges += [_estimate(period, part, who) for part in row["model_breakdown"] if part.get("estimated_cost")]
    refuse_repeats(seen, keys, "row")
    return Page(usage=usage, charges=charges, refreshed_at=_refreshed_at(reply), unknown_fields=frozenset(strange))


def _who(row: Json, actors: Actors) -> Tags:
    named = ("customer_type", "subscription_type", "terminal_type")
    return tags(("actor", actors.shown(row["actor"])), *((name, row.get(name)) for name in named))


def _activity(row: Json, who: Tags) -> Iterator[tuple[Dimensions, Decimal]]:
    core = row["core_metrics"]
    lines = core.get("lines_of_code") or {}
    yield Dimensions("sessions", "sessions", tags=who), count(core["num_sessions"])
    yield Dimensions("lines_added", "lines", tags=who), count(lines.get("added"))
    yield Dimensions("lines_removed", "lines", tags=who), count(lines.get("removed"))
    yield Dimensions("commits", "commits", tags=who), count(core.get("commits_by_claude_code"))
    yield Dimensions("pull_requests", "pull_requests", tags=who), count(core.get("pull_requests_by_claude_code"))
    for part in row["model_breakdown"]:
        for field, meter in _TOKENS.items():
            yield Dimensions(meter, "tokens", model=text(part["model"]), tags=who), count(part["tokens"].get(field))


def _estimate(period: Period, part: Json, who: Tags) -> Charge:
    cost = part["estimated_cost"]
    dimensions = Dimensions("estimated_cost", "", model=text(part["model"]), tags=who)
    return Charge(period, dimensions, from_cents(cost["amount"]), text(cost["currency"]).upper())
