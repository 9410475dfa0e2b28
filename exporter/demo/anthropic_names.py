"""Anthropic's lists of names: the organisation, workspaces, keys, people.

One rule: a key of the default workspace has no workspace id.
"""

from __future__ import annotations

from aiohttp import web

from exporter.demo.anthropic_legacy import shown_workspace
from exporter.demo.catalog import ANTHROPIC_KEYS, ANTHROPIC_ORGANIZATION, ANTHROPIC_SCOPES, Key, Scope
from exporter.demo.wire import Asked, Json, asked, listing

CREATED = "2025-01-01T00:00:00Z"
ARCHIVED = "2026-09-21T00:00:00Z"
PAGING = ("limit", "after_id", "before_id")


def add_routes(app: web.Application) -> None:
    """All lists of names."""
    app.router.add_get("/v1/organizations/me", me)
    app.router.add_get("/v1/organizations/workspaces", workspaces)
    app.router.add_get("/v1/organizations/api_keys", api_keys)
    app.router.add_get("/v1/organizations/users", users)
    app.router.add_get("/v1/organizations/service_accounts", service_accounts)


async def me(request: web.Request) -> web.Response:
    """The organisation the key belongs to."""
    asked(request, (), (), bare=False)
    identity, name = ANTHROPIC_ORGANIZATION
    return web.json_response({"id": identity, "type": "organization", "name": name})


async def workspaces(request: web.Request) -> web.Response:
    """Workspaces; the archived ones with ``include_archived=true``."""
    query = asked(request, (*PAGING, "include_archived"), (), bare=False)
    archived = query.choice("include_archived", ("true", "false"), "false") == "true"
    return _list([_workspace(scope) for scope in ANTHROPIC_SCOPES if archived or not scope.archived], query)


async def api_keys(request: web.Request) -> web.Response:
    """Keys of all workspaces, or of one."""
    query = asked(request, (*PAGING, "status", "workspace_id"), (), bare=False)
    status = query.choice("status", ("active", "inactive", "archived"), "active")
    scope = query.singles.get("workspace_id")
    rows = [_key(key) for key in ANTHROPIC_KEYS]
    if "status" in query.singles:
        rows = [row for row in rows if row["status"] == status]
    return _list([row for row in rows if scope is None or row["workspace_id"] == scope], query)


async def users(request: web.Request) -> web.Response:
    """The people of the organisation."""
    query = asked(request, (*PAGING, "email"), (), bare=False)
    mails = sorted({key.owner for key in ANTHROPIC_KEYS if "@" in key.owner})
    wanted = query.singles.get("email")
    return _list([_user(mail) for mail in mails if wanted in (None, mail)], query)


async def service_accounts(request: web.Request) -> web.Response:
    """None in the demo."""
    return _list([], asked(request, PAGING, (), bare=False))


def _list(rows: list[Json], query: Asked) -> web.Response:
    limit = query.number("limit", 20, 1000)
    if "before_id" in query.singles:
        behind = listing(rows[::-1], query, "before_id", limit)
        page = listing(list(reversed(_data(behind))), query, "", limit)
        return web.json_response(page | {"has_more": behind["has_more"]})
    return web.json_response(listing(rows, query, "after_id", limit))


def _data(page: Json) -> list[Json]:
    data = page["data"]
    assert isinstance(data, list)  # noqa: S101
    return data


def _workspace(scope: Scope) -> Json:
    return {
        "id": scope.id,
        "type": "workspace",
        "name": scope.name,
        "created_at": CREATED,
        "archived_at": ARCHIVED if scope.archived else None,
        "display_color": "#6C5BB9",
    }


def _key(key: Key) -> Json:
    scope = ANTHROPIC_SCOPES[key.scope]
    return {
        "id": key.id,
        "type": "api_key",
        "name": key.name,
        "workspace_id": shown_workspace(scope.id),
        "created_at": CREATED,
        "created_by": {"id": "user_01Admin", "type": "user"},
        "partial_key_hint": "sk-ant-api03-...demo",
        "status": "archived" if scope.archived else "active",
    }


def _user(mail: str) -> Json:
    name = mail.partition("@")[0]
    return {
        "id": f"user_01{name.title()}",
        "type": "user",
        "email": mail,
        "name": name.title(),
        "role": "developer",
        "added_at": CREATED,
    }
