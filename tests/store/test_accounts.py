from __future__ import annotations

import pytest

from exporter.domain import Account, Name
from exporter.errors import ConfigError, StoreError
from exporter.store import accounts, states
from exporter.store.accounts import StoredAccount

SECRET = b"gAAAA-ciphertext"
ACME = StoredAccount(
    id="acme",
    provider="openai",
    name="Acme",
    team="core",
    category="ai",
    options={"base_url": "http://127.0.0.1/ü"},
    credentials=SECRET,
    backfill_days=30,
    retention_months=6,
)
FILED = StoredAccount(id="filed", provider="openai", origin="file")


def refused(books, function, *args, **kwargs) -> str:
    with pytest.raises(ConfigError) as caught:
        books.run(function, *args, **kwargs)
    return str(caught.value)


def test_an_account_comes_back_as_it_was_stored(books):
    books.run(accounts.add, ACME)

    assert books.run(accounts.find, "acme") == ACME
    assert books.run(accounts.every) == [ACME]
    assert books.run(accounts.find, "other") is None


def test_credentials_are_in_no_repr(books):
    books.run(accounts.add, ACME)

    assert "gAAAA" not in repr(books.run(accounts.find, "acme"))
    assert "s3cret" not in repr(Account("a", "openai", credentials={"key": "s3cret"}))


def test_an_id_can_be_taken_once(books):
    books.run(accounts.add, ACME)

    assert refused(books, accounts.add, ACME) == (
        "account acme exists already; choose another id, or change it with `spend-exporter accounts edit`"
    )


def test_a_removed_account_keeps_its_history_and_loses_its_credentials(books):
    books.run(accounts.add, ACME)
    books.run(accounts.remove, "acme")

    assert books.run(accounts.find, "acme") is None
    assert books.run(accounts.every) == []
    assert books.run(accounts.ciphertexts) == {}
    assert books.one("SELECT count(*) FROM accounts") == 1


def test_a_removed_account_can_be_added_again_for_the_same_provider_only(books):
    books.run(accounts.add, ACME)
    books.run(accounts.remove, "acme")
    other = StoredAccount(id="acme", provider="anthropic")

    assert refused(books, accounts.add, other) == "account acme has history from openai; choose another id"
    books.run(accounts.add, ACME)
    assert books.run(accounts.find, "acme") == ACME


def test_disabling_stops_and_enabling_resumes(books):
    books.run(accounts.add, ACME)

    books.run(accounts.set_disabled, "acme", disabled=True)
    assert books.run(accounts.find, "acme").disabled
    books.run(accounts.set_disabled, "acme", disabled=False)
    assert not books.run(accounts.find, "acme").disabled


@pytest.mark.parametrize(("function", "extra"), [(accounts.remove, {}), (accounts.set_disabled, {"disabled": True})])
def test_what_the_file_declares_is_changed_there(books, function, extra):
    books.run(accounts.declare, [FILED])

    assert refused(books, function, "filed", **extra) == "account filed is declared in the config file; change it there"
    assert refused(books, function, "nobody", **extra) == (
        "there is no account nobody; see `spend-exporter accounts list`"
    )


def test_the_file_decides_which_of_its_accounts_there_are(books):
    books.run(accounts.add, ACME)
    books.run(accounts.declare, [FILED, StoredAccount(id="second", provider="openai", origin="file")])
    books.run(accounts.declare, [StoredAccount(id="second", provider="openai", origin="file", team="t")])

    assert [(a.id, a.team) for a in books.run(accounts.every)] == [("acme", "core"), ("second", "t")]
    books.run(accounts.declare, [FILED])
    assert [a.id for a in books.run(accounts.every)] == ["acme", "filed"]
    books.run(accounts.declare, [])
    assert [a.id for a in books.run(accounts.every)] == ["acme"]


def test_the_file_can_not_take_an_id_that_belongs_to_somebody_else(books):
    books.run(accounts.add, ACME)
    mine = StoredAccount(id="acme", provider="openai", origin="file")
    other = StoredAccount(id="acme", provider="anthropic", origin="file")

    assert refused(books, accounts.declare, [mine]) == (
        "account acme was added on the command line; remove it there first"
    )
    assert refused(books, accounts.declare, [other]) == "account acme has history from openai; choose another id"
    assert books.run(accounts.find, "acme") == ACME


def test_a_refused_file_changes_nothing(books):
    books.run(accounts.declare, [FILED])
    books.run(accounts.add, ACME)
    new = StoredAccount(id="aaa", provider="openai", origin="file")

    refused(books, accounts.declare, [new, StoredAccount(id="acme", provider="openai", origin="file")])
    assert [a.id for a in books.run(accounts.every)] == ["acme", "filed"]


def test_the_file_may_bring_back_what_was_removed_on_the_command_line(books):
    books.run(accounts.add, ACME)
    books.run(accounts.remove, "acme")
    books.run(accounts.declare, [StoredAccount(id="acme", provider="openai", origin="file")])

    assert books.run(accounts.find, "acme").origin == "file"


def test_an_id_is_a_slug_by_the_databases_own_rule(books):
    with pytest.raises(StoreError, match="refused a statement"):
        books.run(accounts.add, StoredAccount(id="No Slug", provider="openai"))


def test_ciphertexts_are_replaced_for_key_rotation(books):
    books.run(accounts.add, ACME)
    books.run(accounts.declare, [FILED])

    assert books.run(accounts.ciphertexts) == {"acme": SECRET}
    books.run(accounts.set_ciphertext, "acme", b"new")
    assert books.run(accounts.find, "acme").credentials == b"new"


def test_names_are_renamed_and_never_forgotten(books):
    books.run(accounts.add, ACME)
    books.run(accounts.set_names, "acme", [Name("scope", "p1", "One"), Name("api_key", "k", "nul\0 \ud800")])
    books.run(accounts.set_names, "acme", [Name("scope", "p1", "Uno")])

    assert books.rows("SELECT kind, id, name FROM names ORDER BY 1") == [
        ("api_key", "k", "nul� ?"),
        ("scope", "p1", "Uno"),
    ]
    assert books.run(states.names_read_at, "acme") is not None
