"""Accounts as the database knows them. Credentials come and go encrypted; removing an account keeps its history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, text

from exporter.domain import Name
from exporter.errors import ConfigError
from exporter.store.staging import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """One row of `accounts`. `credentials` is ciphertext, or None when the config file holds them."""

    id: str
    provider: str
    name: str = ""
    team: str = ""
    category: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    credentials: bytes | None = field(default=None, repr=False)
    origin: str = "database"
    backfill_days: int | None = None
    retention_months: int | None = None
    disabled: bool = False


_COLUMNS = "id, provider, name, team, category, options, credentials, origin, backfill_days, retention_months, disabled"


def add(db: Connection, account: StoredAccount) -> None:
    """Add an account, or bring back a removed one of the same id and provider.

    Raises:
        ConfigError: the id is taken, or the removed account belonged to another provider.
    """
    known = db.execute(
        text("SELECT provider, removed_at IS NOT NULL FROM accounts WHERE id = :id FOR UPDATE"), {"id": account.id}
    ).first()
    if known is not None:
        provider, removed = known
        if not removed:
            raise ConfigError(
                f"account {account.id} exists already; choose another id,"
                " or change it with `spend-exporter accounts edit`"
            )

        if provider != account.provider:
            raise ConfigError(f"account {account.id} has history from {provider}; choose another id")
    _write(db, account)


def declare(db: Connection, accounts: Iterable[StoredAccount], *, whole: bool = True) -> None:
    """Make the accounts of origin 'file' exactly these: the config file changed or was read at start.

    Without `whole`, others of origin 'file' stay.

    Raises:
        ConfigError: an id belongs to an account added on the command line, or to another provider.
    """
    declared = list(accounts)
    for account in declared:
        known = db.execute(
            text("SELECT provider, origin, removed_at IS NOT NULL FROM accounts WHERE id = :id"), {"id": account.id}
        ).first()
        if known is not None and known[0] != account.provider:
            raise ConfigError(f"account {account.id} has history from {known[0]}; choose another id")
        if known is not None and known[1] == "database" and not known[2]:
            raise ConfigError(f"account {account.id} was added on the command line; remove it there first")
        _write(db, account)
    if not whole:
        return
    db.execute(
        text(
            "UPDATE accounts SET removed_at = now()"
            " WHERE origin = 'file' AND removed_at IS NULL AND NOT id = ANY(:declared)"
        ),
        {"declared": [account.id for account in declared]},
    )


def _write(db: Connection, account: StoredAccount) -> None:
    values = {
        column: getattr(account, column)
        for column in _COLUMNS.split(", ")
        if column != "options"  # JSON
    }
    update = ", ".join(f"{column.strip()} = excluded.{column.strip()}" for column in _COLUMNS.split(",")[1:])
    db.execute(
        text(
            f"INSERT INTO accounts ({_COLUMNS}) VALUES (:id, :provider, :name, :team, :category,"
            " CAST(:options AS jsonb), :credentials, :origin, :backfill_days, :retention_months, :disabled)"
            f" ON CONFLICT (id) DO UPDATE SET {update}, removed_at = NULL"
        ),
        values | {"options": json.dumps(dict(account.options))},
    )
    db.execute(
        text(
            "INSERT INTO sync_state (account_id) VALUES (:id)"  # due now: a mended key shall not wait for a back-off
            " ON CONFLICT (account_id) DO UPDATE SET due_at = now()"
        ),
        {"id": account.id},
    )


def change(db: Connection, account: StoredAccount) -> None:
    """Store an account anew; it is due at once.

    Raises:
        ConfigError: there is no such account, or the config file declares it.
    """
    require_own(db, account.id)
    _write(db, account)


def find(db: Connection, account: str) -> StoredAccount | None:
    """One account that was not removed."""
    row = db.execute(
        text(f"SELECT {_COLUMNS} FROM accounts WHERE id = :id AND removed_at IS NULL"), {"id": account}
    ).first()
    return None if row is None else _stored(row)


def every(db: Connection) -> list[StoredAccount]:
    """All accounts that were not removed, by id."""
    rows = db.execute(text(f"SELECT {_COLUMNS} FROM accounts WHERE removed_at IS NULL ORDER BY id"))
    return [_stored(row) for row in rows]


def ids(db: Connection) -> set[str]:
    """Of every account there ever was; none where there are no tables yet."""
    if db.execute(text("SELECT to_regclass('accounts')")).scalar() is None:
        return set()
    return set(db.execute(text("SELECT id FROM accounts")).scalars())


def set_disabled(db: Connection, account: str, *, disabled: bool) -> None:
    """Stop or resume syncing an account; its figures stay.

    Raises:
        ConfigError: there is no such account, or the config file declares it.
    """
    _change(db, account, "disabled = :disabled", {"disabled": disabled})


def remove(db: Connection, account: str) -> None:
    """Forget the credentials and stop syncing. What was recorded stays.

    Raises:
        ConfigError: there is no such account, or the config file declares it.
    """
    _change(db, account, "removed_at = now(), credentials = NULL", {})


def _change(db: Connection, account: str, assignment: str, parameters: Mapping[str, Any]) -> None:
    require_own(db, account)
    db.execute(text(f"UPDATE accounts SET {assignment} WHERE id = :id"), {"id": account, **parameters})
    # A sync that is running loses its lease: it writes nothing more.
    db.execute(
        text(
            "UPDATE sync_state SET lease_holder = NULL, lease_expires_at = NULL, lease_token = lease_token + 1"
            " WHERE account_id = :id"
        ),
        {"id": account},
    )


def require_own(db: Connection, account: str) -> None:
    """Refuse to change what is not ours to change.

    Raises:
        ConfigError: there is no such account, or the config file declares it.
    """
    known = find(db, account)
    if known is None:
        raise ConfigError(f"there is no account {account}; see `spend-exporter accounts list`")
    if known.origin == "file":
        raise ConfigError(f"account {account} is declared in the config file; change it there")


def ciphertexts(db: Connection) -> dict[str, bytes]:
    """Every stored credential, by account, locked until the transaction ends: for key rotation."""
    rows = db.execute(text("SELECT id, credentials FROM accounts WHERE credentials IS NOT NULL FOR UPDATE"))
    return {account: bytes(credentials) for account, credentials in rows}


def set_ciphertext(db: Connection, account: str, credentials: bytes) -> None:
    """Store re-encrypted credentials."""
    db.execute(
        text("UPDATE accounts SET credentials = :credentials WHERE id = :id"),
        {"id": account, "credentials": credentials},
    )


def set_names(db: Connection, account: str, names: Iterable[Name]) -> None:
    """Note what the provider calls its scopes and keys. Names that vanished stay: old rows refer to them."""
    for name in names:
        db.execute(
            text(
                "INSERT INTO names (account_id, kind, id, name) VALUES (:account, :kind, :id, :name)"
                " ON CONFLICT (account_id, kind, id) DO UPDATE SET name = excluded.name"
            ),
            {"account": account, "kind": name.kind, "id": storable(name.id), "name": storable(name.name)},
        )
    db.execute(text("UPDATE sync_state SET names_read_at = now() WHERE account_id = :account"), {"account": account})


def _stored(row: Row[Any]) -> StoredAccount:
    values = row._asdict()
    if values["credentials"] is not None:
        values["credentials"] = bytes(values["credentials"])
    return StoredAccount(**values)
