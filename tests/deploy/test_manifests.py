"""The manifests belong together: names, files, commands."""

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from scaler.cli.app import app
from scaler.knative.lease import LEASE

DEPLOY = Path(__file__).parents[2] / "deploy"
LISTED: list[str] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]


def objects() -> list[dict[str, Any]]:
    return [each for name in LISTED for each in yaml.safe_load_all((DEPLOY / name).read_text()) if each]


def pods() -> list[dict[str, Any]]:
    specs = {each["kind"]: each["spec"] for each in objects() if "spec" in each}
    return [
        specs["Deployment"]["template"]["spec"],
        specs["CronJob"]["jobTemplate"]["spec"]["template"]["spec"],
    ]


def test_every_manifest_is_listed() -> None:
    files = {file.name for file in DEPLOY.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(LISTED)


def test_all_but_rights_to_read_is_in_our_namespace() -> None:
    cluster_wide = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
    inside = [each for each in objects() if each["kind"] not in cluster_wide]
    remote_or_local = [each for each in inside if each["metadata"]["namespace"] != "tidecast"]
    assert {each["kind"] for each in remote_or_local} <= {"Role", "RoleBinding"}
    verbs = {verb for each in remote_or_local for rule in each.get("rules", []) for verb in rule["verbs"]}
    assert verbs <= {"get", "list", "watch"}


def test_pods_run_as_the_account_that_has_the_rights() -> None:
    bound = [each["subjects"] for each in objects() if each["kind"].endswith("RoleBinding")]
    accounts = {each["metadata"]["name"] for each in objects() if each["kind"] == "ServiceAccount"}
    assert {pod["serviceAccountName"] for pod in pods()} == accounts
    assert {subject["name"] for subjects in bound for subject in subjects} == accounts


def test_pods_run_commands_that_exist_in_one_image_of_this_version() -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    containers = [container for pod in pods() for container in pod["containers"]]
    assert {container["args"][0] for container in containers} <= set(command.commands)
    assert {container["image"] for container in containers} == {"tidecast:0.1.0"}


def test_probes_and_service_reach_the_port_that_is_served() -> None:
    (container,) = pods()[0]["containers"]
    (service,) = [each for each in objects() if each["kind"] == "Service"]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {"http"}
    assert service["spec"]["ports"][0]["targetPort"] == "http"


def test_the_lease_in_the_rights_is_ours() -> None:
    named = [
        name
        for each in objects()
        if each["kind"] == "Role"
        for rule in each["rules"]
        if "leases" in rule["resources"]
        for name in rule.get("resourceNames", [])
    ]
    assert set(named) == {LEASE}


@pytest.mark.parametrize("pod", pods(), ids=["controller", "sweeper"])
def test_pods_keep_to_the_restricted_standard(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
