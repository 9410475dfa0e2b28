from dataclasses import FrozenInstanceError
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.config import METERS, AccountPlan, Fx, ProviderFields, SpendFile, load
from exporter.config import file as file_keys
from exporter.config.accounts import KEYS as ACCOUNT_KEYS
from exporter.errors import ConfigError

ROOT = Path(__file__).parents[2]
PROVIDERS = {
    "openai": ProviderFields(required=frozenset({"admin_key"}), optional=frozenset({"organization"})),
    "anthropic": ProviderFields(required=frozenset({"admin_key"}), options=frozenset({"api", "base_url"})),
}
ENVIRONMENT = {"OPENAI_ADMIN_KEY": "sk-one", "ANTHROPIC_ADMIN_KEY": "sk-two", "ORG": "acme"}


def loaded(tmp_path: Path, text: str, **environment: str) -> SpendFile:
    file = tmp_path / "spend.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, ENVIRONMENT | environment, PROVIDERS)


def account(extra: str = "", provider: str = "openai", credentials: str = "{admin_key: literal}") -> str:
    return f"accounts:\n  - id: prod\n    provider: {provider}\n    credentials: {credentials}\n{extra}"


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


def test_the_example_loads():
    found = load(ROOT / "spend.example.yaml", ENVIRONMENT, PROVIDERS)

    assert [one.id for one in found.accounts] == ["openai-prod", "anthropic-research"]
    assert found.accounts[0].credentials == {"admin_key": "sk-one"}
    assert found.plans["anthropic-research"] == AccountPlan(backfill_days=90, retention_months=36)
    assert found.price_overrides[1].usd_per_unit == Decimal("0.00000425")
    assert found.price_overrides[1].service_tier == "batch"
    assert found.price_overrides[1].valid_until == date(2027, 2, 1)
    assert found.fx == Fx("ecb", {"GBP": Decimal("1.27")})
    assert [(one.id, one.parent) for one in found.budgets] == [("company", ""), ("research", "company")]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "accounts:\nprices:\nfx:\n", "\ufeffaccounts: []\n"])
def test_an_empty_file_is_no_mistake(tmp_path: Path, text: str):
    assert loaded(tmp_path, text) == SpendFile()


def test_every_mistake_is_reported_in_the_order_of_the_file(tmp_path: Path):
    assert mistakes(
        tmp_path,
        "acounts: []\naccounts:\n  - id: Prod\n    provider: openai\n    disabled: maybe\n"
        "prices:\n  - provider: nobody\n    meter: output\n",
    ) == [
        "spend.yaml:1: the file has no setting 'acounts'; did you mean 'accounts'?",
        "spend.yaml:3: accounts[0].credentials needs 'admin_key' or 'admin_key_file'",
        "spend.yaml:3: accounts[0].id must consist of a-z, 0-9, '.', '_' and '-' and begin with a letter or digit",
        "spend.yaml:5: accounts[0].disabled must be true or false",
        "spend.yaml:7: prices[0] needs 'model'",
        "spend.yaml:7: prices[0] needs either 'usd_per_million' or 'usd_per_unit'",
        "spend.yaml:7: prices[0].provider is 'nobody', which is no known provider",
    ]


def test_a_missing_file_is_fine_only_where_nobody_named_it(tmp_path: Path):
    missing = tmp_path / "spend.yaml"

    assert load(missing, {}, PROVIDERS, optional=True) == SpendFile()
    with pytest.raises(ConfigError, match=r"^The configuration file .*spend.yaml does not exist\.$"):
        load(missing, {}, PROVIDERS)


def test_a_folder_or_binary_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load(tmp_path, {}, PROVIDERS)
    (tmp_path / "spend.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(tmp_path / "spend.yaml", {}, PROVIDERS)


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("{admin_key: '${OPENAI_ADMIN_KEY}'}", "sk-one"),
        ("{admin_key: 'key-${ORG}-${OPENAI_ADMIN_KEY}!'}", "key-acme-sk-one!"),
        ("{admin_key: literal}", "literal"),
        ("{admin_key: $5 off}", "$5 off"),
        ("{admin_key: 0123456}", "0123456"),  # text as written, no octal
    ],
)
def test_credentials_come_from_the_environment_or_are_literal(tmp_path: Path, credentials: str, expected: str):
    found = loaded(tmp_path, account(credentials=credentials))

    assert found.accounts[0].credentials == {"admin_key": expected}


def test_a_credential_file_is_relative_to_the_configuration_and_stripped(tmp_path: Path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "openai").write_text("  sk-from-file\n")

    found = loaded(tmp_path, account(credentials="{admin_key_file: keys/openai, organization: acme}"))

    assert found.accounts[0].credentials == {"admin_key": "sk-from-file", "organization": "acme"}


def test_a_credential_file_that_is_not_text_is_named(tmp_path: Path):
    (tmp_path / "key").write_bytes(b"\xff\xfe")

    assert mistakes(tmp_path, account(credentials="{admin_key_file: key}")) == [
        "spend.yaml:4: accounts[0].credentials.admin_key_file names a file that can't be read: not text"
    ]


def test_a_disabled_account_needs_no_secret(tmp_path: Path):
    found = loaded(tmp_path, account("    disabled: true\n", credentials="{admin_key: '${LONG_GONE}'}"))

    assert found.accounts[0].credentials == {}
    assert found.plans["prod"].disabled


def test_secrets_are_in_no_repr(tmp_path: Path):
    found = loaded(tmp_path, account(credentials="{admin_key: '${OPENAI_ADMIN_KEY}'}"))

    assert "sk-one" not in repr(found)


def test_options_are_text(tmp_path: Path):
    extra = "    options: {api: 2, base_url: 'https://gateway'}\n"

    assert loaded(tmp_path, account(extra, "anthropic")).accounts[0].options == {
        "api": "2",
        "base_url": "https://gateway",
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0.1", "0.1"),
        ("1e-6", "0.000001"),
        ("1.10", "1.10"),
        ("0.12345678901234567890123", "0.12345678901234567890123"),
    ],
)
def test_numbers_survive_exactly(tmp_path: Path, written: str, expected: str):
    text = f"prices:\n  - {{provider: openai, model: m, meter: input, usd_per_unit: {written}}}\n"

    assert str(loaded(tmp_path, text).price_overrides[0].usd_per_unit) == expected


def test_a_price_per_million_becomes_one_per_unit(tmp_path: Path):
    text = "prices:\n  - {provider: openai, model: m, meter: input, usd_per_million: 1.25, from: 2026-01-01}\n"

    found = loaded(tmp_path, text).price_overrides[0]

    assert (found.usd_per_unit, found.valid_from, found.valid_until) == (Decimal("0.00000125"), date(2026, 1, 1), None)


def test_fixed_rates(tmp_path: Path):
    assert loaded(tmp_path, "fx: {source: fixed, rates: {EUR: 1.08}}\n").fx == Fx("fixed", {"EUR": Decimal("1.08")})


def test_the_result_is_frozen(tmp_path: Path):
    found = loaded(tmp_path, account())

    with pytest.raises(FrozenInstanceError):
        found.fx = Fx()  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.plans["x"] = AccountPlan()  # type: ignore[index]


def test_meters_are_those_of_the_glossary():
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    tables = glossary[glossary.index("## Meters of token usage") :]
    cells = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]

    assert {name.strip(" `") for cell in cells for name in cell.split(",")} == set(METERS)


def test_the_file_keys_are_those_the_sentences_know():
    assert set(file_keys.KEYS) == {"accounts", "prices", "fx", "budgets", "anomalies"}
    assert {"id", "provider"} <= set(ACCOUNT_KEYS)
