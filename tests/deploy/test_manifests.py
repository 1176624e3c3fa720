"""The manifests of deploy/ are consistent with each other and with the commands."""

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from scaler.cli.app import app
from scaler.knative.lease import LEASE

DEPLOY = Path(__file__).parents[2] / "deploy"
RESOURCES: list[str] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]


def objects() -> list[dict[str, Any]]:
    return [obj for name in RESOURCES for obj in yaml.safe_load_all((DEPLOY / name).read_text()) if obj]


def pods() -> list[dict[str, Any]]:
    specs = {obj["kind"]: obj["spec"] for obj in objects() if "spec" in obj}
    return [
        specs["Deployment"]["template"]["spec"],
        specs["CronJob"]["jobTemplate"]["spec"]["template"]["spec"],
    ]


def test_kustomization_lists_every_manifest() -> None:
    files = {file.name for file in DEPLOY.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(RESOURCES)


def test_objects_in_other_namespaces_only_permit_reading() -> None:
    cluster_wide = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
    namespaced = [obj for obj in objects() if obj["kind"] not in cluster_wide]
    outside_tidecast = [obj for obj in namespaced if obj["metadata"]["namespace"] != "tidecast"]
    assert {obj["kind"] for obj in outside_tidecast} <= {"Role", "RoleBinding"}
    verbs = {verb for obj in outside_tidecast for rule in obj.get("rules", []) for verb in rule["verbs"]}
    assert verbs <= {"get", "list", "watch"}


def test_pods_run_as_the_account_of_the_role_bindings() -> None:
    subjects_of_bindings = [obj["subjects"] for obj in objects() if obj["kind"].endswith("RoleBinding")]
    accounts = {obj["metadata"]["name"] for obj in objects() if obj["kind"] == "ServiceAccount"}
    assert {pod["serviceAccountName"] for pod in pods()} == accounts
    assert {subject["name"] for subjects in subjects_of_bindings for subject in subjects} == accounts


def test_pods_run_existing_commands_in_the_image_of_this_version() -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    containers = [container for pod in pods() for container in pod["containers"]]
    assert {container["args"][0] for container in containers} <= set(command.commands)
    assert {container["image"] for container in containers} == {"tidecast:0.1.0"}


def test_probes_and_service_use_the_port_of_the_container() -> None:
    (container,) = pods()[0]["containers"]
    (service,) = [obj for obj in objects() if obj["kind"] == "Service"]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {"http"}
    assert service["spec"]["ports"][0]["targetPort"] == "http"


def test_role_names_the_lease_of_the_election() -> None:
    lease_names = [
        name
        for obj in objects()
        if obj["kind"] == "Role"
        for rule in obj["rules"]
        if "leases" in rule["resources"]
        for name in rule.get("resourceNames", [])
    ]
    assert set(lease_names) == {LEASE}


@pytest.mark.parametrize("pod", pods(), ids=["controller", "sweeper"])
def test_pods_meet_the_restricted_pod_security_standard(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
