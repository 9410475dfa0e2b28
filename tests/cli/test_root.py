"""What every command has in common."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from exporter import __version__
from exporter.cli import providers, root

HEAVY = ("sqlalchemy", "sklearn", "genai_prices", "httpx", "aiohttp", "pydantic", "rich", "cryptography")


def test_version(run):
    assert run("--version").stdout == f"spend-exporter {__version__}\n"


def test_help_loads_nothing_heavy():
    code = f"import exporter.cli, sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "\n"


def test_python_dash_m_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "exporter", "--version"], capture_output=True, text=True)
    assert done.stdout == f"spend-exporter {__version__}\n"


def test_wrong_usage_ends_with_2(run):
    done = run("accounts", "ad")
    assert done.exit_code == 2
    assert "No such command" in done.stderr


def test_no_command_shows_the_help(run):
    assert "Commands:" in run().output


def test_an_error_is_one_sentence(run):
    done = run("providers", "acme")
    assert done.exit_code == 1
    assert done.stderr == "Error: there is no provider acme; known are anthropic, openai\n"
    assert done.stdout == ""


def test_a_fault_of_the_program_is_a_sentence_and_a_traceback_only_with_debug(run, monkeypatch):
    def broken(*_):
        raise RuntimeError("boom")

    monkeypatch.setattr(providers.work, "provider_named", broken)
    done = run("providers", "openai")
    assert done.exit_code == 1
    assert done.stderr == "Error: a fault of this program (RuntimeError: boom); run again with --debug to see where\n"
    assert "Traceback" in run("--debug", "providers", "openai").stderr


def test_ctrl_c_ends_with_130(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(providers.work, "provider_named", interrupted)
    assert run("providers", "openai").exit_code == 130


def test_a_reader_that_had_enough_is_no_error(monkeypatch):
    def broken():
        raise BrokenPipeError

    monkeypatch.setattr(root, "app", broken)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit) as end:
        root.main()
    assert end.value.code == 0
