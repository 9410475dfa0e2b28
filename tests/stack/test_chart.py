"""The Helm chart, linted and rendered by helm itself. No cluster has seen it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from exporter import __version__
from exporter.config import read_config
from exporter.config.settings import variables
from exporter.providers import ALL
from tools import chart

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "spend-exporter"
ALL_OF_IT = {
    "existingSecret": "spend", "credentialsSecret": "keys", "alertsToken": True, "replicas": 2,
    "serviceMonitor": {"enabled": True, "labels": {"release": "stack"}}, "dashboards": {"enabled": True},
    "prometheusRule": {"enabled": True, "dashboardsUrl": "https://grafana.example.com/d/", "worthALookUsd": 25},
    "env": {"SPEND_RETENTION_MONTHS": "36"}, "podLabels": {"team": "finops"}, "tolerations": [{"key": "x"}],
    "networkPolicy": {"from": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}], "databasePort": 6432},
    "config": {"accounts": [{"id": "prod", "provider": "openai", "team": "platform",
                             "credentials": {"admin_key_file": "/run/secrets/credentials/prod"}}]},
}  # fmt: skip


@pytest.fixture
def helm():
    """Run it. Where it is missing the test is skipped, or fails where CHECK_HELM=1 (see tools/fetch-checkers.sh)."""
    found = shutil.which("helm", path=str(ROOT / ".tools" / "bin")) or shutil.which("helm")
    if found is None:
        required = os.environ.get("CHECK_HELM") == "1"
        (pytest.fail if required else pytest.skip)(
            "helm is not here: install it, or build it with CHECK_HELM=1 and a Go toolchain"
        )
    return lambda *words: subprocess.run([found, *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def rendered(helm, tmp_path):
    """Render with values. `kind/name` → object."""

    def render(values: dict) -> dict:
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
        done = helm("template", "my", CHART, "--values", tmp_path / "values.yaml", "--kube-version", "1.30.0")
        assert (done.returncode, done.stderr) == (0, "")
        found = [one for one in yaml.safe_load_all(done.stdout) if one]
        objects = {f"{one['kind']}/{one['metadata']['name']}": one for one in found}
        assert len(objects) == len(found)
        return objects

    return render


def test_rules_and_dashboards_in_the_chart_are_the_ones_of_this_tree():
    assert [file.name for file in chart.differing()] == [], "run `make chart`"
    assert len(chart.wanted()) > 10


def test_the_chart_has_the_programs_version():
    found = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert found["appVersion"] == __version__
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"] == found["name"]


def test_helm_finds_nothing_to_complain_about(helm, tmp_path):
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(ALL_OF_IT))
    for values in ({"existingSecret": "spend"}, ALL_OF_IT):
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
        done = helm("lint", "--strict", CHART, "--values", tmp_path / "values.yaml", "--kube-version", "1.30.0")
        assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_secret_it_says_what_is_missing(helm):
    done = helm("template", "my", CHART, "--kube-version", "1.30.0")
    assert done.returncode
    assert "existingSecret is the name of a secret with database-url and encryption-keys" in done.stderr


def test_by_default_no_kind_that_a_cluster_may_not_know(rendered):
    found = rendered({"existingSecret": "spend"})
    assert {one.partition("/")[0] for one in found} == {
        "Deployment", "Service", "ServiceAccount", "ConfigMap", "NetworkPolicy"
    }  # fmt: skip


@pytest.mark.parametrize("values", [{"existingSecret": "spend"}, ALL_OF_IT], ids=["defaults", "all of it"])
def test_the_pod_may_do_little_and_every_setting_is_one(rendered, values):
    found = rendered(values)
    spec = found["Deployment/my-spend-exporter"]["spec"]
    pod, [container] = spec["template"]["spec"], spec["template"]["spec"]["containers"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert found["Service/my-spend-exporter"]["spec"]["selector"] == spec["selector"]["matchLabels"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert f"USER {pod['securityContext']['runAsUser']}:" in (ROOT / "Dockerfile").read_text()
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
    }  # fmt: skip
    settings = {one["name"]: one["value"] for one in container["env"]}
    assert settings.keys() <= variables().keys()
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    assert set(mounts.values()) == {one["name"] for one in pod["volumes"]}
    files = [value for value in settings.values() if value.startswith("/")]
    assert all(str(Path(file).parent) in mounts for file in files)
    assert ("SPEND_ALERTS_TOKEN_FILE" in settings) is values.get("alertsToken", False)


def test_probes_ask_what_the_program_answers(rendered):
    [container] = rendered(ALL_OF_IT)["Deployment/my-spend-exporter"]["spec"]["template"]["spec"]["containers"]
    served = (ROOT / "exporter" / "web" / "app.py").read_text()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f'"{container[probe]["httpGet"]["path"]}"' in served
    assert container["livenessProbe"]["httpGet"]["path"] != container["readinessProbe"]["httpGet"]["path"]


def test_the_configuration_is_one(rendered, tmp_path, monkeypatch):
    for values in (ALL_OF_IT, {"existingSecret": "spend"}):
        text = rendered(values)["ConfigMap/my-spend-exporter"]["data"]["spend.yaml"]
        (tmp_path / "prod").write_text("sk-invented")
        (tmp_path / "spend.yaml").write_text(text.replace("/run/secrets/credentials", str(tmp_path)))
        monkeypatch.setenv("SPEND_CONFIG_FILE", str(tmp_path / "spend.yaml"))
        monkeypatch.setenv("SPEND_DATA_DIR", str(tmp_path))
        from exporter.app import fields_of

        assert [one.id for one in read_config(fields_of(ALL)).accounts] == (["prod"] if values is ALL_OF_IT else [])


def test_rules_are_ours_and_promtool_takes_them(rendered, program, tmp_path):
    found = {name: one["spec"] for name, one in rendered(ALL_OF_IT).items() if name.startswith("PrometheusRule/")}
    for file in (ROOT / "recording-rules").glob("*.yml"):
        if file.name not in chart.NOT_COPIED:
            name = f"PrometheusRule/my-spend-exporter-{file.stem.replace('.', '-')}"
            assert found[name] == yaml.safe_load(file.read_text())
    for number, spec in enumerate(found.values()):
        (tmp_path / f"{number}.yml").write_text(yaml.safe_dump(spec))
    done = subprocess.run(
        [program("promtool"), "check", "rules", *tmp_path.glob("[0-9]*.yml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_settings_say_comes_from_the_values(rendered):
    shipped = yaml.safe_load((ROOT / "recording-rules" / "settings.rules.yml").read_text())

    def settings(values: dict) -> dict:
        return rendered(values)["PrometheusRule/my-spend-exporter-settings"]["spec"]

    assert settings({"existingSecret": "spend", "prometheusRule": {"enabled": True}}) == shipped
    [links, worth, days] = settings(ALL_OF_IT)["groups"][0]["rules"]
    assert links["labels"]["dashboards"] == "https://grafana.example.com/d"
    assert (worth["expr"], days["expr"]) == ("vector(25)", "vector(3)")


def test_dashboards_arrive_byte_for_byte(rendered):
    found = rendered(ALL_OF_IT)
    boards = list((CHART / "files" / "dashboards").glob("*.json"))
    for file in boards:
        one = found[f"ConfigMap/my-spend-exporter-{file.stem}"]
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["data"][file.name] == file.read_text().rstrip("\n")
    assert boards


def test_the_network_policy_lets_in_whom_it_was_told_and_out_to_three_kinds_of_ports(rendered):
    spec = rendered(ALL_OF_IT)["NetworkPolicy/my-spend-exporter"]["spec"]
    assert spec["ingress"] == [
        {"ports": [{"port": "http", "protocol": "TCP"}], "from": ALL_OF_IT["networkPolicy"]["from"]}
    ]
    assert [port["port"] for rule in spec["egress"] for port in rule["ports"]] == [53, 53, 6432, 443]
