"""Every provider this program can sync, one line each. How to add one: docs/adding-a-provider.md."""

from collections.abc import Mapping

from exporter.providers import anthropic, openai
from exporter.providers.base import Provider

ALL: Mapping[str, Provider] = {
    "anthropic": anthropic.provider,
    "openai": openai.provider,
}
