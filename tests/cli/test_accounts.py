"""accounts: added only when the provider agrees; secrets never shown; history survives removal."""

from __future__ import annotations

import json

import pytest
import typer

from exporter.cli import account_input
from exporter.cli import accounts as accounts_commands
from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY, OPENAI_KEY_WITHOUT_SCOPE


def add(cli, simulator, *more, key=OPENAI_KEY, **options):
    return cli("accounts", "add", "openai", "acme", "--option", f"base_url={simulator.openai_url}",
               "--set", f"admin_key={key}", *more, **options)  # fmt: skip


def test_a_good_key_is_tested_and_stored_encrypted(cli, simulator, rows):
    done = add(cli, simulator, "--team", "core", "--name", "Acme")
    assert done.exit_code == 0, done.output
    assert "shows account acme its costs" in done.stdout
    ((stored, team),) = rows("SELECT credentials, team FROM accounts")
    assert OPENAI_KEY.encode() not in bytes(stored)
    assert team == "core"
    assert OPENAI_KEY not in done.output


def test_options_that_every_provider_takes(cli, simulator, rows):
    done = add(cli, simulator, "--option", "requests_per_minute=6000")
    assert done.exit_code == 0, done.output
    assert rows("SELECT options->>'requests_per_minute' FROM accounts") == [("6000",)]


@pytest.mark.parametrize("key", ["sk-admin-wrong-key", OPENAI_KEY_WITHOUT_SCOPE])
def test_a_refused_key_is_one_sentence_and_nothing_is_stored(cli, simulator, rows, key):
    done = add(cli, simulator, key=key)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: OpenAI ")
    assert "Nothing was stored" in line
    assert key not in done.output
    assert rows("SELECT id FROM accounts") == []
    assert add(cli, simulator, "--no-test", key=key).exit_code == 0
    assert rows("SELECT id FROM accounts") == [("acme",)]
    tested = cli("accounts", "test", "acme")
    assert tested.exit_code == 1
    assert tested.stderr.startswith("Error: OpenAI ")


def test_a_provider_that_does_not_answer_is_no_reason_to_refuse(cli, simulator, rows, monkeypatch):
    def busy(*_):
        raise accounts_commands.TryLater("OpenAI can't answer now.")

    monkeypatch.setattr(accounts_commands, "ask", busy)
    done = add(cli, simulator)
    assert done.exit_code == 0
    assert "stored untested" in done.stderr
    assert rows("SELECT id FROM accounts") == [("acme",)]


def test_a_key_from_a_file_and_from_stdin(cli, simulator, environment):
    (environment / "key").write_text(f"{ANTHROPIC_KEY}\n")
    base = ("--option", f"base_url={simulator.anthropic_url}")
    assert cli("accounts", "add", "anthropic", "one", *base, "--set-file", "admin_key=key").exit_code == 0
    assert (
        cli("accounts", "add", "anthropic", "two", *base, "--set-file", "admin_key=-", input=ANTHROPIC_KEY).exit_code
        == 0
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("openia", "a"), "there is no provider openia"),
        (("openai", "A B"), "must consist of a-z"),
        (("openai", "a", "--set", "key=x"), "there is no credential key; known are admin_key"),
        (("openai", "a", "--option", "url=x"), "there is no option url; known are base_url, costs_by_api_key"),
        (("openai", "a", "--set-file", "admin_key=nowhere"), "can't be read: No such file"),
        (("openai", "a", "--set-file", "admin_key=empty"), "is empty"),
        (("openai", "a", "--set-file", "admin_key=binary"), "it is not text"),
        (("openai", "a"), "the credential admin_key (Organization admin key) is missing: give --set-file"),
    ],
)
def test_mistakes_are_sentences(run, environment, words, said):
    (environment / "empty").touch()
    (environment / "binary").write_bytes(b"\xff\xfe")
    done = run("accounts", "add", *words)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_word_without_an_equals_sign_is_wrong_usage_and_not_repeated(run):
    done = run("accounts", "add", "openai", "a", "--set", "sk-admin-oops")
    assert done.exit_code == 2
    assert "oops" not in done.output


def test_missing_secrets_are_asked_for_on_a_terminal(cli, simulator, monkeypatch):
    asked = []
    monkeypatch.setattr(account_input.sys.stdin.__class__, "isatty", lambda _: True, raising=False)
    monkeypatch.setattr(account_input, "_asked", lambda name, *_, secret: asked.append((name, secret)) or OPENAI_KEY)
    done = cli("accounts", "add", "openai", "acme", "--option", f"base_url={simulator.openai_url}")
    assert done.exit_code == 0, done.output
    assert asked == [("admin_key", True)]


def test_a_revoked_key_is_replaced_and_the_rest_stays(cli, simulator, rows):
    add(cli, simulator, "--team", "core")
    refused = cli("accounts", "edit", "acme", "--set", "admin_key=sk-admin-wrong-key")
    assert refused.exit_code == 1
    assert "Nothing was stored" in refused.stderr
    before = rows("SELECT credentials FROM accounts")
    done = cli("accounts", "edit", "acme", "--set", f"admin_key={OPENAI_KEY}", "--name", "Acme")
    assert done.exit_code == 0, done.output
    assert rows("SELECT credentials FROM accounts") != before
    found = "SELECT name, team, options->>'base_url', due_at <= now() FROM accounts JOIN sync_state ON account_id = id"
    assert rows(found) == [("Acme", "core", simulator.openai_url, True)]
    assert cli("accounts", "test", "acme").exit_code == 0


def test_an_option_is_taken_back_by_an_empty_value(cli, simulator, rows):
    add(cli, simulator, "--option", "requests_per_minute=60")
    assert cli("accounts", "edit", "acme", "--option", "requests_per_minute=").exit_code == 0
    assert rows("SELECT options->>'requests_per_minute' FROM accounts") == [(None,)]


def test_the_prompt_hides_what_is_typed(monkeypatch, capsys):
    seen = {}
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _: True})())
    monkeypatch.setattr(typer, "prompt", lambda title, **options: seen.update(options, title=title) or " key ")
    assert account_input._asked("admin_key", "Admin key", "Starts with sk.", secret=True) == "key"
    assert seen == {"title": "Admin key", "hide_input": True, "err": True}
    assert "Starts with sk." in capsys.readouterr().err


def test_list_and_show_without_secrets(cli, openai, simulator):
    listed = cli("accounts", "list")
    assert listed.exit_code == 0, listed.output
    assert max(map(len, listed.stdout.splitlines())) <= 80
    assert "waiting" in listed.stdout
    assert cli("sync").exit_code == 0
    (row,) = json.loads(cli("accounts", "list", "--json").stdout)
    assert (row["id"], row["state"], row["origin"]) == ("acme", "ok", "database")
    shown = cli("accounts", "show", "acme")
    assert "credentials set   admin_key" in shown.stdout
    assert "costs" in shown.stdout
    facts = json.loads(cli("accounts", "show", "acme", "--json").stdout)
    assert facts["credentials_set"] == ["admin_key"]
    assert {report["report"] for report in facts["reports"]} >= {"costs", "usage/completions"}
    for said in (listed, shown):
        assert OPENAI_KEY not in said.output


def test_an_empty_list_says_how_to_begin(cli):
    assert "accounts add" in cli("accounts", "list").stdout
    assert json.loads(cli("accounts", "list", "--json").stdout) == []


def test_a_failing_account_says_why(cli, openai, simulator):
    simulator.revoke(OPENAI_KEY)
    assert cli("sync").exit_code == 1
    listed = cli("accounts", "list").stdout
    assert "stopped" in listed
    assert "acme: OpenAI does not accept the credential" in listed


def test_disable_and_enable(cli, openai):
    assert cli("accounts", "disable", openai).exit_code == 0
    assert "disabled" in cli("accounts", "list").stdout
    assert "is disabled" in cli("sync", openai).stderr
    assert "there is no account to sync" in cli("sync").stderr
    assert cli("accounts", "enable", openai).exit_code == 0
    assert cli("accounts", "test", openai).exit_code == 0


def test_removal_is_confirmed_and_keeps_history(cli, openai, rows):
    assert cli("sync").exit_code == 0
    (before,) = rows("SELECT count(*), sum(amount_usd) FROM charges")
    assert "add --yes" in cli("accounts", "remove", openai).stderr
    done = cli("accounts", "remove", openai, "--yes")
    assert done.exit_code == 0
    assert "history stays" in done.stdout
    assert rows("SELECT count(*), sum(amount_usd) FROM charges") == [before]
    assert rows("SELECT credentials FROM accounts") == [(None,)]


def test_an_unknown_account_is_a_sentence(cli):
    for words in (("show", "x"), ("test", "x"), ("disable", "x"), ("remove", "x", "--yes")):
        assert "there is no account x" in cli("accounts", *words).stderr


def test_a_command_without_the_file_leaves_the_accounts_of_the_file_alone(cli, environment, simulator, rows):
    (environment / "spend.yaml").write_text(
        f"accounts: [{{id: prod, provider: openai, credentials: {{admin_key: {OPENAI_KEY}}},"
        f" options: {{base_url: '{simulator.openai_url}'}}}}]"
    )
    assert cli("sync").exit_code == 0
    (environment / "spend.yaml").unlink()
    assert "prod" in cli("accounts", "list").stdout
    assert "declared in the configuration of a running exporter" in cli("accounts", "show", "prod").stdout
    assert rows("SELECT removed_at FROM accounts") == [(None,)]
