"""The `accounts` of the configuration file.

One rule: a secret is fetched from where the file points (environment, another file) and named in no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from exporter.config.model import AccountPlan, ProviderFields
from exporter.config.tree import Section, suggestion
from exporter.domain import Account

KEYS = (
    "id", "provider", "name", "team", "credentials", "options", "disabled", "backfill_days", "retention_months",
)  # fmt: skip
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_REFERENCE = re.compile(r"\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Surroundings(NamedTuple):
    """What an account refers to: the environment, the folder of the configuration file, the known providers."""

    environment: Mapping[str, str]
    folder: Path
    providers: Mapping[str, ProviderFields]


def accounts_from(top: Section, around: Surroundings) -> tuple[tuple[Account, ...], dict[str, AccountPlan]]:
    """Every account of the file, and its plan by id."""
    accounts: list[Account] = []
    plans: dict[str, AccountPlan] = {}
    first: dict[str, str] = {}
    for entry in top.sections("accounts"):
        account, plan = _account(entry, around)
        if account.id and account.id in first:
            entry.wrong("id", f"'{account.id}' is already the id of {first[account.id]}")
        first.setdefault(account.id, entry.path)
        accounts.append(account)
        plans[account.id] = plan
    return tuple(accounts), plans


def _account(entry: Section, around: Surroundings) -> tuple[Account, AccountPlan]:
    entry.expect(KEYS, required=("id", "provider"))
    plan = AccountPlan(entry.boolean("disabled"), entry.whole("backfill_days", 1), entry.whole("retention_months", 1))
    provider = entry.text("provider")
    fields = around.providers.get(provider)
    if provider and fields is None:
        entry.wrong("provider", f"is '{provider}', which is no known provider{suggestion(provider, around.providers)}")
    account = Account(
        id=_id(entry),
        provider=provider,
        name=entry.text("name"),
        team=entry.text("team"),
        options=_options(entry, fields),
        credentials=_credentials(entry, fields, around, disabled=plan.disabled),
    )
    return account, plan


def _id(entry: Section) -> str:
    found = entry.text("id")
    if found and not _SLUG.fullmatch(found):
        entry.wrong("id", "must consist of a-z, 0-9, '.', '_' and '-' and begin with a letter or digit")
    return found


def _options(entry: Section, fields: ProviderFields | None) -> dict[str, str]:
    section = entry.section("options")
    if section is None:
        return {}
    if fields is not None:
        section.expect(fields.options)
    options = {name: section.text(name) for name in section}
    if (url := options.get("base_url")) and not url.startswith(("http://", "https://")):
        section.wrong("base_url", "must begin with http:// or https://")
    if (pace := options.get("requests_per_minute")) and not (pace.isdecimal() and int(pace)):
        section.wrong("requests_per_minute", "must be a whole number above 0")
    return options


def _credentials(
    entry: Section, fields: ProviderFields | None, around: Surroundings, *, disabled: bool
) -> dict[str, str]:
    """The secrets themselves. A disabled account's aren't fetched: its key may be long gone."""
    section = entry.section("credentials")
    if fields is None:  # an unknown provider is one mistake, not several
        return {}
    for name in sorted(fields.required):
        if section is None or (name not in section and f"{name}_file" not in section):
            entry.mistakes.add((section or entry).node, f"{entry.path}.credentials needs '{name}' or '{name}_file'")
    if section is None:
        return {}
    section.expect(fields.credentials | {f"{name}_file" for name in fields.credentials})
    found = {}
    for name in sorted(fields.credentials):
        if name in section and f"{name}_file" in section:
            section.wrong(f"{name}_file", f"and '{name}' exclude each other")
        elif not disabled and (secret := _secret(section, name, around)):
            found[name] = secret
    return found


def _secret(section: Section, name: str, around: Surroundings) -> str:
    if name in section:
        return _resolved(section, name, around.environment)
    if f"{name}_file" in section and (path := section.text(f"{name}_file")):
        return _content(section, f"{name}_file", around.folder / Path(path).expanduser())
    return ""


def _resolved(section: Section, name: str, environment: Mapping[str, str]) -> str:
    """The text with every `${NAME}` replaced by the environment variable."""
    text = section.text(name)
    found = ""
    end = 0
    for reference in _REFERENCE.finditer(text):
        variable = reference[1]
        if not _NAME.fullmatch(variable) or not reference[0].endswith("}"):
            section.wrong(name, "has a '${' that doesn't begin a reference: write ${NAME}")
            return ""
        if not environment.get(variable):
            state = "is empty" if variable in environment else "is not set"
            section.wrong(name, f"refers to the environment variable {variable}, which {state}")
            return ""
        found += text[end : reference.start()] + environment[variable]
        end = reference.end()
    return found + text[end:]


def _content(section: Section, name: str, path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        section.wrong(name, f"names a file that can't be read: {reason}")
        return ""
    if not content:
        section.wrong(name, "names a file that is empty")
    return content
