"""OpenAI's lists of names: projects, their keys, and people.

One rule: archived projects and idle keys show only to those who ask for them.
"""

from __future__ import annotations

from aiohttp import web

from exporter.demo.catalog import OPENAI_KEYS, OPENAI_SCOPES, Key, Scope
from exporter.demo.wire import Asked, Json, Refusal, asked, listing

CREATED = 1735689600
ARCHIVED = 1790000000


def add_routes(app: web.Application) -> None:
    """All lists of names."""
    app.router.add_get("/v1/organization/projects", projects)
    app.router.add_get("/v1/organization/projects/{id}/api_keys", api_keys)
    app.router.add_get("/v1/organization/users", users)


async def projects(request: web.Request) -> web.Response:
    """Projects; the archived ones with ``include_archived=true``."""
    query = asked(request, ("limit", "after", "include_archived"), (), bare=True)
    archived = query.choice("include_archived", ("true", "false"), "false") == "true"
    rows = [_project(scope) for scope in OPENAI_SCOPES if archived or not scope.archived]
    return _list(rows, query)


async def api_keys(request: web.Request) -> web.Response:
    """The keys of one project; keys of removed owners only when asked for."""
    query = asked(request, ("limit", "after", "owner_project_access"), (), bare=True)
    access = query.choice("owner_project_access", ("active", "inactive", "any"), "active")
    ids = [scope.id for scope in OPENAI_SCOPES]
    if request.match_info["id"] not in ids:
        raise Refusal(404, "No such project.", code="project_not_found")
    scope = ids.index(request.match_info["id"])
    rows = [_key(key) for key in OPENAI_KEYS if key.scope == scope and access in ("any", _access(key))]
    return _list(rows, query)


async def users(request: web.Request) -> web.Response:
    """The people of the organisation."""
    query = asked(request, ("limit", "after"), ("emails",), bare=True)
    rows = [_user(owner) for owner in sorted({key.owner for key in OPENAI_KEYS})]
    wanted = query.arrays.get("emails")
    rows = [row for row in rows if not wanted or row["email"] in wanted]
    return _list(rows, query)


def _list(rows: list[Json], query: Asked) -> web.Response:
    page = listing(rows, query, "after", query.number("limit", 20, 100))
    return web.json_response({"object": "list", **page})


def _access(key: Key) -> str:
    return "inactive" if key.owner == "user-barbara" else "active"


def _project(scope: Scope) -> Json:
    return {
        "id": scope.id,
        "object": "organization.project",
        "name": scope.name,
        "created_at": CREATED,
        "archived_at": ARCHIVED if scope.archived else None,
        "status": "archived" if scope.archived else "active",
    }


def _key(key: Key) -> Json:
    return {
        "object": "organization.project.api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": "sk-proj-****demo",
        "created_at": CREATED,
        "last_used_at": None,
        "expires_at": None,
        "owner": {"type": "user", "user": _user(key.owner)},
    }


def _user(owner: str) -> Json:
    name = owner.removeprefix("user-")
    return {
        "object": "organization.user",
        "id": owner,
        "name": name.title(),
        "email": f"{name}@example.com",
        "role": "reader",
        "added_at": CREATED,
    }
