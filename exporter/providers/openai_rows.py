"""OpenAI replies to usage and charges. Pure: no I/O, no clock.

One rule: token meters are disjoint, and their sum is exactly ``input_tokens + output_tokens``. OpenAI's totals include
what its details break out, and the details may be missing, null or out of step; then the totals are believed.

API: https://platform.openai.com/docs/api-reference/usage
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from exporter.domain import DAY, HOUR, Charge, Dimensions, Period, Usage
from exporter.providers.base import Page
from exporter.providers.replies import Json, bucket, count, moment_of_epoch, number, refuse_repeats, tags, text, unknown

Meters = Iterator[tuple[str, str, Decimal]]
"""Meter, unit, quantity."""


def completions(row: Json) -> Meters:
    """Tokens by kind: text, audio and image, cached or not."""
    cached, written, fresh = carve(
        count(row["input_tokens"]), [row.get("input_cached_tokens"), row.get("input_cache_write_tokens")]
    )
    audio, image, plain = carve(fresh, [row.get("input_audio_tokens"), row.get("input_image_tokens")])
    half_hour, half_day, unstated = carve(
        written, [row.get("input_cache_write_30m_tokens"), row.get("input_cache_write_12h_tokens")]
    )
    audio_out, image_out, text_out = carve(
        count(row["output_tokens"]), [row.get("output_audio_tokens"), row.get("output_image_tokens")]
    )
    yield "input", "tokens", plain
    yield "input_audio", "tokens", audio
    yield "input_image", "tokens", image
    yield "cache_read", "tokens", cached
    yield "cache_write", "tokens", unstated
    yield "cache_write_30m", "tokens", half_hour
    yield "cache_write_12h", "tokens", half_day
    yield "output", "tokens", text_out
    yield "output_audio", "tokens", audio_out
    yield "output_image", "tokens", image_out
    yield "requests", "requests", count(row.get("num_model_requests"))


def carve(total: Decimal, parts: Iterable[object]) -> list[Decimal]:
    """Each part as far as the total reaches, then what is left: the sum is always `total`."""
    carved = []
    for part in parts:
        carved.append(min(count(part), total))
        total -= carved[-1]
    return [*carved, total]


def stated(**fields: tuple[str, str]) -> Callable[[Json], Meters]:
    """Meters that are stated as they are: reply field to meter and unit."""

    def meters(row: Json) -> Meters:
        for field, (meter, unit) in fields.items():
            yield meter, unit, count(row[field])

    return meters


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the ``/organization/usage/…`` endpoints.

    `limit` is in buckets, so it decides how large a page gets: fewer where a bucket has many rows.
    """

    name: str
    groups: tuple[str, ...]
    meters: Callable[[Json], Meters]
    tags: tuple[str, ...] = ()
    limit: int = 168
    priced: bool = False
    optional: bool = True
    interval: timedelta = HOUR


_WHO = ("project_id", "api_key_id", "model")
_REQUESTS = ("requests", "requests")

ENDPOINTS = (
    Endpoint(
        "completions", (*_WHO, "batch", "service_tier"), completions,
        limit=24, priced=True, optional=False, interval=timedelta(minutes=15),
    ),
    # New in 2026, shaped like completions.
    Endpoint("decisions", (*_WHO, "batch", "service_tier"), completions, limit=24, priced=True),
    Endpoint("embeddings", _WHO, stated(input_tokens=("input", "tokens"), num_model_requests=_REQUESTS), priced=True),
    Endpoint("moderations", _WHO, stated(input_tokens=("input", "tokens"), num_model_requests=_REQUESTS)),
    Endpoint(
        "images", (*_WHO, "size", "source"), stated(images=("images", "images"), num_model_requests=_REQUESTS),
        tags=("size", "source"),
    ),
    Endpoint("audio_speeches", _WHO, stated(characters=("characters", "characters"), num_model_requests=_REQUESTS)),
    Endpoint("audio_transcriptions", _WHO, stated(seconds=("audio_seconds", "seconds"), num_model_requests=_REQUESTS)),
    Endpoint("vector_stores", ("project_id",), stated(usage_bytes=("vector_store_bytes", "bytes"))),
    Endpoint(
        "code_interpreter_sessions", ("project_id",), stated(num_sessions=("code_interpreter_sessions", "sessions")),
    ),
    Endpoint("file_search_calls", ("project_id", "api_key_id"), stated(num_requests=("file_search_calls", "calls"))),
    # Its num_model_requests are the requests that completions has counted already.
    Endpoint(
        "web_search_calls", (*_WHO, "context_level"), stated(num_requests=("web_search_calls", "calls")),
        tags=("context_level",),
    ),
)  # fmt: skip

_PAGE = frozenset({"object", "data", "has_more", "next_page"})
_BUCKET = frozenset({"object", "start_time", "end_time", "results", "result"})
_WHOSE = frozenset({"object", "project_id", "user_id", "user_email", "api_key_id", "api_source"})
_COST = _WHOSE | {"amount", "line_item", "quantity", "quantity_unit"}
_USAGE = (
    _WHOSE
    | {f"input_{kind}tokens" for kind in ("", "text_", "audio_", "image_", "uncached_", "cached_", "cache_write_")}
    | {f"input_cached_{kind}_tokens" for kind in ("text", "audio", "image")}
    | {f"input_cache_write_{life}_tokens" for life in ("30m", "12h")}
    | {f"output_{kind}tokens" for kind in ("", "text_", "audio_", "image_")}
    | {"model", "batch", "service_tier", "size", "source", "vector_store_id", "context_level"}
    | {"images", "characters", "seconds", "usage_bytes", "num_sessions", "num_requests", "num_model_requests"}
)


def usage_from(reply: Json, endpoint: Endpoint, window: Period) -> Page:
    """One page of an ``/organization/usage/…`` reply."""
    usage: list[Usage] = []
    strange = unknown(reply, _PAGE)
    for period, rows in _buckets(reply, HOUR, window, strange):
        for row in rows:
            strange |= unknown(row, _USAGE)
            tier, further = _tier(row)
            whose = (text(row.get("model")), text(row.get("project_id")), text(row.get("api_key_id")), tier)
            marks = tags(*further, *((name, row.get(name)) for name in endpoint.tags))
            usage += [
                Usage(period, Dimensions(meter, unit, *whose, marks), quantity)
                for meter, unit, quantity in endpoint.meters(row)
                if quantity
            ]
    return Page(usage=usage, unknown_fields=frozenset(strange))


def charges_from(reply: Json, grouping: Sequence[str], window: Period) -> Page:
    """One page of an ``/organization/costs`` reply. `grouping` marks the rows where it is not the default one."""
    charges, strange = [], unknown(reply, _PAGE)
    further = tags(("grouping", ",".join(grouping) if "api_key_id" in grouping else ""))
    for period, rows in _buckets(reply, DAY, window, strange):
        for row in rows:
            strange |= unknown(row, _COST)
            line_item, amount = text(row.get("line_item")), row["amount"]
            model, comma, _ = line_item.rpartition(",")
            dimensions = Dimensions(
                meter=line_item or "unattributed",
                unit=text(row.get("quantity_unit")),
                model=model.strip() if comma else "",
                scope=text(row.get("project_id")),
                api_key=text(row.get("api_key_id")),
                tags=further,
            )
            charges.append(Charge(period, dimensions, number(amount["value"]), text(amount["currency"]).upper()))
    return Page(charges=charges, unknown_fields=frozenset(strange))


def _buckets(
    reply: Json, width: timedelta, window: Period, strange: set[str]
) -> Iterator[tuple[Period, Sequence[Json]]]:
    seen = set[Hashable]()
    for piece in reply["data"]:
        strange |= unknown(piece, _BUCKET)
        if rows := piece["results"]:
            start, end = moment_of_epoch(piece["start_time"]), moment_of_epoch(piece["end_time"])
            period = bucket(start, end, width, window)
            refuse_repeats(seen, [period], "bucket")
            yield period, rows


def _tier(row: Json) -> tuple[str, list[tuple[str, object]]]:
    """The service tier, and a tag for what else it says: a batch may also have run in a tier of its own.

    `priority` was renamed `fast` in July 2026; one word keeps it one series.
    """
    tier = text(row.get("service_tier"))
    tier = "priority" if tier == "fast" else tier
    if row.get("batch") is not True:
        return tier, []
    return "batch", [("service_tier", tier)] if tier not in ("", "default", "batch") else []
