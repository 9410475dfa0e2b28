"""The webhook's address: who may tell, what is answered."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from aiohttp.test_utils import TestClient, TestServer

from exporter.errors import StoreError
from exporter.web import build_app
from exporter.web.alerts import LARGEST, PATH

ALERT = {
    "status": "firing",
    "labels": {"alertname": "SpendTest"},
    "annotations": {},
    "startsAt": "2026-11-21T06:00:00Z",
    "fingerprint": "ab",
}
BODY = json.dumps({"version": "4", "alerts": [ALERT]})
TOKEN = {"Authorization": "Bearer let-me-in"}


class Fake:
    """What the composition root would provide."""

    def __init__(self, fault=None):
        self.told, self.fault = [], fault

    async def record(self, told):
        if self.fault:
            raise self.fault
        self.told += told

    async def reload(self):
        """Nothing."""


async def answer(state, body=BODY, headers=None, *, token="let-me-in", loopback=False, type_="application/json"):
    app = build_app(state, alerts_token=token, loopback=loopback)
    async with TestClient(TestServer(app)) as client:
        headers = {"Content-Type": type_} | (TOKEN if headers is None else headers)
        reply = await client.post(PATH, data=BytesIO(body.encode()), headers=headers)
        return reply.status, await reply.text()


async def test_a_message_is_stored():
    state = Fake()
    assert await answer(state) == (200, "Stored: 1.\n")
    assert [alert.labels for alert in state.told] == [{"alertname": "SpendTest"}]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"headers": {}}, 401),
        ({"headers": {"Authorization": "Bearer let-me-in!"}}, 401),
        ({"headers": {"Authorization": "Bearer \u00fc"}}, 401),
        ({"headers": {}, "loopback": True}, 401),
        ({"token": None}, 403),
        ({"token": None, "headers": {}}, 403),
        ({"token": None, "headers": {}, "loopback": True}, 200),
        ({"type_": "text/plain"}, 415),
        ({"body": "{"}, 400),
        ({"body": " " * (LARGEST + 1)}, 413),
    ],
)
async def test_who_may_tell_what(given, status):
    state = Fake()
    found, sentence = await answer(state, **given)
    assert found == status, sentence
    assert bool(state.told) == (status == 200)
    assert sentence.count("\n") == 1
    assert "let-me-in" not in sentence


async def test_the_sentence_says_what_is_wrong():
    assert await answer(Fake(), body="{") == (400, "Not stored: the body is not JSON.\n")
    assert await answer(Fake(), token=None) == (
        403,
        "Alerts are not taken: set SPEND_ALERTS_TOKEN_FILE, and the same token in Alertmanager.\n",
    )


async def test_without_a_database_alertmanager_is_asked_to_try_again():
    fault = StoreError("can't reach the database at db:5432/spend")
    assert await answer(Fake(fault)) == (503, "Not stored, try again: the database can't be used now.\n")
