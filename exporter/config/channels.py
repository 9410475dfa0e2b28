"""An Alertmanager configuration with only the channels that have their secrets.

One rule: Alertmanager fails at every message of an integration whose secret file is missing or empty, so such an
integration is left out, and with it the receivers and routes that then lead nowhere. Everything else stays as written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from exporter.errors import ConfigError

HISTORY = "history"
_SMTP = "smtp_auth_password_file"


class _Plain(yaml.SafeDumper):
    """Writes out what the source says once and refers to."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


@dataclass(slots=True)
class Channels:
    """What was kept, and what was left out with the file that it lacks."""

    config: dict[str, Any]
    kept: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The configuration as a file."""
        made = "# Made by `spend-exporter alerts config`: what is written here is lost at the next run.\n"
        return made + yaml.dump(self.config, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


def configured(source: Path, secrets: Path | None = None, exporter: str | None = None) -> Channels:
    """`source` without the channels whose secrets are missing.

    `secrets`: the folder that holds them, in place of the one that the file names. `exporter`: the address that the
    history is sent to, in place of the file's.

    Raises:
        ConfigError: the file is not an Alertmanager configuration.
    """
    config = _read(source)
    config["templates"] = [str(source.resolve().parent / name) for name in config.get("templates", [])]
    if secrets is not None:
        _move(config, secrets)
    if exporter is not None:
        _point(config, exporter)
    found = Channels(config)
    _prune_receivers(found)
    names = {receiver["name"] for receiver in config["receivers"]}
    if config["route"].get("receiver") not in names:
        raise ConfigError(f"{source}: the receiver of the first route has no secrets; make it one that needs none")
    _prune_routes(config["route"], names)
    return found


def _read(source: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{source} can't be read: {' '.join(str(error).split())}") from None
    if not isinstance(config, dict) or not isinstance(config.get("route"), dict) or not config.get("receivers"):
        raise ConfigError(f"{source} is not an Alertmanager configuration: it needs route and receivers")
    return config


def _prune_receivers(found: Channels) -> None:
    receivers = []
    for receiver in found.config["receivers"]:
        kinds = [kind for kind in receiver if kind.endswith("_configs")]
        for kind in kinds:
            receiver[kind] = [one for one in receiver[kind] if not _lacks(found, receiver["name"], kind, one)]
            if not receiver[kind]:
                del receiver[kind]
        if len(receiver) > 1 or not kinds:
            receivers.append(receiver)
            found.kept.append(receiver["name"])
    found.config["receivers"] = receivers


def _lacks(found: Channels, receiver: str, kind: str, integration: dict[str, Any]) -> bool:
    """True when a secret is missing. The history's token may be: an exporter on loopback asks for none."""
    if receiver == HISTORY and any(_is_missing(file) for _, _, file in _files(integration)):
        integration.get("http_config", {}).pop("authorization", None)
    files = [file for _, _, file in _files(integration)]
    if kind == "email_configs" and "auth_password_file" not in integration:
        files += [found.config.get("global", {})[_SMTP]] if _SMTP in found.config.get("global", {}) else []
    missing = next((file for file in files if _is_missing(file)), None)
    if missing is not None:
        found.left_out[receiver] = missing
    return missing is not None


def _prune_routes(route: dict[str, Any], names: set[str]) -> None:
    kept = [child for child in route.get("routes", []) if child.get("receiver", "") in names | {""}]
    for child in kept:
        _prune_routes(child, names)
    if kept:
        route["routes"] = kept
    else:
        route.pop("routes", None)


def _move(config: dict[str, Any], secrets: Path) -> None:
    for inside, name, file in list(_files(config)):
        inside[name] = str(secrets.resolve() / PurePosixPath(file).name)


def _point(config: dict[str, Any], exporter: str) -> None:
    for receiver in config["receivers"]:
        if receiver["name"] == HISTORY:
            for webhook in receiver.get("webhook_configs", []):
                webhook["url"] = exporter.rstrip("/") + "/-/alerts"


def _files(part: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every setting that names a file: where it stands, its name, the file."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name.endswith("_file") and isinstance(value, str):
                yield part, name, value
            else:
                yield from _files(value)
    elif isinstance(part, list):
        for item in part:
            yield from _files(item)


def _is_missing(file: str) -> bool:
    try:
        return not Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return True
