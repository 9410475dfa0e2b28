"""The landing page and the metric reference, as plain HTML.

One rule: everything that came from outside goes through `escape`; no script, one style sheet named by its hash.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from html import escape

from exporter.metrics.catalog import EXPORTER, PRODUCT, Definition
from exporter.web.style import STYLE

STYLE_HASH = f"sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}"


class AccountState(StrEnum):
    """What is going on with an account, in words a reader sees."""

    WAITING = "first sync pending"
    OK = "up to date"
    RETRYING = "retrying"
    STOPPED = "needs attention"
    DISABLED = "not synced"


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One line of the landing page. `data_until` is the end of the newest stored period; `error` one sentence."""

    provider: str
    account: str
    state: AccountState
    last_success: datetime | None = None
    data_until: datetime | None = None
    backfill: float | None = None
    error: str = ""


def landing(accounts: Sequence[AccountRow], ready: bool, sentence: str, now: datetime) -> str:
    """The page at ``/``."""
    state = f'<p class="state {"good" if ready else "wait"}">{escape(sentence)}</p>'
    body = _table(accounts, now) if accounts else _EMPTY
    return _page("Spend exporter", f"{state}\n<h2>Accounts</h2>\n{body}", here="/")


def reference() -> str:
    """The page at ``/docs``: every metric there is."""
    body = f"""<p>Money is in US dollars. Days and months are UTC. Figures are as of the last sync.
Net spend over any range:
<code>increase(spend_recognized_usd_total[1d]) - increase(spend_reversed_usd_total[1d])</code>.
With two replicas, take one first: <code>max without (instance) (…)</code>.</p>
<h2>Spend, usage and freshness</h2>
{_definitions(PRODUCT)}
<h2>The exporter’s own health</h2>
{_definitions(EXPORTER)}"""
    return _page("Metric reference", body, here="/docs")


_LINKS = (
    ("/", "Accounts"),
    ("/metrics", "Metrics"),
    ("/docs", "Metric reference"),
    ("/-/healthy", "Health"),
    ("/-/ready", "Readiness"),
)

_EMPTY = """<div class="empty">
<h3>No accounts yet</h3>
<p>Add the first one to the configuration file, then load it again:</p>
<ol>
<li>Write the provider and its billing credential under <code>accounts:</code> in <code>spend.yaml</code>.</li>
<li>Check the file: <code>spend-exporter check-config</code></li>
<li>Send <code>POST /-/reload</code> to this address. Figures appear after the first sync.</li>
</ol>
</div>"""


def _page(title: str, body: str, *, here: str) -> str:
    links = "\n".join(
        f'<a href="{path}"{" aria-current=page" if path == here else ""}>{name}</a>' for path, name in _LINKS
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<nav aria-label="Pages">
{links}
</nav>
</header>
<main>
{body}
</main>
</body>
</html>
"""


_HEADS = ("Account", "State", "Last success", "Data until", "Back-fill")


def _table(accounts: Iterable[AccountRow], now: datetime) -> str:
    """Roles are spelled out because the narrow layout's `display` would take them away."""
    heads = "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in _HEADS)
    rows = "\n".join(_row(account, now) for account in accounts)
    return f"""<table class="cards" role="table">
<thead role="rowgroup"><tr role="row">{heads}</tr></thead>
<tbody role="rowgroup">
{rows}
</tbody>
</table>"""


def _row(row: AccountRow, now: datetime) -> str:
    error = f'<p class="error">{escape(row.error)}</p>' if row.error else ""
    return f"""<tr role="row">
<th scope="row" role="rowheader"><span class="provider">{escape(row.provider)}</span> {escape(row.account)}{error}</th>
<td role="cell" data-label="State"><span class="badge {row.state.name.lower()}">{row.state}</span></td>
<td role="cell" data-label="Last success">{_moment(row.last_success, now)}</td>
<td role="cell" data-label="Data until">{_moment(row.data_until, now)}</td>
<td role="cell" data-label="Back-fill">{_progress(row.backfill)}</td>
</tr>"""


def _moment(moment: datetime | None, now: datetime) -> str:
    """The age, with the exact time beneath."""
    if moment is None:
        return '<span class="quiet">never</span>'
    utc = moment.astimezone(UTC)
    return (
        f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}">{age(now - moment)}<small>{utc:%Y-%m-%d %H:%M} UTC</small></time>'
    )


def age(span: timedelta) -> str:
    """``just now``, ``5 min ago``, ``3 h ago``, ``2 days ago``."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // 1440} days ago"


def _progress(ratio: float | None) -> str:
    if ratio is None:
        return '<span class="quiet">–</span>'
    percent = int(ratio * 100)  # rounded down: 100 % means done
    if percent >= 100:
        return '<span class="quiet">complete</span>'
    return f'<span><progress max="100" value="{percent}" aria-label="Back-fill"></progress> {percent} %</span>'


def _definitions(definitions: Iterable[Definition]) -> str:
    items = "\n".join(
        f"<dt><code>{d.name}</code> <small>{d.kind}</small></dt>\n<dd>{escape(d.help)}{_labels(d.labels)}</dd>"
        for d in definitions
    )
    return f"<dl>\n{items}\n</dl>"


def _labels(labels: Sequence[str]) -> str:
    return f"<p>{' '.join(f'<code>{label}</code>' for label in labels)}</p>" if labels else ""
