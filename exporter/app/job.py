"""What an analysis is told, and its way through a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from exporter.config import AnomalySettings, Config, PriceOverride


@dataclass(frozen=True, slots=True)
class Job:
    """One analysis. `rates`: what one unit of a currency is worth, where the configuration fixes it."""

    url: str
    now: datetime
    log_level: str
    log_format: str
    rates: Mapping[str, Decimal]
    overrides: tuple[PriceOverride, ...]
    anomalies: AnomalySettings

    def __repr__(self) -> str:
        return f"Job({self.now})"  # the address of a database holds a password

    @classmethod
    def of(cls, config: Config, url: str, now: datetime) -> Job:
        """What this configuration asks for."""
        settings = config.settings
        return cls(
            url=url,
            now=now,
            log_level=settings.log_level,
            log_format=settings.log_format,
            rates=config.fx.rates,
            overrides=config.price_overrides,
            anomalies=config.anomalies,
        )

    def told(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {
            "url": self.url,
            "now": self.now.isoformat(),
            "log_level": self.log_level,
            "log_format": self.log_format,
            "rates": {currency: str(rate) for currency, rate in self.rates.items()},
            "overrides": [_texts(asdict(override)) for override in self.overrides],
            "anomalies": asdict(self.anomalies),
        }

    @classmethod
    def heard(cls, told: Mapping[str, Any]) -> Job:
        """The reverse of `told`."""
        return cls(
            url=told["url"],
            now=datetime.fromisoformat(told["now"]),
            log_level=told["log_level"],
            log_format=told["log_format"],
            rates={currency: Decimal(rate) for currency, rate in told["rates"].items()},
            overrides=tuple(map(_override, told["overrides"])),
            anomalies=AnomalySettings(**told["anomalies"]),
        )


def _texts(values: Mapping[str, object]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in values.items()}


def _override(told: Mapping[str, Any]) -> PriceOverride:
    values = dict(told)
    values["usd_per_unit"] = Decimal(values["usd_per_unit"])
    for name in ("valid_from", "valid_until"):
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    return PriceOverride(**values)
