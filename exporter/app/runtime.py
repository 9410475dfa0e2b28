"""The composition root: what is built, in which order, and how it is taken down again.

One rule: only this package constructs things; everything else is handed what it needs.
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from exporter import __version__
from exporter.app.analyst import Analyst
from exporter.app.job import Job
from exporter.config import Config, ProviderFields, Settings, read_config
from exporter.domain import Account
from exporter.embedded import EmbeddedPostgres
from exporter.errors import ConfigError
from exporter.metrics.health import Health
from exporter.pricing.genai import GenaiPrices
from exporter.providers import ALL
from exporter.providers.base import COMMON_OPTIONS, Provider
from exporter.providers.client import open_client
from exporter.publish import Publisher
from exporter.secrets import Vault
from exporter.store import accounts, analysis, budgets, leases, prices, revision
from exporter.store.accounts import StoredAccount
from exporter.store.database import Database
from exporter.sync.prices import Valuer
from exporter.sync.scheduler import Scheduler

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Runtime:
    """Everything a command works with. Open it with `opened`."""

    config: Config
    providers: Mapping[str, Provider]
    database: Database
    embedded: EmbeddedPostgres | None  # None: the database is somebody else's
    vault: Vault
    health: Health
    valuer: Valuer
    scheduler: Scheduler
    publisher: Publisher
    analyst: Analyst
    clock: Clock
    read: Callable[[], Config]  # the configuration, again

    def apply(self, config: Config, *, whole: bool = True) -> None:
        """Take over a configuration: declare its accounts and budgets, use its prices and rates.

        Without `whole`, what another process declared and this file does not mention stays.

        Raises:
            ConfigError: the id of an account or budget is taken.
            StoreError: the database is out of reach.
        """
        self.database.call(_declare, config, self.providers, whole=whole)
        self.config = config
        self.valuer.overrides = config.price_overrides
        self.valuer.fixed_rates = config.fx.rates
        self.publisher.fixed_rates = config.fx.rates
        self.valuer.ecb_url = config.fx.base_url if config.fx.source == "ecb" else None
        self.valuer.load(self.database.call(prices.recorded_prices), self.database.call(prices.stored_rates))

    def resolve(self, stored: StoredAccount) -> Account:
        """The account with its credentials, from the config file or decrypted."""
        if stored.origin == "file":
            for account in self.config.accounts:
                if account.id == stored.id:
                    return account
            raise ConfigError(
                f"account {stored.id} is declared in the configuration of a running exporter, not in this one's"
            )
        return Account(
            id=stored.id,
            provider=stored.provider,
            name=stored.name,
            team=stored.team,
            options=stored.options,
            credentials=self.vault.decrypt(stored.credentials) if stored.credentials else {},
        )


@contextmanager
def opened(
    config: Config | None = None,
    *,
    providers: Mapping[str, Provider] = ALL,
    clock: Clock = utc_now,
    serving: bool = True,
    read: Callable[[], Config] | None = None,
) -> Iterator[Runtime]:
    """Read the configuration, open (or start) the database, bring it up to date, build the rest.

    `serving`: this process owns the embedded database and the accounts of origin 'file' (those that the file no longer
    mentions are removed). A command beside it connects to its database and, perhaps started in another folder without
    that file, only adds. `read`: what a reload reads; settings and file again unless the configuration came from
    elsewhere.

    Raises:
        ConfigError, StoreError: with the sentence to show.
    """
    read = read or partial(read_config, fields_of(providers))
    config = config or read()
    settings = config.settings
    vault = open_vault(settings)
    with database_url(settings, share=not serving) as (url, embedded):
        revision.bring_up_to_date(url)
        database = Database(url, connections=settings.sync_concurrency + 4)
        try:
            if embedded is not None:  # nobody else can be syncing: leases left by a crash are void
                database.call(leases.release_all)
                database.call(analysis.release)
            runtime = _built(config, providers, database, vault, embedded, clock, read)
            runtime.analyst.job = lambda now: Job.of(runtime.config, url, now)
            runtime.apply(config, whole=serving)
            yield runtime
        finally:
            database.close()


def fields_of(providers: Mapping[str, Provider]) -> dict[str, ProviderFields]:
    """What accounts of each provider may say in the config file."""
    return {
        name: ProviderFields(
            required=frozenset(field.name for field in provider.credentials if field.required),
            optional=frozenset(field.name for field in provider.credentials if not field.required),
            options=frozenset(field.name for field in (*COMMON_OPTIONS, *provider.options)),
        )
        for name, provider in providers.items()
    }


def _declare(db: Connection, config: Config, providers: Mapping[str, Provider], *, whole: bool) -> None:
    """All or nothing: a budget that can't be declared leaves the accounts as they were."""
    accounts.declare(db, declared(config, providers), whole=whole)
    budgets.declare(db, config.budgets, whole=whole)


def declared(config: Config, providers: Mapping[str, Provider]) -> list[StoredAccount]:
    """The config file's accounts as the database keeps them: without credentials."""
    return [
        StoredAccount(
            id=account.id,
            provider=account.provider,
            name=account.name,
            team=account.team,
            category=providers[account.provider].category,
            options=account.options,
            origin="file",
            backfill_days=config.plans[account.id].backfill_days,
            retention_months=config.plans[account.id].retention_months,
            disabled=config.plans[account.id].disabled,
        )
        for account in config.accounts
    ]


def open_vault(settings: Settings) -> Vault:
    """The keys for stored credentials; made at the first start."""
    keys = settings.encryption_keys.get_secret_value() if settings.encryption_keys else None
    if keys is None and settings.encryption_keys_file is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Vault.open(settings.data_dir, keys, settings.encryption_keys_file)


def database_folder(settings: Settings) -> Path:
    """Where the embedded database lives."""
    return settings.data_dir / "postgres"


@contextmanager
def database_url(settings: Settings, *, share: bool = True) -> Iterator[tuple[str, EmbeddedPostgres | None]]:
    """The given database; else the embedded one: with `share` also one that a running exporter has started."""
    given = settings.database()
    if given is not None:
        yield given.get_secret_value(), None
        return
    folder = database_folder(settings)
    if share and (url := EmbeddedPostgres.url_of_running(folder)) is not None:
        yield url, None
        return
    with EmbeddedPostgres(folder) as embedded:
        yield embedded.url, embedded


def _built(
    config: Config,
    providers: Mapping[str, Provider],
    database: Database,
    vault: Vault,
    embedded: EmbeddedPostgres | None,
    clock: Clock,
    read: Callable[[], Config],
) -> Runtime:
    settings = config.settings
    health = Health(version=__version__, python=platform.python_version())
    valuer = Valuer(catalogue=GenaiPrices(), lists={name: provider.prices for name, provider in providers.items()})
    publisher = Publisher(
        database=database,
        health=health,
        clock=clock,
        priced=[
            (name, report.name) for name, provider in providers.items() for report in provider.reports if report.priced
        ],
        interval=timedelta(seconds=settings.publish_interval),
        cap=settings.series_limit,
    )
    scheduler = Scheduler(
        database=database,
        providers=providers,
        resolve=_unresolved,
        open_client=partial(open_client, observe=health, now=clock),
        valuer=valuer,
        health=health,
        clock=clock,
        holder=settings.replica or f"{socket.gethostname()}:{os.getpid()}",
        backfill_days=settings.backfill_days,
        concurrency=settings.sync_concurrency,
        lease_lasts=timedelta(seconds=settings.lease_seconds),
        published=publisher.ask,
    )
    analyst = Analyst(database=database, clock=clock, holder=scheduler.holder, job=_no_job, published=publisher.ask)
    runtime = Runtime(
        config=config,
        providers=providers,
        database=database,
        embedded=embedded,
        vault=vault,
        health=health,
        valuer=valuer,
        scheduler=scheduler,
        publisher=publisher,
        analyst=analyst,
        clock=clock,
        read=read,
    )
    scheduler.resolve = runtime.resolve
    return runtime


def _unresolved(stored: StoredAccount) -> Account:
    raise ConfigError(f"account {stored.id} was asked for before the program was built")


def _no_job(now: datetime) -> Job:
    raise ConfigError(f"the analysis of {now} was asked for before the program was built")


def with_settings(config: Config, **changes: object) -> Config:
    """The configuration with some settings replaced: what command-line options do."""
    return replace(config, settings=config.settings.model_copy(update=changes))
