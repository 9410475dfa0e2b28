"""The example in docs/adding-a-provider.md is a provider that works."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import httpx

from exporter.domain import Account, Charge, Dimensions
from exporter.providers.client import open_client

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-provider.md"
ROW = {
    "start": "2026-11-18T00:00:00Z",
    "end": "2026-11-19T00:00:00Z",
    "service": "storage",
    "amount": "1.10",
    "currency": "usd",
}
LISTS = {"/v1/costs": [ROW], "/v1/projects": [{"id": "p1", "name": "One"}]}


async def test_the_guide_s_example_reads_costs_and_names(day):
    names: dict = {}
    (example,) = re.findall(r'```python\n(""".*?)```', GUIDE.read_text(), re.DOTALL)
    exec(compile(example, "acme.py", "exec"), names)
    acme, account = names["provider"], Account("a", "acme", credentials={"token": "not-a-real-token"})
    replies = httpx.MockTransport(lambda request: httpx.Response(200, json={"data": LISTS[request.url.path]}))
    async with open_client(acme, account, transport=replies) as client:
        (page,) = [page async for page in acme.reports[0].fetch(client, account, day)]
        (name,) = await acme.discover(client, account)
    assert page.charges == [Charge(day, Dimensions("storage", ""), Decimal("1.10"), "USD")]
    assert (name.id, name.name) == ("p1", "One")
