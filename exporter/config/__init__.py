"""Configuration: settings from the environment, accounts, prices and budgets from a YAML file.

One rule: whatever is wrong is said at once, each mistake in one sentence that says where and what to do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.budgets import Budget
from exporter.config.file import load
from exporter.config.model import METERS, AccountPlan, AnomalySettings, Fx, PriceOverride, ProviderFields, SpendFile
from exporter.config.settings import Settings, read_settings
from exporter.domain import Account

__all__ = [
    "METERS",
    "AccountPlan",
    "AnomalySettings",
    "Config",
    "Fx",
    "PriceOverride",
    "ProviderFields",
    "Settings",
    "SpendFile",
    "load",
    "read_config",
    "read_settings",
]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a process was told: its settings and its file."""

    settings: Settings
    file: SpendFile = field(default_factory=SpendFile)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Every account of the file, disabled ones included."""
        return self.file.accounts

    @property
    def plans(self) -> Mapping[str, AccountPlan]:
        """Each account's plan, by id."""
        return self.file.plans

    @property
    def price_overrides(self) -> tuple[PriceOverride, ...]:
        """Prices of your own, in the order of the file."""
        return self.file.price_overrides

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Every budget of the file."""
        return self.file.budgets

    @property
    def anomalies(self) -> AnomalySettings:
        """How stored days are judged."""
        return self.file.anomalies

    @property
    def fx(self) -> Fx:
        """Where exchange rates come from."""
        return self.file.fx


def read_config(providers: Mapping[str, ProviderFields]) -> Config:
    """Settings and file of this process."""
    settings = read_settings()
    return Config(settings, load(settings.config_file, os.environ, providers, optional=not settings.names_config_file))
