"""keys, migrate and doctor."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from cryptography.fernet import Fernet

from exporter.cli import doctor_checks, keys
from exporter.demo.server import OPENAI_KEY
from exporter.secrets import FILE_NAME, Vault, new_key


def key_lines(environment):
    text = (environment / "data" / FILE_NAME).read_text()
    return [line for line in text.splitlines() if not line.startswith("#")]


def token(rows):
    ((stored,),) = rows("SELECT credentials FROM accounts")
    return bytes(stored)


def test_rotation_leaves_one_new_key_that_opens_everything(cli, openai, environment, rows):
    (old,) = key_lines(environment)
    done = cli("keys", "rotate")
    assert done.exit_code == 0, done.output
    assert "credentials of 1 account" in done.stdout
    assert "Dropped 1 old key." in done.stdout
    (new,) = key_lines(environment)
    assert new != old
    assert OPENAI_KEY.encode() in Fernet(new).decrypt(token(rows))
    assert cli("accounts", "test", openai).exit_code == 0
    assert new not in done.output


@pytest.mark.parametrize("moment", ["reencrypt", "drop_old_keys"])
def test_a_crash_in_between_loses_nothing_and_the_next_try_finishes(cli, openai, environment, monkeypatch, moment):
    def crash(*_):
        raise SystemExit(9)

    with monkeypatch.context() as broken:
        broken.setattr(keys if moment == "reencrypt" else Vault, moment, crash)
        assert cli("keys", "rotate").exit_code == 9
    assert len(key_lines(environment)) == 2
    assert cli("accounts", "test", openai).exit_code == 0
    assert cli("keys", "rotate").exit_code == 0
    assert len(key_lines(environment)) == 1
    assert cli("accounts", "test", openai).exit_code == 0


def test_keys_of_the_environment_are_yours_to_change(cli, simulator, rows, monkeypatch):
    old, new = new_key(), new_key()
    monkeypatch.setenv("SPEND_ENCRYPTION_KEYS", old)
    cli("accounts", "add", "openai", "a", "--no-test", "--set", "admin_key=x-secret")
    monkeypatch.setenv("SPEND_ENCRYPTION_KEYS", f"{new},{old}")
    done = cli("keys", "rotate")
    assert done.exit_code == 0, done.output
    assert "1. Put a new key" in done.stdout
    assert "SPEND_ENCRYPTION_KEYS," in done.stdout
    assert b"x-secret" in Fernet(new).decrypt(token(rows))
    assert old not in done.output


def test_a_fresh_key(run):
    key = Fernet(run("keys", "new").stdout.strip())
    assert key.decrypt(key.encrypt(b"secret")) == b"secret"


def test_a_lost_key_is_one_sentence(cli, openai, environment):
    (environment / "data" / FILE_NAME).write_text(new_key())
    done = cli("sync")
    assert done.exit_code == 1
    assert "can't be decrypted" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "✗ account acme" in cli("doctor").stdout
    assert "can't be decrypted" in cli("accounts", "show", "acme").stdout


def test_migrate(run, empty_database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    behind = run("migrate", "--check")
    assert behind.exit_code == 1
    assert "at revision none" in behind.stdout
    assert "✗ migrations" in run("doctor").stdout
    assert "is now at revision" in run("migrate").stdout
    assert run("migrate", "--check").exit_code == 0
    assert "database is at revision" in run("migrate").stdout


def test_the_doctor_finds_all_well(cli, openai, simulator, rows):
    done = cli("doctor")
    assert done.exit_code == 0, done.output
    for line in ("✓ Python", "✓ configuration", "✓ encryption keys", "✓ database", "✓ migrations", "✓ account acme",
                 "✓ clock", "– metrics"):  # fmt: skip
        assert line in done.stdout


def test_the_doctor_before_the_first_start_makes_nothing(run, environment):
    done = run("doctor")
    assert done.exit_code == 0, done.output
    assert "will be made" in done.stdout
    assert not (environment / "data").exists()


def test_the_doctor_finds_what_is_wrong(cli, openai, simulator, environment):
    simulator.revoke(OPENAI_KEY)
    (environment / "data" / FILE_NAME).chmod(0o644)
    done = cli("doctor")
    assert done.exit_code == 1
    assert "✗ encryption keys" in done.stdout
    assert "chmod 600" in done.stdout
    (environment / "data" / FILE_NAME).chmod(0o600)
    assert "✗ account acme: OpenAI does not accept" in cli("doctor").stdout


def test_the_doctor_reads_the_configuration(run, monkeypatch):
    monkeypatch.setenv("SPEND_TYPO", "1")
    done = run("doctor")
    assert done.exit_code == 1
    assert "✗ configuration: SPEND_TYPO is not a setting" in done.stdout


def test_the_doctor_without_a_database(run, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/x")
    assert "✗ database: can't reach the database" in run("doctor").stdout
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("PG_BIN", os.sep + "nowhere")
    assert "✗ embedded PostgreSQL" in run("doctor").stdout


def test_a_clock_that_is_wrong(monkeypatch):
    then = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    monkeypatch.setattr(httpx, "head", lambda *_, **__: httpx.Response(200, headers={"date": then}))
    finding = doctor_checks.clock("http://x", "Acme")
    assert finding.well is False
    assert " s apart from Acme's" in finding.says
    monkeypatch.setattr(httpx, "head", lambda *_, **__: httpx.Response(200))
    assert doctor_checks.clock("http://x", "Acme") is None


@pytest.mark.parametrize(
    ("reply", "well", "said"),
    [
        (httpx.Response(200, text="spend_exporter_up 1"), True, "served on http://[::1]:1/metrics"),
        (httpx.Response(404, text="no"), False, "is not this exporter's (status 404)"),
        (httpx.ReadTimeout("slow"), False, "gives no whole answer (ReadTimeout)"),
    ],
)
def test_what_answers_where_the_exporter_would(monkeypatch, environment, reply, well, said):
    def get(*_, **__):
        if isinstance(reply, Exception):
            raise reply
        return reply

    monkeypatch.setenv("SPEND_LISTEN", "[::1]:1")
    monkeypatch.setattr(httpx, "get", get)
    finding = doctor_checks.served(doctor_checks.work.configured().settings)
    assert finding.well is well
    assert said in finding.says
