"""OpenAI's usage endpoints: what each may be grouped and filtered by, and how its rows look.

One rule: `input_tokens` is everything; the parts beside it are disjoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from exporter.demo.shape import Vector
from exporter.demo.wire import Json

FOUR = ("project_id", "user_id", "api_key_id", "model")
FILTERS: Mapping[str, str] = {
    "project_ids": "project_id",
    "user_ids": "user_id",
    "api_key_ids": "api_key_id",
    "models": "model",
    "sizes": "size",
    "sources": "source",
    "line_items": "line_item",
}
RENAMED_FAST = date(2026, 7, 30)

Row = Callable[[Vector, date, date], Json]


@dataclass(frozen=True)
class Endpoint:
    """One path under ``/v1/organization/usage``. Filters are those whose dimension it has."""

    path: str
    dims: tuple[str, ...]
    row: Row
    result: str = ""

    @property
    def object(self) -> str:
        """The `object` of a result; two of them are not spelled like the path."""
        return f"organization.usage.{self.result or self.path}.result"

    @property
    def filters(self) -> tuple[str, ...]:
        """The array parameters that narrow the report."""
        allowed = (*FOUR, "size", "source")
        return tuple(name for name, dim in FILTERS.items() if dim in self.dims and dim in allowed)


def completions(vector: Vector, day: date, details_since: date) -> Json:
    """Fields added during 2025 and 2026 are null or missing in older buckets."""
    text, audio, image, read, write_30m, write_12h, output, output_audio, requests = vector
    row: Json = {
        "input_tokens": text + audio + image + read + write_30m + write_12h,
        "input_cached_tokens": read,
        "input_audio_tokens": audio,
        "output_tokens": output + output_audio,
        "output_audio_tokens": output_audio,
        "num_model_requests": requests,
    }
    details = {
        "input_uncached_tokens": text + audio + image,
        "input_cache_write_tokens": write_30m + write_12h,
        "input_cache_write_30m_tokens": write_30m,
        "input_cache_write_12h_tokens": write_12h,
        "input_text_tokens": text,
        "input_image_tokens": image,
        "input_cached_text_tokens": read,
        "input_cached_audio_tokens": 0,
        "input_cached_image_tokens": 0,
        "output_text_tokens": output,
        "output_image_tokens": 0,
    }
    if day >= details_since:
        return row | details
    null_days = details_since - timedelta(days=30)
    return row | dict.fromkeys(details) if day >= null_days else row


def _named(*names: str) -> Row:
    return lambda vector, _day, _details_since: dict(zip(names, vector, strict=True))


def _web_searches(vector: Vector, _day: date, _details_since: date) -> Json:
    return {"num_requests": vector[0], "num_model_requests": vector[0]}


TOKENS = _named("input_tokens", "num_model_requests")
ENDPOINTS = (
    Endpoint("completions", (*FOUR, "batch", "service_tier", "api_source"), completions),
    Endpoint("decisions", (*FOUR, "batch", "service_tier", "api_source"), TOKENS),
    Endpoint("embeddings", FOUR, TOKENS),
    Endpoint("moderations", FOUR, TOKENS),
    Endpoint("images", (*FOUR, "size", "source"), _named("images", "num_model_requests")),
    Endpoint("audio_speeches", FOUR, _named("characters", "num_model_requests")),
    Endpoint("audio_transcriptions", FOUR, _named("seconds", "num_model_requests")),
    Endpoint("vector_stores", ("project_id",), _named("usage_bytes")),
    Endpoint("code_interpreter_sessions", ("project_id",), _named("num_sessions")),
    Endpoint(
        "file_search_calls",
        ("project_id", "user_id", "api_key_id", "vector_store_id"),
        _named("num_requests"),
        "file_searches",
    ),
    Endpoint("web_search_calls", (*FOUR, "context_level", "api_source"), _web_searches, "web_searches"),
)


def tier_name(tier: object, day: date) -> object:
    """*priority* is called *fast* since the end of July 2026."""
    return "fast" if tier == "priority" and day >= RENAMED_FAST else tier
