import stat
from pathlib import Path

import pytest

from exporter import secrets
from exporter.errors import ConfigError, StoreError
from exporter.secrets import FILE_NAME, Vault, new_key

SECRETS = {"admin_key": "sk-admin-s3cret", "organization": "ü"}


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_what_went_in_comes_out(tmp_path: Path):
    vault = Vault.open(tmp_path)
    token = vault.encrypt(SECRETS)

    assert vault.decrypt(token) == SECRETS
    assert b"s3cret" not in token
    assert b"admin_key" not in token


def test_the_first_start_makes_a_key_only_the_owner_can_read(tmp_path: Path):
    vault = Vault.open(tmp_path / "new" / "folder")
    file = tmp_path / "new" / "folder" / FILE_NAME

    assert mode(file) == 0o600
    assert [one.name for one in file.parent.iterdir()] == [FILE_NAME]  # no leftovers
    assert Vault.open(file.parent).decrypt(vault.encrypt(SECRETS)) == SECRETS


def test_keys_that_another_process_rotated_are_taken_over(tmp_path: Path):
    running, other = Vault.open(tmp_path), Vault.open(tmp_path)
    token = running.encrypt(SECRETS)

    other.add_key()
    token = other.rotate(token)
    other.drop_old_keys()

    assert running.decrypt(token) == SECRETS
    assert other.decrypt(running.encrypt(SECRETS)) == SECRETS


def test_what_a_running_process_encrypts_after_a_rotation_has_the_new_key(tmp_path: Path):
    running, other = Vault.open(tmp_path), Vault.open(tmp_path)

    other.add_key()
    other.drop_old_keys()

    assert Vault.open(tmp_path).decrypt(running.encrypt(SECRETS)) == SECRETS


def test_a_key_file_others_can_read_is_refused(tmp_path: Path):
    Vault.open(tmp_path)
    file = tmp_path / FILE_NAME
    file.chmod(0o640)

    with pytest.raises(ConfigError) as caught:
        Vault.open(tmp_path)

    assert str(caught.value) == f"The encryption keys in {file} can be read by others; run: chmod 600 {file}"


def test_two_processes_starting_at_once_agree_on_one_key(tmp_path: Path):
    file = tmp_path / FILE_NAME
    first, second = new_key(), new_key()

    secrets._create(file, [first])
    secrets._create(file, [second])

    assert first in file.read_text()
    assert second not in file.read_text()
    assert [one.name for one in tmp_path.iterdir()] == [FILE_NAME]


def test_keys_may_come_from_the_environment(tmp_path: Path):
    old, new = new_key(), new_key()
    token = Vault.open(tmp_path, old).encrypt(SECRETS)

    assert Vault.open(tmp_path, f" {new} , {old} ").decrypt(token) == SECRETS
    assert list(tmp_path.iterdir()) == []


def test_keys_may_come_from_a_mounted_file_of_any_mode(tmp_path: Path):
    old, new = new_key(), new_key()
    mounted = tmp_path / "keys"
    mounted.write_text(f"# newest first\n{new}\n{old},\n")
    mounted.chmod(0o644)
    token = Vault.open(tmp_path, old).encrypt(SECRETS)

    assert Vault.open(tmp_path, keys_file=mounted).decrypt(token) == SECRETS


def test_rotation_moves_secrets_to_the_newest_key(tmp_path: Path):
    vault = Vault.open(tmp_path)
    token = vault.encrypt(SECRETS)

    vault.add_key()
    assert vault.decrypt(token) == SECRETS
    rotated = vault.rotate(token)
    assert vault.drop_old_keys() == 1
    assert vault.drop_old_keys() == 0

    assert mode(tmp_path / FILE_NAME) == 0o600
    assert Vault.open(tmp_path).decrypt(rotated) == SECRETS
    with pytest.raises(StoreError):
        vault.decrypt(token)


@pytest.mark.parametrize("token", [b"", b"nonsense", b"gAAAA"])
def test_what_cannot_be_decrypted_is_one_sentence(tmp_path: Path, token: bytes):
    vault = Vault.open(tmp_path)
    sentence = (
        "Stored credentials can't be decrypted with the present keys: bring back the key they were encrypted with, "
        "or enter the credentials again."
    )
    for attempt in (vault.decrypt, vault.rotate):
        with pytest.raises(StoreError) as caught:
            attempt(token)
        assert str(caught.value) == sentence
        assert caught.value.__cause__ is None


def test_a_tampered_token_is_refused(tmp_path: Path):
    vault = Vault.open(tmp_path)
    token = bytearray(vault.encrypt(SECRETS))
    token[20] ^= 1

    with pytest.raises(StoreError):
        vault.decrypt(bytes(token))


def test_keys_from_elsewhere_are_changed_there(tmp_path: Path):
    key = new_key()
    with pytest.raises(ConfigError) as caught:
        Vault.open(tmp_path, key).add_key()
    assert str(caught.value) == (
        "The encryption keys come from SPEND_ENCRYPTION_KEYS: "
        "put a new key before the present ones there, then restart."
    )
    mounted = tmp_path / "keys"
    mounted.write_text(f"{new_key()},{key}")
    with pytest.raises(ConfigError, match="SPEND_ENCRYPTION_KEYS_FILE: remove every key but the first there"):
        Vault.open(tmp_path, keys_file=mounted).drop_old_keys()


def test_a_wrong_key_is_named_without_being_shown(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        Vault.open(tmp_path, "s3cret")
    assert str(caught.value) == (
        "An encryption key in SPEND_ENCRYPTION_KEYS is not a Fernet key (32 bytes in URL-safe base64, 44 characters)."
    )
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("keys", ["", " , "])
def test_no_key_at_all_is_a_mistake(tmp_path: Path, keys: str):
    with pytest.raises(ConfigError, match=r"^There is no encryption key in SPEND_ENCRYPTION_KEYS\.$"):
        Vault.open(tmp_path, keys)


def test_a_key_file_out_of_reach_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="can't be read: No such file or directory"):
        Vault.open(tmp_path, keys_file=tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="can't be read: it is not text"):
        Vault.open(tmp_path, keys_file=tmp_path / "binary")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="can't be written"):
        Vault.open(tmp_path / "file" / "below")


def test_a_disk_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("exporter.secrets.os.link", refuse)

    with pytest.raises(ConfigError, match=r"can't be written to .*: Operation not permitted"):
        Vault.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_vault_shows_nothing(tmp_path: Path):
    vault = Vault.open(tmp_path, new_key())

    assert repr(vault) == str(vault) == "Vault()"
