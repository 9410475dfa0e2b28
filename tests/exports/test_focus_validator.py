"""The official validator on a FOCUS export. It needs Python 3.12, so it lives in an environment of its own:
`uv venv --python 3.12 V && uv pip install --python V focus-validator==2.2.1 'pyarrow<21'`, and FOCUS_VALIDATOR names
`V/bin/focus-validator`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED,SUB_ACCOUNT_SUPPORTED,UNIT_PRICING_SUPPORTED,"
    "PUBLIC_PRICE_LIST_SUPPORTED,TAGGING_SUPPORTED,MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED"
)
EXPLAINED = {
    "EffectiveCost-C-005-C": "wants 0 for every purchase; a fee that covers nothing else keeps its cost",
    "InvoiceId-C-005-C": "contradicts InvoiceId-C-004-C: one of the two fails on any file",
}


def test_only_explained_rules_fail(every_kind, bytes_of, tmp_path):
    program = os.environ.get("FOCUS_VALIDATOR")
    if not program:
        pytest.skip("FOCUS_VALIDATOR names no validator")
    file, report = tmp_path / "rows.csv", tmp_path / "report.xml"
    file.write_bytes(bytes_of(format="focus"))
    packages = next(Path(program).resolve().parents[1].glob("lib/python3*/site-packages"))  # it opens files from there
    done = subprocess.run(
        [program, "--data-file", file, "--validate-version", "1.2", "--block-download",
         "--focus-dataset", "CostAndUsage",
         "--applicability-criteria", CRITERIA, "--output-type", "unittest", "--output-destination", report,
         "--show-violations"],
        cwd=packages, capture_output=True, text=True, timeout=250,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cases = list(ET.parse(report).iter("testcase"))
    assert len(cases) > 500
    assert len([case for case in cases if case.find("skipped") is None]) > 200
    failed = {case.get("name", "").split(" ")[0] for case in cases if case.find("failure") is not None}
    assert failed == EXPLAINED.keys()
