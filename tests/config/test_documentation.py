"""Every setting and file key is documented, and nothing is documented that doesn't exist."""

import re
from pathlib import Path

from exporter.config.accounts import KEYS as ACCOUNT_KEYS
from exporter.config.anomalies import ANOMALY_KEYS
from exporter.config.budgets import BUDGET_KEYS, LEVEL_KEYS
from exporter.config.file import FX_KEYS, KEYS, PRICE_KEYS
from exporter.config.settings import Settings, variables
from exporter.pricing.genai import TIER_RULES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \|(.*)$", PAGE, re.MULTILINE)


def test_every_variable_is_documented_and_no_ghost_is():
    documented = [name for name, _ in ROWS if name.isupper()]

    assert sorted(documented) == sorted(variables())


def test_every_file_key_is_documented_and_no_ghost_is():
    documented = [name for name, _ in ROWS if not name.isupper()]
    known = [
        *KEYS,
        *(f"accounts[].{key}" for key in ACCOUNT_KEYS),
        *(f"prices[].{key}" for key in PRICE_KEYS),
        *(f"fx.{key}" for key in FX_KEYS),
        *(f"budgets[].{key}" for key in BUDGET_KEYS),
        *(f"budgets[].levels[].{key}" for key in LEVEL_KEYS),
        *(f"anomalies.{key}" for key in ANOMALY_KEYS),
    ]

    assert sorted(documented) == sorted(known)


def test_documented_defaults_are_the_real_ones():
    cells = {name: rest.split("|")[0].strip(" `") for name, rest in ROWS}
    for variable, field in variables().items():
        default = Settings.model_fields[field].default
        if isinstance(default, int | Path) or (isinstance(default, str) and default):
            assert cells[variable] == str(default), variable


def test_every_tier_rule_is_documented():
    page = (DOCS / "pricing.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| (OpenAI|Anthropic) \| `(\w+)` \| (\d+) % of standard", page, re.MULTILINE)

    assert {(provider.lower(), tier): int(percent) for provider, tier, percent in documented} == {
        rule: share * 100 for rule, share in TIER_RULES.items()
    }
