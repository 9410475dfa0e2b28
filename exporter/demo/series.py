"""The smallest stream of usage that has one set of dimensions, and how the catalogue becomes such streams.

One rule: a series knows who and how much on average, never when; `shape` knows when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from exporter.demo import catalog
from exporter.demo.catalog import Flow, Key, Model, Scope, Side

OPENAI, ANTHROPIC = "openai", "anthropic"
COMPLETIONS, MESSAGES, CLAUDE_CODE, EXECUTIONS = "usage/completions", "usage/messages", "claude_code", "code_execution"

METERS: Mapping[str, tuple[str, ...]] = {
    COMPLETIONS: (
        "input",
        "input_audio",
        "input_image",
        "cache_read",
        "cache_write_30m",
        "cache_write_12h",
        "output",
        "output_audio",
        "requests",
    ),
    "usage/decisions": ("input", "requests"),  # served, never used in the demo
    "usage/embeddings": ("input", "requests"),
    "usage/moderations": ("input", "requests"),
    "usage/images": ("images", "requests"),
    "usage/audio_speeches": ("characters", "requests"),
    "usage/audio_transcriptions": ("audio_seconds", "requests"),
    "usage/vector_stores": ("vector_store_bytes",),
    "usage/code_interpreter_sessions": ("code_interpreter_sessions",),
    "usage/file_search_calls": ("file_search_calls",),
    "usage/web_search_calls": ("web_search_calls",),
    MESSAGES: ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "web_search_calls", "requests"),
    EXECUTIONS: ("code_execution",),  # costs money, appears in no usage report
}

Dims = Mapping[str, str | bool | None]


@dataclass(frozen=True, eq=False)
class Series:
    """One stream. `dims` are the API's own dimension names; `mix` is what one request consumes, per meter."""

    id: str
    provider: str
    report: str
    model: str
    scope: str
    tier: str
    context: str
    dims: Dims
    hourly: float
    mix: tuple[float, ...]
    first: date | None = None
    last: date | None = None

    @property
    def product(self) -> str:
        """What the tokens were used in (Anthropic)."""
        return str(self.dims.get("product") or "")

    @property
    def by_night(self) -> bool:
        """Batches run when people do not."""
        return self.tier == "batch"


def all_series(anchor: date, projects: int, models: int) -> list[Series]:
    """Both organisations, cut down to the first so many scopes and models."""
    chosen = [*_completions(anchor, projects, models), *_sides(projects), *_messages(anchor, projects, models)]
    return [*chosen, _executions()]


def _lifetime(anchor: date, scope: Scope, model: Model) -> tuple[date | None, date | None]:
    """Unknown models are three weeks old; an archived scope has been silent for two months."""
    first = anchor - timedelta(days=21) if model.recent else None
    return first, anchor - timedelta(days=60) if scope.archived else None


def _wanted(flow: Flow, projects: int, models: int) -> bool:
    return flow.scope < projects and flow.model < models


def _key(keys: tuple[Key, ...], index: int) -> Key | None:
    return keys[index] if index >= 0 else None


def _completions(anchor: date, projects: int, models: int) -> Iterator[Series]:
    for number, flow in enumerate(catalog.OPENAI_FLOWS):
        if not _wanted(flow, projects, models):
            continue
        scope, model = catalog.OPENAI_SCOPES[flow.scope], catalog.OPENAI_MODELS[flow.model]
        first, last = _lifetime(anchor, scope, model)
        tier = flow.tier or "default"
        dims = _openai_dims(scope, _key(catalog.OPENAI_KEYS, flow.key), model.name)
        dims |= {"batch": tier == "batch", "service_tier": tier, "api_source": "unlabeled"}
        yield Series(
            id=f"openai:completions:{number}",
            provider=OPENAI,
            report=COMPLETIONS,
            model=model.name,
            scope=scope.id,
            tier=tier,
            context="",
            dims=dims,
            hourly=flow.hourly,
            mix=(*model.mix, 1),
            first=first,
            last=last,
        )


def _openai_dims(scope: Scope, key: Key | None, model: str) -> dict[str, str | bool | None]:
    return {
        "project_id": scope.id,
        "user_id": key.owner if key else None,
        "api_key_id": key.id if key else None,
        "model": model or None,
    }


def _sides(projects: int) -> Iterator[Series]:
    for number, side in enumerate(catalog.OPENAI_SIDES):
        if side.scope >= projects:
            continue
        scope = catalog.OPENAI_SCOPES[side.scope]
        dims = _openai_dims(scope, _key(catalog.OPENAI_KEYS, side.key), side.model)
        yield _side(side, f"openai:side:{number}", OPENAI, scope, {**dims, **dict(side.extra)})


def _side(side: Side, name: str, provider: str, scope: Scope, dims: Dims) -> Series:
    counted = (*side.mix, 1.0) if "requests" in METERS[side.report] else side.mix
    return Series(name, provider, side.report, side.model, scope.id, "", "", dims, side.hourly, counted)


def _messages(anchor: date, projects: int, models: int) -> Iterator[Series]:
    for number, flow in enumerate(catalog.ANTHROPIC_FLOWS):
        if not _wanted(flow, projects, models):
            continue
        scope, model = catalog.ANTHROPIC_SCOPES[flow.scope], catalog.ANTHROPIC_MODELS[flow.model]
        first, last = _lifetime(anchor, scope, model)
        key = _key(catalog.ANTHROPIC_KEYS, flow.key)
        yield Series(
            id=f"anthropic:messages:{number}",
            provider=ANTHROPIC,
            report=MESSAGES,
            model=model.name,
            scope=scope.id,
            tier=flow.tier or "standard",
            context=flow.context,
            dims=_anthropic_dims(scope, key, flow, model.name),
            hourly=flow.hourly,
            mix=(*model.mix, 1),
            first=first,
            last=last,
        )


def _anthropic_dims(scope: Scope, key: Key | None, flow: Flow, model: str) -> dict[str, str | bool | None]:
    person = key is not None and "@" in key.owner
    return {
        "workspace_id": scope.id,
        "api_key_id": key.id if key else None,
        "model": model,
        "service_tier": flow.tier or "standard",
        "context_window": flow.context,
        "inference_geo": "not_available" if "4-5" in model else "global",
        "speed": "standard",
        "product": flow.product,
        "actor": key.owner if key else None,
        "actor_type": "user_actor" if person else "api_actor",
        "organization_id": catalog.ANTHROPIC_ORGANIZATION[0],
    }


def _executions() -> Series:
    scope, key = catalog.ANTHROPIC_SCOPES[0], catalog.ANTHROPIC_KEYS[0]
    dims = {**_anthropic_dims(scope, key, Flow(0, 0, 0, 0), ""), "product": None, "context_window": None}
    dims |= {"model": None, "service_tier": None, "inference_geo": None, "speed": None}
    return _side(catalog.ANTHROPIC_EXECUTIONS, "anthropic:code_execution", ANTHROPIC, scope, dims)
