from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from exporter.errors import LeaseLost
from exporter.store import accounts, leases
from exporter.store.accounts import StoredAccount
from exporter.store.engine import transaction

MINUTE = timedelta(minutes=1)


@pytest.fixture
def three(books):
    for name in ("a", "b", "c"):
        books.run(accounts.add, StoredAccount(id=name, provider="openai"))


def expire(books, account: str) -> None:
    statement = f"UPDATE sync_state SET lease_expires_at = now() - interval '1 s' WHERE account_id = '{account}'"
    books.run(lambda db: db.exec_driver_sql(statement))


def claim(books, account="a", holder="me"):
    return books.run(leases.claim, account, holder, lasts=MINUTE)


def due(books, limit=10, holder="me"):
    return sorted(lease.account for lease in books.run(leases.claim_due, holder, lasts=MINUTE, limit=limit))


def test_two_claimers_at_the_same_moment_never_get_the_same_account(books, three):
    with transaction(books.engine) as one, transaction(books.engine) as other:
        first = leases.claim_due(one, "one", lasts=MINUTE, limit=2)
        second = leases.claim_due(other, "other", lasts=MINUTE, limit=10)

    assert len(first) == 2
    assert {lease.account for lease in first + second} == {"a", "b", "c"}
    assert len(second) == 1


@pytest.mark.parametrize("known", [True, False])
def test_never_more_accounts_are_claimed_than_asked_for(books, known):
    for n in range(12):
        books.run(accounts.add, StoredAccount(id=f"a{n}", provider="openai"))
    if known:
        books.run(lambda db: db.exec_driver_sql("ANALYZE"))

    assert len(due(books, limit=5)) == 5
    assert len(due(books, limit=5)) == 5
    assert len(due(books, limit=5)) == 2


def test_many_claimers_share_many_accounts_without_double_work(books):
    for n in range(20):
        books.run(accounts.add, StoredAccount(id=f"a{n}", provider="openai"))
    got: list[str] = []

    def work():
        while found := due(books, limit=1):
            got.extend(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == sorted(f"a{n}" for n in range(20))


def test_the_longest_due_goes_first_and_what_is_not_due_waits(books, three):
    for name, minutes in (("a", -1), ("b", -5), ("c", 5)):
        lease = claim(books, name)
        books.run(leases.release, lease, due_in=timedelta(minutes=minutes))

    assert due(books, limit=1) == ["b"]
    assert due(books) == ["a"]
    assert claim(books, "c") is not None  # asked for by name, due or not


def test_a_held_account_is_nobody_elses_until_its_lease_expires(books, three):
    first = claim(books)
    assert claim(books, holder="other") is None
    assert due(books, holder="other") == ["b", "c"]

    expire(books, "a")
    second = claim(books, holder="other")

    assert second.token > first.token
    assert books.run(leases.renew, first, lasts=MINUTE) is False
    with pytest.raises(LeaseLost, match=r"^another replica took over a; nothing was written$"):
        books.run(leases.fence, first)


def test_an_expired_lease_nobody_took_is_renewed(books, three):
    lease = claim(books)
    expire(books, "a")

    assert books.run(leases.renew, lease, lasts=MINUTE) is True
    assert claim(books, holder="other") is None
    books.run(leases.fence, lease)


def test_releasing_a_lost_lease_takes_nothing_from_the_one_who_has_it(books, three):
    first = claim(books)
    expire(books, "a")
    second = claim(books, holder="other")

    books.run(leases.release, first, due_in=timedelta(0))

    assert claim(books, holder="third") is None
    books.run(leases.fence, second)


def test_a_released_lease_is_not_renewed(books, three):
    lease = claim(books)
    books.run(leases.release, lease, due_in=MINUTE)

    assert books.run(leases.renew, lease, lasts=MINUTE) is False
    assert "a" not in due(books)


def test_disabled_and_removed_accounts_are_not_claimed(books, three):
    books.run(accounts.set_disabled, "a", disabled=True)
    books.run(accounts.remove, "b")

    assert due(books) == ["c"]
    assert claim(books, "a") is None
    assert claim(books, "b") is None
    assert claim(books, "no such account") is None


def test_asking_for_a_sync_makes_a_live_account_due(books, three):
    for name in ("a", "b"):
        books.run(leases.release, claim(books, name), due_in=timedelta(hours=1))
    books.run(accounts.set_disabled, "b", disabled=True)

    assert books.run(leases.ask_for_sync, "a") is True
    assert books.run(leases.ask_for_sync, "b") is False
    assert books.run(leases.ask_for_sync, "no such account") is False
    assert due(books) == ["a", "c"]


def test_freeing_every_lease_voids_the_tokens_given_out(books, three):
    lease = claim(books)
    books.run(leases.release_all)

    with pytest.raises(LeaseLost):
        books.run(leases.fence, lease)
    assert due(books) == ["a", "b", "c"]


def test_a_sync_asked_for_during_a_run_is_not_forgotten_when_the_run_ends(books, three):
    lease = claim(books, "a")
    assert books.run(leases.ask_for_sync, "a")
    books.run(leases.release, lease, due_in=timedelta(hours=1))

    assert "a" in due(books)


def test_what_a_dead_holder_was_doing_is_due_at_once(books, three):
    claim(books, "a")
    assert due(books) == ["b", "c"]
    expire(books, "a")

    assert due(books, holder="other") == ["a"]


def test_an_account_added_again_is_due_whatever_its_back_off_was(books, three):
    lease = claim(books, "a")
    books.run(leases.release, lease, due_in=timedelta(hours=1))
    books.run(accounts.remove, "a")
    books.run(accounts.add, StoredAccount(id="a", provider="openai"))

    assert "a" in due(books)


@pytest.mark.parametrize("change", [accounts.remove, lambda db, name: accounts.set_disabled(db, name, disabled=True)])
def test_a_sync_that_runs_while_its_account_is_removed_or_disabled_writes_nothing_more(books, three, change):
    lease = claim(books, "a")
    books.run(change, "a")

    with pytest.raises(LeaseLost):
        books.run(leases.fence, lease)
