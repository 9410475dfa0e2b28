"""docs/command-line.md is what the commands say."""

from __future__ import annotations

from pathlib import Path

from exporter.cli.reference import page


def test_the_committed_page_is_current():
    committed = Path(__file__).parents[2] / "docs" / "command-line.md"
    assert committed.read_text() == page(), "run: python -m exporter.cli.reference > docs/command-line.md"


def test_every_command_is_on_it():
    text = page()
    for command in ("serve", "demo", "accounts add", "prices reprice", "keys rotate", "doctor", "check-config"):
        assert f"## `spend-exporter {command}`" in text
