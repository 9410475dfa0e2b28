"""Who may sync an account now. One rule: the database decides, by a lease that expires and a token that only grows.

A writer proves with its token that nobody took over since (`fence`); time is the database's own, so clocks of
replicas may differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from exporter.errors import LeaseLost

_FREE = "(s.lease_expires_at IS NULL OR s.lease_expires_at <= now())"
# A holder that let its lease expire is gone: what it was doing is due.
_DUE = "(s.due_at <= now() OR s.lease_holder IS NOT NULL)"
# So that a wish for a sync that comes during a run is told from the run itself, and outlasts it.
_WHILE_RUNNING = "interval '1 day'"
_LIVE = "a.removed_at IS NULL AND NOT a.disabled"


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive right to sync one account for a while."""

    account: str
    token: int


def claim_due(db: Connection, holder: str, *, lasts: timedelta, limit: int) -> list[Lease]:
    """Take up to `limit` accounts that are due and free, longest due first."""
    return _claim(db, f"{_DUE} AND {_FREE}", holder, lasts, limit=limit)


def claim(db: Connection, account: str, holder: str, *, lasts: timedelta, even_disabled: bool = False) -> Lease | None:
    """Take one account, due or not. None: somebody else has it, or it is disabled or gone."""
    live = "a.removed_at IS NULL" if even_disabled else _LIVE
    leases = _claim(db, f"s.account_id = :account AND {_FREE}", holder, lasts, limit=1, account=account, live=live)
    return leases[0] if leases else None


def _claim(
    db: Connection,
    which: str,
    holder: str,
    lasts: timedelta,
    *,
    limit: int,
    account: str | None = None,
    live: str = _LIVE,
) -> list[Lease]:
    rows = db.execute(
        text(
            "WITH free AS MATERIALIZED"
            " (SELECT s.account_id FROM sync_state s JOIN accounts a ON a.id = s.account_id"
            f"  WHERE {which} AND {live} ORDER BY s.due_at LIMIT :limit"
            "  FOR UPDATE OF s SKIP LOCKED)"
            " UPDATE sync_state s SET lease_holder = :holder, lease_token = lease_token + 1,"
            f" lease_expires_at = now() + :lasts, due_at = now() + {_WHILE_RUNNING}"
            " FROM free WHERE s.account_id = free.account_id RETURNING s.account_id, s.lease_token"
        ),
        {"holder": holder, "lasts": lasts, "limit": limit, "account": account},
    )
    return [Lease(*row) for row in rows]


def renew(db: Connection, lease: Lease, *, lasts: timedelta) -> bool:
    """Prolong the lease. False: somebody else took over."""
    renewed = db.execute(
        text(
            "UPDATE sync_state SET lease_expires_at = now() + :lasts"
            " WHERE account_id = :account AND lease_token = :token AND lease_holder IS NOT NULL"
        ),
        {"account": lease.account, "token": lease.token, "lasts": lasts},
    )
    return renewed.rowcount == 1


def fence(db: Connection, lease: Lease) -> None:
    """Hold the account's row until this transaction ends; nobody can take over meanwhile.

    Raises:
        LeaseLost: somebody already did.
    """
    held = db.execute(
        text("SELECT 1 FROM sync_state WHERE account_id = :account AND lease_token = :token FOR UPDATE"),
        {"account": lease.account, "token": lease.token},
    ).first()
    if held is None:
        raise LeaseLost(f"another replica took over {lease.account}; nothing was written")


def release(db: Connection, lease: Lease, *, due_in: timedelta) -> None:
    """Give the account back and say when it is due again. Without effect when somebody took over."""
    db.execute(
        text(
            "UPDATE sync_state SET lease_holder = NULL, lease_expires_at = NULL,"
            " due_at = least(due_at, now() + :due_in)"
            " WHERE account_id = :account AND lease_token = :token"
        ),
        {"account": lease.account, "token": lease.token, "due_in": due_in},
    )


def release_all(db: Connection) -> None:
    """Free every lease. Only for a database that nobody else can be using (the embedded one, at start)."""
    db.execute(
        text(
            "UPDATE sync_state SET lease_holder = NULL, lease_expires_at = NULL, lease_token = lease_token + 1,"
            " due_at = CASE WHEN lease_holder IS NULL THEN due_at ELSE now() END"
        )
    )


def ask_for_sync(db: Connection, account: str) -> bool:
    """Make an account due now. False: there is no such account."""
    asked = db.execute(
        text(
            "UPDATE sync_state s SET due_at = now() FROM accounts a"
            f" WHERE a.id = s.account_id AND s.account_id = :account AND {_LIVE}"
        ),
        {"account": account},
    )
    return asked.rowcount == 1
