"""The doctor's checks. One rule: a check that fails is a finding, never the end of the examination."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from exporter.cli import work
from exporter.errors import SpendError

if TYPE_CHECKING:
    from exporter.config import Settings
    from exporter.domain import Account
    from exporter.secrets import Vault

OLDEST_PYTHON = (3, 11)
OLDEST_POSTGRES = 14
SKEW = timedelta(minutes=1)
SECONDS = 10


class Finding(NamedTuple):
    """`well`: True, False, or None when it is neither."""

    well: bool | None
    what: str
    says: str


def findings() -> Iterator[Finding]:
    """Every check, in the order in which one depends on another."""
    yield python()
    try:
        config = work.configured()
    except SpendError as error:
        yield Finding(False, "configuration", "; ".join(str(error).splitlines()))
        return
    settings = config.settings
    where = settings.config_file if settings.config_file.exists() else "no file, settings only"
    yield Finding(True, "configuration", f"right ({where})")
    vault, finding = keys(settings)
    yield finding
    accounts: list[Account] = [one for one in config.accounts if not config.plans[one.id].disabled]
    yield from database(settings, vault, accounts)
    for account in accounts:
        yield from provider(account)
    yield served(settings)


def python() -> Finding:
    """New enough?"""
    well = sys.version_info >= OLDEST_PYTHON
    return Finding(well, "Python", platform.python_version() + ("" if well else ": 3.11 or newer is needed"))


def keys(settings: Settings) -> tuple[Vault | None, Finding]:
    """Readable by us, and by nobody else?"""
    from exporter.app.runtime import open_vault
    from exporter.secrets import FILE_NAME

    own = settings.data_dir / FILE_NAME
    external = settings.encryption_keys is not None or settings.encryption_keys_file is not None
    if not external and not own.exists():
        return None, Finding(True, "encryption keys", f"will be made in {own} at the first start")
    try:
        vault = open_vault(settings)
    except SpendError as error:
        return None, Finding(False, "encryption keys", str(error))
    return vault, Finding(True, "encryption keys", "from the environment" if external else f"{own}, yours alone")


def database(settings: Settings, vault: Vault | None, accounts: list[Account]) -> Iterator[Finding]:
    """In reach, of a usable version, up to date? Adds the accounts stored in it to `accounts`."""
    from exporter.app.runtime import database_folder, database_url

    if settings.database() is None:
        yield (binaries := embedded_binaries())
        if not binaries.well:
            return
        if not (database_folder(settings) / "pg").exists():
            yield Finding(True, "database", f"will be made in {settings.data_dir} at the first start")
            return
    try:
        with database_url(settings) as (url, _):
            yield from _inside(url, vault, accounts)
    except SpendError as error:
        yield Finding(False, "database", str(error))


def embedded_binaries() -> Finding:
    """Is there a PostgreSQL that runs here?"""
    from exporter.embedded.binaries import working_binaries

    try:
        found = working_binaries()
    except SpendError as error:
        return Finding(False, "embedded PostgreSQL", str(error))
    return Finding(True, "embedded PostgreSQL", f"version {found.major}")


def _inside(url: str, vault: Vault | None, accounts: list[Account]) -> Iterator[Finding]:
    from sqlalchemy import text

    from exporter.store.engine import open_engine, transaction
    from exporter.store.migrate import current, head

    engine = open_engine(url)
    try:
        with transaction(engine) as db:
            version = int(db.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
            revision = current(db)
    finally:
        engine.dispose()
    new_enough = version >= OLDEST_POSTGRES
    needed = "" if new_enough else f"; {OLDEST_POSTGRES} or newer is needed"
    yield Finding(new_enough, "database", f"in reach, PostgreSQL {version}{needed}")
    if revision != head():
        behind = f"at {revision or 'none'}, this version needs {head()}: run `spend-exporter migrate`"
        yield Finding(False, "migrations", behind)
        return
    yield Finding(True, "migrations", f"at {revision}, the newest")
    yield from _stored(url, vault, accounts)


def _stored(url: str, vault: Vault | None, accounts: list[Account]) -> Iterator[Finding]:
    from exporter.domain import Account
    from exporter.store.accounts import every
    from exporter.store.engine import open_engine, transaction

    engine = open_engine(url)
    try:
        with transaction(engine) as db:
            stored = [one for one in every(db) if one.origin == "database" and not one.disabled]
    finally:
        engine.dispose()
    for one in stored:
        try:
            secrets = vault.decrypt(one.credentials) if vault and one.credentials else {}
        except SpendError as error:
            yield Finding(False, f"account {one.id}", str(error))
            continue
        accounts.append(Account(one.id, one.provider, one.name, one.team, one.options, secrets))


def provider(account: Account) -> Iterator[Finding]:
    """Does the provider accept the credentials, and does its clock agree with ours?"""
    from exporter.providers.client import open_client

    what = f"account {account.id}"
    try:
        kind = work.provider_named(account.provider)

        async def check() -> str:
            async with open_client(kind, account) as client:
                return await kind.check(client, account)

        yield Finding(True, what, work.finished(check()))
    except SpendError as error:
        yield Finding(False, what, str(error))
        return
    if (finding := clock(account.options.get("base_url") or kind.base_url, kind.title)) is not None:
        yield finding


def clock(url: str, title: str) -> Finding | None:
    """Our clock beside the provider's `Date` header; None when it tells none."""
    import httpx

    try:
        theirs = parsedate_to_datetime(httpx.head(url, timeout=SECONDS).headers["date"])
    except (httpx.HTTPError, KeyError, ValueError):
        return None
    skew = abs(datetime.now(UTC) - theirs)
    if skew <= SKEW:
        return Finding(True, "clock", f"agrees with {title}'s")
    return Finding(False, "clock", f"{skew.total_seconds():.0f} s apart from {title}'s: set this machine's clock")


def served(settings: Settings) -> Finding:
    """Does an exporter answer where one would?"""
    import httpx

    host, port = settings.listen_address
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (asked, not bound)
    url = f"http://[{name}]:{port}/metrics" if ":" in name else f"http://{name}:{port}/metrics"
    try:
        reply = httpx.get(url, timeout=SECONDS)
    except httpx.ConnectError:
        return Finding(None, "metrics", f"nothing serves {url}: `spend-exporter serve` would")
    except httpx.HTTPError as error:
        return Finding(False, "metrics", f"{url} gives no whole answer ({type(error).__name__})")
    if reply.status_code == 200 and "spend_exporter_" in reply.text:
        return Finding(True, "metrics", f"served on {url}")
    return Finding(False, "metrics", f"{url} is not this exporter's (status {reply.status_code}): set SPEND_LISTEN")
