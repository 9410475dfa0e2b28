"""`keys …`: the keys that stored credentials are encrypted with.

One rule: at every moment each stored credential can be read with the keys that are on disk, whatever is interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from exporter.cli import show, work

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from exporter.secrets import Vault

app = typer.Typer(help="The keys that stored credentials are encrypted with.", no_args_is_help=True)

STEPS = """\
The keys come from {source}, which only you can change:
  1. Put a new key (`spend-exporter keys new`) before the present ones, separated by a comma or a line.
  2. Restart every exporter with both keys.
  3. Run `spend-exporter keys rotate` with both keys: it re-encrypts what is stored.
  4. Remove all keys but the first, and restart every exporter."""


@app.command()
def new() -> None:
    """Print a fresh key, for SPEND_ENCRYPTION_KEYS. Nothing is stored."""
    from exporter.secrets import new_key

    show.say(new_key())


@app.command()
def rotate() -> None:
    """Encrypt every stored credential with a new key and drop the old ones. A running exporter follows."""
    with work.opened() as runtime:
        settings = runtime.config.settings
        external = settings.encryption_keys is not None or settings.encryption_keys_file is not None
        if not external:
            runtime.vault.add_key()
        count = runtime.database.call(reencrypt, runtime.vault)
        show.say(f"Encrypted the credentials of {count} account{'' if count == 1 else 's'} with the newest key.")
        if external:
            variable = "SPEND_ENCRYPTION_KEYS" + ("" if settings.encryption_keys else "_FILE")
            show.say(STEPS.format(source=variable))
            return
        # Only now, after the commit: before it, what is stored still needs them.
        dropped = runtime.vault.drop_old_keys()
    show.say(f"Dropped {dropped} old key{'' if dropped == 1 else 's'}. A running exporter takes the new one over.")


def reencrypt(db: Connection, vault: Vault) -> int:
    """Put every stored credential under the newest key, in one transaction. Returns how many."""
    from exporter.store import accounts

    tokens = accounts.ciphertexts(db)
    for account, token in tokens.items():
        accounts.set_ciphertext(db, account, vault.rotate(token))
    return len(tokens)
