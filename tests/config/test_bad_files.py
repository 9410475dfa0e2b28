"""Every mistake a user can make in the file has a file here, with the sentence the user will read on its first line."""

from pathlib import Path

import pytest

from exporter.config import ProviderFields, load
from exporter.errors import ConfigError

BAD = Path(__file__).parent / "bad"
FILES = sorted(BAD.glob("*.yml"))
PROVIDERS = {
    "openai": ProviderFields(
        required=frozenset({"admin_key"}),
        optional=frozenset({"organization"}),
        options=frozenset({"base_url", "requests_per_minute"}),
    ),
    "anthropic": ProviderFields(required=frozenset({"admin_key"})),
    "free": ProviderFields(),
}
ENVIRONMENT = {"OPENAI_ADMIN_KEY": "sk-admin-s3cret", "EMPTY": ""}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistake_is_named_in_one_exact_sentence(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(BAD)
    expected = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# expected: ")

    with pytest.raises(ConfigError) as caught:
        load(Path(file.name), ENVIRONMENT, PROVIDERS)

    assert str(caught.value) == expected
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None  # a parser's own error quotes the file, secrets included


def test_there_are_many_of_them():
    assert len(FILES) > 50
