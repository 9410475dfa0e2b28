"""`accounts …`: add, look at, test, pause and remove accounts."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import accounts_shown, show, work
from exporter.errors import ConfigError, SpendError, SyncError, TryLater

if TYPE_CHECKING:
    from exporter.app import Runtime
    from exporter.domain import Account
    from exporter.providers.base import Provider

app = typer.Typer(help="Add, look at, test, pause and remove accounts.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The account's id.", metavar="ID")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")


@app.command()
def add(
    provider: Annotated[str, typer.Argument(help="One of `spend-exporter providers`.", metavar="PROVIDER")],
    account: Annotated[str, typer.Argument(help="A name of your own that never changes.", metavar="ID")],
    *,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    team: Annotated[str, typer.Option(help="The team that pays.")] = "",
    credential: Annotated[
        list[str] | None,
        typer.Option("--set", help="A credential. Other users can see it while this runs.", metavar="NAME=VALUE"),
    ] = None,
    credential_file: Annotated[
        list[str] | None, typer.Option("--set-file", help="A credential in a file; - is stdin.", metavar="NAME=PATH")
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="An option, such as base_url.", metavar="NAME=VALUE")] = None,
    no_test: Annotated[bool, typer.Option("--no-test", help="Store it without asking the provider.")] = False,
) -> None:
    """Add an account. Secrets that are not given are asked for; the provider is asked before anything is stored."""
    from exporter.domain import Account
    from exporter.providers.base import COMMON_OPTIONS

    kind = work.provider_named(provider)
    if not _SLUG.fullmatch(account):
        raise ConfigError(
            f"the id {account!r} must consist of a-z, 0-9, '.', '_' and '-' and begin with one of a-z, 0-9"
        )
    options = _known(
        work.pairs(option or [], "--option"), {field.name for field in (*COMMON_OPTIONS, *kind.options)}, "option"
    )
    credentials = _credentials(kind, credential or [], credential_file or [])
    wanted = Account(account, provider, name, team, options, credentials)
    with work.opened() as runtime:
        if not no_test:
            _try(runtime, kind, wanted)
        _store(runtime, kind, wanted)
    show.say(f"Added account {account}. A running exporter syncs it within seconds.")


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


def _store(runtime: Runtime, provider: Provider, account: Account) -> None:
    from exporter.store import accounts, leases
    from exporter.store.accounts import StoredAccount

    stored = StoredAccount(
        id=account.id,
        provider=account.provider,
        name=account.name,
        team=account.team,
        category=provider.category,
        options=account.options,
        credentials=runtime.vault.encrypt(account.credentials),
    )
    runtime.database.call(accounts.add, stored)
    runtime.database.call(leases.ask_for_sync, account.id)


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


def _known(given: dict[str, str], names: set[str], what: str) -> dict[str, str]:
    for name in given:
        if name not in names:
            raise ConfigError(f"there is no {what} {name}; known are {', '.join(sorted(names))}")
    return given


def _credentials(provider: Provider, given: list[str], files: list[str]) -> dict[str, str]:
    """From the options, else asked for on a terminal.

    Raises:
        ConfigError: one is unknown, unreadable or missing.
    """
    found = work.pairs(given, "--set")
    found |= {name: _content(name, path) for name, path in work.pairs(files, "--set-file").items()}
    _known(found, {field.name for field in provider.credentials}, "credential")
    for field in provider.credentials:
        if not found.get(field.name) and field.required:
            found[field.name] = _asked(field.name, field.title, field.help, secret=field.secret)
    return {name: value for name, value in found.items() if value}


def _content(name: str, path: str) -> str:
    try:
        content = sys.stdin.read() if path == "-" else Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or "unreadable") if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"the file for {name}, {path}, can't be read: {why}") from None
    if not content.strip():
        raise ConfigError(f"the file for {name}, {path}, is empty")
    return content.strip()


def _asked(name: str, title: str, explanation: str, *, secret: bool) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"the credential {name} ({title}) is missing: give --set-file {name}=PATH")
    if explanation:
        show.note(explanation)
    answer: str = typer.prompt(title, hide_input=secret, err=True)
    return answer.strip()
