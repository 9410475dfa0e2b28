"""What a checked configuration file is: frozen values, nothing left to go wrong.

One rule: no secret in a `repr` (domain.Account keeps its credentials out of it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from exporter.budgets import Budget
from exporter.domain import Account

METERS = (
    *("input", "input_audio", "input_image", "cache_read", "cache_write"),
    *("cache_write_5m", "cache_write_30m", "cache_write_1h", "cache_write_12h"),
    *("output", "output_audio", "output_image", "reasoning"),
    *("requests", "images", "characters", "audio_seconds", "vector_store_bytes"),
    *("code_interpreter_sessions", "file_search_calls", "web_search_calls"),
)
"""The words of docs/glossary.md, so that a price for an `ouput` is refused instead of never used."""


@dataclass(frozen=True, slots=True)
class ProviderFields:
    """The names a provider's accounts may use; handed in, because this module knows no provider."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()

    @property
    def credentials(self) -> frozenset[str]:
        """Every credential's name."""
        return self.required | self.optional


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """What the file says about an account beyond who it is. `None`: the program's own setting holds."""

    disabled: bool = False
    backfill_days: int | None = None
    retention_months: int | None = None


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """A price of your own, from `valid_from` on until `valid_until`, which is out."""

    provider: str
    model: str
    meter: str
    usd_per_unit: Decimal
    service_tier: str = ""
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Fx:
    """Where exchange rates come from. An empty `base_url` is the European Central Bank's own."""

    source: str = "ecb"
    rates: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class AnomalySettings:
    """How stored days are judged; docs/anomalies.md says what each means."""

    method: str = "robust"
    floor_usd: float = 1.0
    sigmas: float = 3.0
    baseline_days: int = 30
    factor: float = 2.0


@dataclass(frozen=True, slots=True)
class SpendFile:
    """The configuration file. Every account in `accounts` has a plan in `plans`."""

    accounts: tuple[Account, ...] = ()
    plans: Mapping[str, AccountPlan] = field(default_factory=lambda: MappingProxyType({}))
    price_overrides: tuple[PriceOverride, ...] = ()
    fx: Fx = field(default_factory=Fx)
    budgets: tuple[Budget, ...] = ()
    anomalies: AnomalySettings = field(default_factory=AnomalySettings)
