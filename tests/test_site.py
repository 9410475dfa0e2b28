"""What the landing page says of an account."""

from datetime import UTC, datetime

import pytest

from exporter.app.site import Site
from exporter.store.figures import AccountFigures
from exporter.web import AccountState

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Published:
    """A publication of one account."""

    reports = ()

    def __init__(self, account):
        self.accounts = [account]

    @property
    def latest(self):
        return self


def shown(*, disabled=False, succeeded=None, failures=0, reason="", sentence=""):
    account = AccountFigures(
        "openai", "acme", "", "", "ai", disabled, succeeded, 1.0, failures, reason, sentence, False
    )
    (row,) = Site(Published(account), lambda: None, lambda _: None).accounts()
    return row.state, row.error


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, AccountState.WAITING),
        ({"succeeded": NOON}, AccountState.OK),
        ({"succeeded": NOON, "failures": 1, "reason": "try_later", "sentence": "Busy."}, AccountState.RETRYING),
        ({"failures": 1, "reason": "needs_attention", "sentence": "A bad key."}, AccountState.STOPPED),
    ],
)
def test_how_its_syncs_go(facts, state):
    assert shown(**facts) == (state, facts.get("sentence", ""))


def test_a_disabled_account_is_neither_up_to_date_nor_in_need_of_anybody():
    assert shown(disabled=True, succeeded=NOON) == (AccountState.DISABLED, "")
    assert shown(disabled=True, failures=3, reason="needs_attention", sentence="A bad key.")[1] == ""
