"""`accounts …`: add, change, look at, test, pause and remove accounts."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import account_input, accounts_shown, show, work
from exporter.errors import ConfigError, SpendError, SyncError, TryLater

if TYPE_CHECKING:
    from exporter.app import Runtime
    from exporter.domain import Account
    from exporter.providers.base import Provider
    from exporter.store.accounts import StoredAccount

app = typer.Typer(help="Add, change, look at, test, pause and remove accounts.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The account's id.", metavar="ID")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_EDITABLE = ("name", "team", "options", "credentials")


@app.command()
def add(
    provider: Annotated[str, typer.Argument(help="One of `spend-exporter providers`.", metavar="PROVIDER")],
    account: Annotated[str, typer.Argument(help="A name of your own that never changes.", metavar="ID")],
    *,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    team: Annotated[str, typer.Option(help="The team that pays.")] = "",
    credential: account_input.Given = None,
    credential_file: account_input.Files = None,
    option: account_input.Options = None,
    no_test: account_input.NoTest = False,
) -> None:
    """Add an account. Secrets that are not given are asked for; the provider is asked before anything is stored."""
    from exporter.domain import Account
    from exporter.store import accounts

    kind = work.provider_named(provider)
    if not _SLUG.fullmatch(account):
        raise ConfigError(
            f"the id {account!r} must consist of a-z, 0-9, '.', '_' and '-' and begin with one of a-z, 0-9"
        )
    options = account_input.options_of(kind, option)
    credentials = account_input.credentials_of(kind, credential, credential_file)
    wanted = Account(account, provider, name, team, options, credentials)
    with work.opened() as runtime:
        if not no_test:
            _try(runtime, kind, wanted)
        runtime.database.call(accounts.add, _sealed(runtime, kind, wanted))
    show.say(f"Added account {account}. A running exporter syncs it within seconds.")


@app.command()
def edit(
    account: Id,
    *,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    team: Annotated[str | None, typer.Option(help="The team that pays.")] = None,
    credential: account_input.Given = None,
    credential_file: account_input.Files = None,
    option: account_input.Options = None,
    no_test: account_input.NoTest = False,
) -> None:
    """Change an account: a new key, another team, an option (empty: the default again). What is not given stays."""
    from exporter.store import accounts

    with work.opened() as runtime:
        runtime.database.call(accounts.require_own, account)
        stored = accounts_shown.found(runtime, account)
        kind = work.provider_named(stored.provider)
        old = runtime.resolve(stored)
        wanted = replace(
            old,
            name=old.name if name is None else name,
            team=old.team if team is None else team,
            options={
                key: value for key, value in {**old.options, **account_input.options_of(kind, option)}.items() if value
            },
            credentials={
                **old.credentials,
                **account_input.credentials_of(kind, credential, credential_file, ask=False),
            },
        )
        if not no_test:
            _try(runtime, kind, wanted)
        changed = _sealed(runtime, kind, wanted)
        runtime.database.call(accounts.change, replace(stored, **{f: getattr(changed, f) for f in _EDITABLE}))
    show.say(f"Changed account {account}. A running exporter syncs it within seconds.")


@app.command("list")
def list_(*, as_json: Json = False) -> None:
    """All accounts, how their syncs go, and when they are due."""
    with work.opened() as runtime:
        rows = accounts_shown.rows(runtime)
    if as_json:
        show.as_json([row._asdict() for row in rows])
    elif rows:
        show.table(accounts_shown.COLUMNS, [row.cells() for row in rows])
    else:
        show.say("There are no accounts yet; add one with `spend-exporter accounts add`.")
    for row in rows if not as_json else ():
        if row.failure:
            show.say(f"{row.id}: {row.failure}")


@app.command("show")
def show_(account: Id, *, as_json: Json = False) -> None:
    """Everything about one account but its secrets."""
    with work.opened() as runtime:
        facts = accounts_shown.details(runtime, account)
    if as_json:
        show.as_json(facts)
    else:
        accounts_shown.print_details(facts)


@app.command()
def test(account: Id) -> None:
    """Ask the provider whether the credentials may read billing. Costs nothing, changes nothing."""
    with work.opened() as runtime:
        resolved = runtime.resolve(accounts_shown.found(runtime, account))
        show.say(ask(runtime, work.provider_named(resolved.provider), resolved))


@app.command()
def disable(account: Id) -> None:
    """Stop syncing an account. Its figures stay."""
    _set_disabled(account, disabled=True)
    show.say(f"Account {account} is no longer synced; its figures stay.")


@app.command()
def enable(account: Id) -> None:
    """Sync an account again."""
    _set_disabled(account, disabled=False)
    show.say(f"Account {account} is synced again.")


@app.command()
def remove(account: Id, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False) -> None:
    """Forget an account's credentials and stop syncing it. Its history stays."""
    from exporter.store import accounts

    with work.opened() as runtime:
        accounts_shown.found(runtime, account)
        if not yes:
            _confirm(account)
        runtime.database.call(accounts.remove, account)
    show.say(f"Removed account {account} and its credentials. Its history stays and is still counted.")


def ask(runtime: Runtime, provider: Provider, account: Account) -> str:
    """The provider's answer to `check`.

    Raises:
        SyncError: it refused, or did not answer.
    """
    from exporter.providers.client import open_client

    async def check() -> str:
        async with open_client(provider, account, observe=runtime.health) as client:
            return await provider.check(client, account)

    return work.finished(check())


def _try(runtime: Runtime, provider: Provider, account: Account) -> None:
    try:
        show.say(ask(runtime, provider, account))
    except TryLater as error:
        show.note(f"{error} The account is stored untested; `spend-exporter accounts test {account.id}` tests it.")
    except SyncError as error:
        raise SpendError(f"{error} Nothing was stored; --no-test stores it all the same.") from None


def _sealed(runtime: Runtime, provider: Provider, account: Account) -> StoredAccount:
    """The account as it is stored: with its credentials encrypted."""
    from exporter.store.accounts import StoredAccount

    return StoredAccount(
        id=account.id,
        provider=account.provider,
        name=account.name,
        team=account.team,
        category=provider.category,
        options=account.options,
        credentials=runtime.vault.encrypt(account.credentials),
    )


def _set_disabled(account: str, *, disabled: bool) -> None:
    from exporter.store import accounts, leases

    with work.opened() as runtime:
        runtime.database.call(accounts.set_disabled, account, disabled=disabled)
        if not disabled:
            runtime.database.call(leases.ask_for_sync, account)


def _confirm(account: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigError(f"removing {account} has to be confirmed: add --yes")
    typer.confirm(f"Forget the credentials of {account} and stop syncing it? Its history stays.", abort=True)
