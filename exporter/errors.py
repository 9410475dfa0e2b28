"""The error family, named for what happens next. The message is the one sentence a user reads.

SpendError                 anything this program can explain
├── ConfigError            the configuration is wrong: edit it
├── StoreError             the database is out of reach or not ours
└── SyncError              one account's sync did not finish; stored figures stay as they were
    ├── NeedsAttention     credentials or permission: stop and alert
    ├── TryLater           rate limit or outage: back off, come again
    ├── UnexpectedReply    the provider's contract drifted: keep a scrubbed sample, alert
    │   └── UnitMismatch   billed and estimated differ as cents and dollars do
    ├── BeyondHistory      the provider does not answer for dates this old: back-fill ends here
    └── LeaseLost          another replica took over; nothing was written
"""

from __future__ import annotations

from datetime import timedelta


class SpendError(Exception):
    """A fault with a sentence that says what to do next."""


class ConfigError(SpendError):
    """The configuration can't be used."""


class StoreError(SpendError):
    """The database can't be used."""


class SyncError(SpendError):
    """One account's sync stopped. `status`, `code` and `param` are the provider's own, where it gave any."""

    reason = "error"

    def __init__(self, sentence: str, *, status: int = 0, code: str = "", param: str = "") -> None:
        super().__init__(sentence)
        self.status, self.code, self.param = status, code, param


class NeedsAttention(SyncError):
    """Credentials or permission: a person has to act."""

    reason = "needs_attention"


class TryLater(SyncError):
    """Rate limit or outage. `retry_after` is what the provider asked for, if it did."""

    reason = "try_later"

    def __init__(self, sentence: str, *, retry_after: timedelta | None = None, status: int = 0, code: str = "") -> None:
        super().__init__(sentence, status=status, code=code)
        self.retry_after = retry_after


class UnexpectedReply(SyncError):
    """The reply does not fit the contract we know. `sample` is the scrubbed body, at most 2,000 characters."""

    reason = "unexpected_reply"

    def __init__(self, sentence: str, *, sample: str = "", status: int = 0, code: str = "", param: str = "") -> None:
        super().__init__(sentence, status=status, code=code, param=param)
        self.sample = sample


class UnitMismatch(UnexpectedReply):
    """Billed money is about 100 or 0.01 times the estimate: cents taken for dollars."""

    reason = "unit_mismatch"


class BeyondHistory(SyncError):
    """The provider does not answer for dates this old."""

    reason = "beyond_history"


class LeaseLost(SyncError):
    """Another replica holds this account now; this one wrote nothing."""

    reason = "lease_lost"
