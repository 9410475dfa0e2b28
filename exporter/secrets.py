"""Encryption of stored credentials: Fernet with several keys, the newest first.

One rule: no key and no clear text ever reaches a message or a `repr`.

Keys come from the environment (replicas share them) or from a file in the data folder that is made at the first
start. A file that others can read protects nothing, so the program refuses it.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from exporter.errors import ConfigError, StoreError

FILE_NAME = "encryption.keys"
_COMMENT = "# Keys for stored credentials, newest first. Whoever has this file can read them; keep a copy of it.\n"


def new_key() -> str:
    """A fresh key, to be kept as carefully as the credentials it protects."""
    return Fernet.generate_key().decode()


class Vault:
    """Encrypts and decrypts small mappings of text."""

    def __init__(self, keys: Sequence[str], *, file: Path | None = None, source: str = "") -> None:
        """`file` is the program's own key file; `source` names the setting where the keys come from elsewhere."""
        self._file, self._source = file, source
        self._use(keys)

    @classmethod
    def open(cls, data_dir: Path, keys: str | None = None, keys_file: Path | None = None) -> Vault:
        """With the keys given, else those of the file given, else those of the data folder (made if missing)."""
        if keys is not None:
            return cls(_split(keys), source="SPEND_ENCRYPTION_KEYS")
        if keys_file is not None:
            # Mounted secrets have the permissions their platform gives them: not ours to judge.
            return cls(_split(_read(keys_file)), source="SPEND_ENCRYPTION_KEYS_FILE")
        own = data_dir / FILE_NAME
        if not own.exists():
            _create(own, [new_key()])
        _refuse_open_file(own)
        return cls(_split(_read(own)), file=own)

    def encrypt(self, secrets: Mapping[str, str]) -> bytes:
        """One token for the whole mapping, so that not even the names show."""
        self._take_over_rotated()
        return self._fernet.encrypt(json.dumps(dict(secrets), sort_keys=True).encode())

    def decrypt(self, token: bytes) -> dict[str, str]:
        """The mapping a token was made from."""
        try:
            clear = self._fernet.decrypt(token)
        except InvalidToken:
            self._take_over_rotated()
            try:
                clear = self._fernet.decrypt(token)
            except InvalidToken:
                raise _locked() from None
        return {str(name): str(value) for name, value in json.loads(clear).items()}

    def rotate(self, token: bytes) -> bytes:
        """The same secrets under the newest key."""
        try:
            return self._fernet.rotate(token)
        except InvalidToken:
            raise _locked() from None

    def add_key(self) -> None:
        """Put a new key first. Tokens made before can still be read; rotate them, then drop the old keys."""
        self._replace([new_key(), *self._keys], "put a new key before the present ones")

    def drop_old_keys(self) -> int:
        """Keep the newest key alone and say how many went. Only after every token was rotated."""
        dropped = len(self._keys) - 1
        if dropped:
            self._replace(self._keys[:1], "remove every key but the first")
        return dropped

    def __repr__(self) -> str:
        return "Vault()"

    def _take_over_rotated(self) -> None:
        """Another process may have rotated the program's own keys; what it dropped must not be used any more."""
        if self._file is not None:
            self._use(_split(_read(self._file)))

    def _replace(self, keys: Sequence[str], instead: str) -> None:
        if self._file is None:
            raise ConfigError(f"The encryption keys come from {self._source}: {instead} there, then restart.")
        _write(self._file, keys)
        self._use(keys)

    def _use(self, keys: Sequence[str]) -> None:
        place = self._source or str(self._file or "the list")
        if not keys:
            raise ConfigError(f"There is no encryption key in {place}.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise ConfigError(
                f"An encryption key in {place} is not a Fernet key (32 bytes in URL-safe base64, 44 characters)."
            ) from None
        self._keys = list(keys)


def _locked() -> StoreError:
    return StoreError(
        "Stored credentials can't be decrypted with the present keys: bring back the key they were encrypted with, "
        "or enter the credentials again."
    )


def _split(text: str) -> list[str]:
    """Keys are separated by commas or lines; a line that begins with # is a comment."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [key.strip() for line in lines for key in line.split(",") if key.strip()]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The encryption keys in {file} can't be read: {_reason(error)}.") from None


def _refuse_open_file(file: Path) -> None:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ConfigError(f"The encryption keys in {file} can be read by others; run: chmod 600 {file}")


def _create(file: Path, keys: Sequence[str]) -> None:
    """Make the file, unless another process just did: then its keys are everybody's."""
    fresh = _temporary(file, keys)
    try:
        os.link(fresh, file)  # unlike a rename this never replaces keys somebody already encrypted with
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"The encryption keys can't be written to {file}: {_reason(error)}.") from None
    finally:
        fresh.unlink()


def _write(file: Path, keys: Sequence[str]) -> None:
    _temporary(file, keys).replace(file)


def _temporary(file: Path, keys: Sequence[str]) -> Path:
    """The whole content in a file of its own, readable by the owner alone, safely on disk."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600 from the start
    except OSError as error:
        raise ConfigError(f"The encryption keys can't be written to {file}: {_reason(error)}.") from None
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(_COMMENT + "".join(f"{key}\n" for key in keys))
        out.flush()
        os.fsync(out.fileno())
    return Path(name)


def _reason(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is not text"
