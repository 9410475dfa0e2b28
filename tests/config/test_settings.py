from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter.config import ProviderFields, read_config, read_settings
from exporter.config.settings import Settings, variables
from exporter.errors import ConfigError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*variables(), "XDG_DATA_HOME"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def mistake(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(monkeypatch, **environment)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_defaults(tmp_path: Path):
    found = read_settings()

    assert found.database() is None
    assert found.config_file == Path("spend.yaml")
    assert not found.names_config_file
    assert found.data_dir == tmp_path / ".local" / "share" / "spend-exporter"
    assert found.listen_address == ("127.0.0.1", 9918)
    assert (found.log_level, found.log_format, found.replica) == ("info", "text", "")
    assert (found.publish_interval, found.series_limit) == (60, 2_000)
    assert (found.retention_months, found.backfill_days) == (24, 365)


def test_the_data_folder_follows_xdg_and_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert settings(monkeypatch, XDG_DATA_HOME="/srv/data").data_dir == Path("/srv/data/spend-exporter")
    assert settings(monkeypatch, SPEND_DATA_DIR="~/spend").data_dir == tmp_path / "spend"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_a_database_address_names_the_driver(monkeypatch: pytest.MonkeyPatch, scheme: str):
    found = settings(monkeypatch, DATABASE_URL=f"{scheme}://me:s3cret@db/spend?sslmode=require").database()

    assert found is not None
    assert found.get_secret_value() == "postgresql+psycopg2://me:s3cret@db/spend?sslmode=require"
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "DATABASE_URL_FILE"])
def test_a_password_with_a_bare_at_sign_is_not_taken_for_a_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
):
    url = "postgresql://me:s3cr@et@db/spend"
    (tmp_path / "url").write_text(url)
    said = mistake(monkeypatch, **{variable: url if variable == "DATABASE_URL" else str(tmp_path / "url")})

    assert said == f"{variable} has more than one '@': write %40 for one in the user name or the password"


def test_a_database_address_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "url").write_text("postgres://db/spend\n")

    found = settings(monkeypatch, DATABASE_URL_FILE=str(tmp_path / "url")).database()

    assert found is not None
    assert found.get_secret_value() == "postgresql+psycopg2://db/spend"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"DATABASE_URL": "mysql://me:s3cret@db/x"},
            "DATABASE_URL must begin with postgresql://, not with 'mysql': only PostgreSQL is supported",
        ),
        (
            {"DATABASE_URL": "s3cret"},
            "DATABASE_URL must begin with postgresql://, not with no scheme: only PostgreSQL is supported",
        ),
        (
            {"DATABASE_URL": "postgres://s3cret@db", "DATABASE_URL_FILE": "x"},
            "DATABASE_URL and DATABASE_URL_FILE exclude each other",
        ),
        (
            {"DATABASE_URL_FILE": "no/file"},
            "DATABASE_URL_FILE names the file no/file, which can't be read: No such file or directory",
        ),
        (
            {"SPEND_ENCRYPTION_KEYS": "s3cret", "SPEND_ENCRYPTION_KEYS_FILE": "x"},
            "SPEND_ENCRYPTION_KEYS and SPEND_ENCRYPTION_KEYS_FILE exclude each other",
        ),
        (
            {"SPEND_SERIES_LIMIT": "0"},
            "SPEND_SERIES_LIMIT: input should be greater than or equal to 1",
        ),
        (
            {"SPEND_PUBLISH_INTERVAL": "s3cret"},
            "SPEND_PUBLISH_INTERVAL: input should be a valid integer, unable to parse string as an integer",
        ),
        ({"SPEND_LOG_FORMAT": "xml"}, "SPEND_LOG_FORMAT: input should be 'text' or 'json'"),
        (
            {"SPEND_LISTEN": "9918"},
            "SPEND_LISTEN: must be host:port, such as 127.0.0.1:9918, 0.0.0.0:9918 or [::1]:9918",
        ),
        ({"SPEND_LISTN": "s3cret"}, "SPEND_LISTN is not a setting; did you mean 'SPEND_LISTEN'?"),
        ({"SPEND_PORT": "9918"}, "SPEND_PORT is not a setting"),
        (
            {"SPEND_DATABASE_URL": "s3cret"},
            "SPEND_DATABASE_URL is not a setting; did you mean 'DATABASE_URL'?",
        ),
        ({"SPEND_XYZZY": "1"}, "SPEND_XYZZY is not a setting"),
        (
            {"SPEND_LIMIT": "1", "SPEND_LOG_LEVEL": "loud"},
            (
                "SPEND_LIMIT is not a setting; did you mean 'SPEND_SERIES_LIMIT'?\n"
                "SPEND_LOG_LEVEL: input should be 'debug', 'info', 'warning' or 'error'"
            ),
        ),
    ],
)
def test_a_mistake_is_one_exact_sentence(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], sentence: str):
    said = mistake(monkeypatch, **environment)

    assert said == sentence
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("listen", "address"),
    [("0.0.0.0:80", ("0.0.0.0", 80)), (":9918", ("", 9918)), ("[::1]:9918", ("::1", 9918)), ("host:0", ("host", 0))],
)
def test_an_address_is_host_and_port(monkeypatch: pytest.MonkeyPatch, listen: str, address: tuple[str, int]):
    assert settings(monkeypatch, SPEND_LISTEN=listen).listen_address == address


@pytest.mark.parametrize("listen", ["host", "::1:99", "host:port", "host:70000", "host:"])
def test_anything_else_is_no_address(monkeypatch: pytest.MonkeyPatch, listen: str):
    assert mistake(monkeypatch, SPEND_LISTEN=listen).startswith("SPEND_LISTEN: must be host:port")


def test_what_kubernetes_announces_is_no_mistake(monkeypatch: pytest.MonkeyPatch):
    settings(
        monkeypatch,
        SPEND_PORT="tcp://10.0.0.1:9918",
        SPEND_SERVICE_HOST="10.0.0.1",
        SPEND_SERVICE_PORT="9918",
        SPEND_EXPORTER_SERVICE_HOST="10.0.0.1",
        SPEND_EXPORTER_SERVICE_PORT_METRICS="9918",
        SPEND_EXPORTER_PORT="tcp://10.0.0.1:9918",
        SPEND_EXPORTER_PORT_9918_TCP="tcp://10.0.0.1:9918",
        SPEND_EXPORTER_PORT_9918_TCP_ADDR="10.0.0.1",
    )


def test_an_empty_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch):
    assert settings(monkeypatch, DATABASE_URL="", SPEND_SERIES_LIMIT="").series_limit == 2_000


def test_words_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch):
    assert settings(monkeypatch, SPEND_LOG_LEVEL="INFO").log_level == "info"


def test_secrets_are_in_no_repr(monkeypatch: pytest.MonkeyPatch):
    found = settings(monkeypatch, DATABASE_URL="postgres://me:s3cret@db", SPEND_ENCRYPTION_KEYS="s3cret")

    assert "s3cret" not in repr(found)


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        read_settings().listen = "x:1"  # type: ignore[misc]


def test_unknown_variables_are_looked_for_in_the_environment_given():
    with pytest.raises(ConfigError, match="SPEND_TYPO is not a setting"):
        read_settings({"SPEND_TYPO": "1"})


def test_settings_and_file_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert read_config({}).accounts == ()

    (tmp_path / "spend.yaml").write_text("accounts: [{id: one, provider: free}]\nfx: {base_url: 'http://x'}\n")
    found = read_config({"free": ProviderFields()})

    assert [account.id for account in found.accounts] == list(found.plans) == ["one"]
    assert found.price_overrides == ()
    assert found.fx.base_url == "http://x"
    assert found.settings.listen_address[1] == 9918


def test_a_file_named_on_purpose_must_exist(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPEND_CONFIG_FILE", "mine.yaml")

    with pytest.raises(ConfigError, match=r"mine\.yaml does not exist"):
        read_config({})
