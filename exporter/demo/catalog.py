"""Who uses what in the demo: two organisations, their projects, keys, models and flows of requests.

One rule: data only. `hourly` is the number of requests in an average working hour at the reference growth.
"""

from __future__ import annotations

from typing import NamedTuple


class Scope(NamedTuple):
    """A project or workspace."""

    id: str
    name: str
    archived: bool = False


class Key(NamedTuple):
    """An API key: the index of its scope, and the person who owns it."""

    id: str
    name: str
    scope: int
    owner: str


class Model(NamedTuple):
    """What one average request of this model consumes, in the order of its report's meters."""

    name: str
    mix: tuple[float, ...]
    recent: bool = False


class Flow(NamedTuple):
    """Requests of one key (-1: no key) to one model in one scope."""

    scope: int
    key: int
    model: int
    hourly: float
    tier: str = ""
    context: str = "0-200k"
    product: str = "messages_api"


OPENAI_SCOPES = (
    Scope("proj_atlas7Q", "Atlas assistant"),
    Scope("proj_docs2K", "Docs search"),
    Scope("proj_eval9M", "Evaluations"),
    Scope("proj_bot1L", "Legacy bot", archived=True),
)
OPENAI_KEYS = (
    Key("key_atlas_prod", "atlas production", 0, "user-ada"),
    Key("key_atlas_test", "atlas staging", 0, "user-grace"),
    Key("key_docs_prod", "docs production", 1, "user-linus"),
    Key("key_docs_index", "docs indexer", 1, "user-linus"),
    Key("key_eval_night", "nightly evaluations", 2, "user-grace"),
    Key("key_eval_lab", "lab", 2, "user-barbara"),
    Key("key_bot", "bot", 3, "user-ada"),
)
# input, input_audio, input_image, cache_read, cache_write_30m, cache_write_12h, output, output_audio
OPENAI_MODELS = (
    Model("gpt-5.6-terra", (2400, 0, 120, 1800, 210, 60, 520, 0)),
    Model("gpt-5.6-luna", (1500, 0, 0, 900, 90, 0, 330, 0)),
    Model("gpt-5.6-sol", (3600, 0, 0, 2900, 400, 120, 860, 0)),
    Model("gpt-5.4-mini", (1900, 0, 0, 700, 0, 0, 410, 0)),
    Model("gpt-audio-mini", (300, 1400, 0, 100, 0, 0, 90, 620)),
    Model("aurora-preview-2026-09", (2100, 0, 0, 1200, 0, 0, 640, 0), recent=True),
)
OPENAI_FLOWS = (
    Flow(0, 0, 0, 420),
    Flow(0, 0, 0, 40, "priority"),
    Flow(0, 0, 2, 130),
    Flow(0, 0, 1, 900),
    Flow(0, 1, 0, 35),
    Flow(0, 1, 3, 60),
    Flow(0, -1, 2, 4),
    Flow(0, 1, 5, 45),
    Flow(1, 2, 1, 1300),
    Flow(1, 2, 3, 380),
    Flow(1, 2, 4, 90),
    Flow(1, 3, 1, 700, "batch"),
    Flow(1, 3, 0, 50, "flex"),
    Flow(1, -1, 1, 6),
    Flow(2, 4, 0, 240, "batch"),
    Flow(2, 4, 2, 110, "batch"),
    Flow(2, 5, 2, 25),
    Flow(2, 5, 5, 20),
    Flow(2, 5, 3, 40),
    Flow(3, 6, 3, 150),
    Flow(3, 6, 1, 80),
)


class Side(NamedTuple):
    """A flow of one of OpenAI's smaller reports; `extra` are dimensions only this report has."""

    report: str
    model: str
    scope: int
    key: int
    hourly: float
    mix: tuple[float, ...]
    extra: tuple[tuple[str, str], ...] = ()


OPENAI_SIDES = (
    Side("usage/embeddings", "text-embedding-3-small", 1, 3, 900, (650,)),
    Side("usage/embeddings", "text-embedding-3-large", 1, 3, 500, (800,)),
    Side("usage/moderations", "omni-moderation-latest", 0, 0, 400, (320,)),
    Side("usage/images", "gpt-image-1", 0, 0, 9, (1.4,), (("source", "image.generation"), ("size", "1024x1024"))),
    Side("usage/images", "gpt-image-1", 0, 1, 2, (1,), (("source", "image.edit"), ("size", "1024x1536"))),
    Side("usage/audio_speeches", "tts-1", 1, 2, 30, (900,)),
    Side("usage/audio_transcriptions", "whisper-1", 1, 2, 25, (140,)),
    Side("usage/vector_stores", "", 1, -1, 60, (1.1e8,)),
    Side("usage/code_interpreter_sessions", "", 2, -1, 8, (1,)),
    Side("usage/file_search_calls", "", 1, 2, 70, (1,), (("vector_store_id", "vs_handbook"),)),
    Side("usage/web_search_calls", "gpt-5.6-terra", 0, 0, 12, (1.2,), (("context_level", "medium"),)),
)

ANTHROPIC_ORGANIZATION = ("0f1e2d3c-4b5a-4678-9abc-def012345678", "Demo organisation")
ANTHROPIC_DEFAULT = "wrkspc_01Default"
ANTHROPIC_SCOPES = (
    Scope(ANTHROPIC_DEFAULT, "Default"),
    Scope("wrkspc_01Support", "Support"),
    Scope("wrkspc_01Coding", "Coding"),
    Scope("wrkspc_01Pilot", "Pilot 2025", archived=True),
)
ANTHROPIC_KEYS = (
    Key("apikey_01Web", "website", 0, "api"),
    Key("apikey_01Mail", "mail triage", 1, "api"),
    Key("apikey_01Night", "night batch", 1, "api"),
    Key("apikey_01CodeA", "claude code ada", 2, "ada@example.com"),
    Key("apikey_01CodeB", "claude code grace", 2, "grace@example.com"),
    Key("apikey_01CodeCI", "claude code ci", 2, "ci-runner"),
    Key("apikey_01Pilot", "pilot", 3, "api"),
)
# input, cache_read, cache_write_5m, cache_write_1h, output, web_search_calls
ANTHROPIC_MODELS = (
    Model("claude-sonnet-5", (1500, 6200, 800, 120, 520, 0.02)),
    Model("claude-opus-5", (1900, 9100, 1200, 400, 760, 0)),
    Model("claude-haiku-4-5-20251001", (1200, 2400, 300, 0, 260, 0.01)),
    Model("claude-opus-4-8", (2200, 7400, 900, 0, 700, 0)),
    Model("claude-sonnet-4-5-20250929", (2600, 3100, 500, 0, 600, 0)),
    Model("aurora-preview-2026-09", (1800, 2500, 300, 0, 640, 0), recent=True),
)
ANTHROPIC_FLOWS = (
    Flow(0, 0, 0, 260),
    Flow(0, 0, 2, 500),
    Flow(0, -1, 1, 9, product="claude_console"),
    Flow(1, 1, 0, 210),
    Flow(1, 1, 2, 620),
    Flow(1, 1, 5, 45),
    Flow(1, 2, 2, 700, "batch", product="message_batches_api"),
    Flow(1, 2, 4, 90, "batch", product="message_batches_api"),
    Flow(2, 3, 1, 110, product="claude_code"),
    Flow(2, 3, 0, 90, product="claude_code"),
    Flow(2, 4, 1, 70, product="claude_code"),
    Flow(2, 4, 2, 60, product="claude_code"),
    Flow(2, 5, 3, 60, product="claude_code"),
    Flow(2, 5, 5, 25, product="claude_code"),
    Flow(3, 6, 4, 120),
    Flow(3, 6, 4, 0.5, context="200k-1M"),
)
ANTHROPIC_EXECUTIONS = Side("code_execution", "", 0, 0, 14, (1,))
