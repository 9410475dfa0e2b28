"""Settings from environment variables.

One rule: a variable that begins with SPEND_ and means nothing is a mistake, and every mistake is named at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from exporter.config.tree import closest
from exporter.errors import ConfigError

PREFIX = "SPEND_"
_DRIVER = "postgresql+psycopg2"
# Kubernetes and old container links announce every service as variables; a service called "spend" or
# "spend-exporter" would otherwise stop the program.
_ANNOUNCED = re.compile(
    r"SPEND_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?|(ENV_|NAME$)\w*)"
)
_ANNOUNCED_PORT = re.compile(r"(tcp|udp|sctp)://")


def _data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "spend-exporter"


class Settings(BaseSettings):
    """One field for each variable; docs/configuration.md explains them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    database_url_file: Path | None = Field(default=None, validation_alias="DATABASE_URL_FILE")
    config_file: Path = Path("spend.yaml")
    data_dir: Path = Field(default_factory=_data_dir)
    listen: str = "127.0.0.1:9918"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    encryption_keys: Annotated[SecretStr | None, NoDecode] = None
    encryption_keys_file: Path | None = None
    alerts_token_file: Path | None = None
    sync_concurrency: int = Field(default=4, ge=1, le=64)
    publish_interval: int = Field(default=60, ge=1, le=3_600)
    series_limit: int = Field(default=2_000, ge=1)
    retention_months: int = Field(default=24, ge=1)
    backfill_days: int = Field(default=365, ge=1)
    lease_seconds: int = Field(default=60, ge=3, le=3_600)
    replica: str = ""

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port; an empty host is every interface."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def listens_on_loopback(self) -> bool:
        """True when only this machine can reach the web server."""
        return self.listen_address[0] in {"127.0.0.1", "::1", "localhost"}

    @property
    def names_config_file(self) -> bool:
        """True when the file was named on purpose, so that it has to exist."""
        return "config_file" in self.model_fields_set

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("config_file", "data_dir", "database_url_file", "encryption_keys_file", "alerts_token_file")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value is not None else None

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
        if not colon or bare_ipv6 or not port.isdecimal() or int(port) > 65_535:
            raise ValueError("must be host:port, such as 127.0.0.1:9918, 0.0.0.0:9918 or [::1]:9918")
        return value

    @model_validator(mode="after")
    def _one_database(self) -> Self:
        if self.database_url is not None and self.database_url_file is not None:
            raise ValueError("DATABASE_URL and DATABASE_URL_FILE exclude each other")
        if self.encryption_keys is not None and self.encryption_keys_file is not None:
            raise ValueError("SPEND_ENCRYPTION_KEYS and SPEND_ENCRYPTION_KEYS_FILE exclude each other")
        return self

    def database(self) -> SecretStr | None:
        """The SQLAlchemy address of the database; `None`: none was given, so the embedded one is used."""
        if self.database_url is not None:
            return SecretStr(_normal(self.database_url.get_secret_value(), "DATABASE_URL"))
        if self.database_url_file is not None:
            return SecretStr(_normal(_content(self.database_url_file, "DATABASE_URL_FILE"), "DATABASE_URL_FILE"))
        return None

    def alerts_token(self) -> str | None:
        """What Alertmanager's webhook has to show; `None`: no file was named.

        Raises:
            ConfigError: the file can't be read or is empty.
        """
        if self.alerts_token_file is None:
            return None
        token = _content(self.alerts_token_file, "SPEND_ALERTS_TOKEN_FILE")
        if not token:
            raise ConfigError(f"SPEND_ALERTS_TOKEN_FILE names the file {self.alerts_token_file}, which is empty")
        return token


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. `environment` is looked through for variables that mean nothing."""
    present = os.environ if environment is None else environment
    mistakes = [_unknown(name) for name in sorted(present) if _is_unknown(name, present[name])]
    try:
        settings = Settings()
        settings.database()
        settings.alerts_token()
    except ValidationError as error:
        # From None: the original shows the values, and a database address holds a password.
        mistakes += [_sentence(str(e["loc"][0]) if e["loc"] else "", e["msg"]) for e in error.errors()]
    except ConfigError as error:
        mistakes.append(str(error))
    if mistakes:
        raise ConfigError("\n".join(mistakes)) from None
    return settings


def variables() -> dict[str, str]:
    """Every variable and the field it fills."""
    return {
        field.validation_alias if isinstance(field.validation_alias, str) else f"{PREFIX}{name.upper()}": name
        for name, field in Settings.model_fields.items()
    }


def _is_unknown(name: str, value: str) -> bool:
    if not name.startswith(PREFIX) or name in variables():
        return False
    return not (_ANNOUNCED.fullmatch(name) or (name.endswith("_PORT") and _ANNOUNCED_PORT.match(value)))


def _unknown(name: str) -> str:
    # Without the prefix: it would make every two names look alike.
    known = {variable.removeprefix(PREFIX): variable for variable in variables()}
    meant = closest(name.removeprefix(PREFIX), known)
    return f"{name} is not a setting" + (f"; did you mean '{known[meant]}'?" if meant else "")


def _sentence(field: str, message: str) -> str:
    """`SPEND_SERIES_LIMIT: input should be greater than or equal to 1`, without the value."""
    names = {field_name: variable for variable, field_name in variables().items()}
    message = message.removeprefix("Value error, ")
    if not field:
        return message
    return f"{names.get(field, field)}: {message[0].lower()}{message[1:]}"


def _normal(url: str, source: str) -> str:
    scheme, separator, rest = url.strip().partition("://")
    if separator and scheme in ("postgres", "postgresql", _DRIVER):
        if rest.count("@") > 1:  # what follows the first would pass for the host, and hosts are named in messages
            raise ConfigError(f"{source} has more than one '@': write %40 for one in the user name or the password")
        return f"{_DRIVER}://{rest}"
    shown = f"'{scheme}'" if separator else "no scheme"
    raise ConfigError(f"{source} must begin with postgresql://, not with {shown}: only PostgreSQL is supported")


def _content(file: Path, variable: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError(f"{variable} names the file {file}, which can't be read: {reason}") from None
