"""`tidecast recommend` on real traffic."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from builders import run_cli

from scaler.kpa.annotations import read_annotations
from scaler.kpa.config import AutoscalerConfig

TIDECAST = Path(sys.executable).with_name("tidecast")
NASA = Path(__file__).resolve().parents[2] / "data" / "nasa_http_60s.csv.gz"
METRICS = ["requests", "delayed", "cold", "wait_s", "pod_s", "busy_pod_s", "starts", "changes", "rum"]
HEAVY = ("--scenario", "heavy", "--scale-to", "40")


@pytest.fixture(name="two_days", scope="module")
def _two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two days of the trace as a service of a namespace, and a service without requests."""
    with gzip.open(NASA, "rt") as file:
        head, *rows = (next(file) for _ in range(1 + 2 * 1440))
    path = tmp_path_factory.mktemp("traffic") / "two_days.csv"
    named = [row.replace("nasa_jul95", "web/nasa") for row in rows]
    idle = [f"{row.split(',')[0]},web/idle,0\n" for row in rows]
    path.write_text(head + "".join(named + idle))
    return path


@pytest.fixture(name="json_run", scope="module")
def _json_run(two_days: Path) -> subprocess.CompletedProcess[str]:
    """The recommendation for both services as JSON, from a process."""
    command = [*map(str, (TIDECAST, "recommend", two_days, *HEAVY, "--json"))]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_json_in_a_process_has_documented_fields(json_run: subprocess.CompletedProcess[str]) -> None:
    got = json_run
    assert (got.returncode, got.stderr) == (0, "")
    idle, nasa = json.loads(got.stdout)
    assert [idle["series"], nasa["series"]] == ["web/idle", "web/nasa"]
    assert idle["annotations"] == {}
    assert idle["before"] == idle["after"]
    for service in (idle, nasa):
        assert list(service) == ["series", "annotations", "before", "after"]
        assert list(service["before"]) == list(service["after"]) == METRICS
    before, after = nasa["before"], nasa["after"]
    assert before["requests"] == after["requests"] == pytest.approx(40 * 86400, rel=0.5)
    assert read_annotations(nasa["annotations"], AutoscalerConfig())[1] == ()
    assert after["delayed"] < before["delayed"]
    assert after["pod_s"] + 30 * after["delayed"] < 0.99 * (before["pod_s"] + 30 * before["delayed"])
    assert after["starts"] <= 1.5 * before["starts"]


def test_yaml_has_patches_of_services(two_days: Path, json_run: subprocess.CompletedProcess[str]) -> None:
    got = run_cli("recommend", two_days, *HEAVY, "-o", "yaml")
    assert (got.returncode, got.stderr) == (0, "")
    assert "# web/idle: leave unchanged\n" in got.stdout
    (patch,) = [document for document in yaml.safe_load_all(got.stdout) if document]
    _, nasa = json.loads(json_run.stdout)
    assert patch == {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "nasa", "namespace": "web"},
        "spec": {"template": {"metadata": {"annotations": nasa["annotations"]}}},
    }


def test_table_depends_on_the_seed_only(two_days: Path) -> None:
    common = ("recommend", two_days, "--scenario", "sparse")
    first, second, other = (run_cli(*common, "--seed", seed).stdout for seed in (7, 7, 8))
    assert first == second != other
    head, idle, nasa = first.splitlines()
    assert head.startswith("SERIES")
    assert "leave unchanged" in idle
    assert nasa.startswith("web/nasa")


def test_service_without_namespace_gets_a_patch_without_namespace(tmp_path: Path, two_days: Path) -> None:
    path = tmp_path / "without_namespace.csv"
    path.write_text(two_days.read_text().replace("web/nasa", "nasa"))
    got = run_cli("recommend", path, *HEAVY, "--series", "nasa", "-o", "yaml", "--jobs", 1)
    assert got.returncode == 0
    assert "\n# the series has no namespace (namespace/name)" in got.stdout
    assert yaml.safe_load(got.stdout)["metadata"] == {"name": "nasa"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param((), "EXPORT", id="no file"),
        pytest.param(("/nonexistent.csv",), "no such file", id="missing file"),
        pytest.param((NASA, "--scenario", "nope"), "heavy, web, sparse", id="scenario"),
        pytest.param((NASA, "--series", "x*"), "matches none of the 1", id="no series"),
        pytest.param((NASA, "--delay-cost", "0"), "--delay-cost", id="delay-cost 0"),
        pytest.param((NASA, "--delay-cost", "nan"), "--delay-cost", id="delay-cost nan"),
        pytest.param((NASA, "--scale-to", "0"), "--scale-to", id="scale 0"),
        pytest.param((NASA, "--scale-to", "inf"), "--scale-to", id="scale inf"),
        pytest.param((NASA, "--json", "-o", "yaml"), "exclude each other", id="two formats"),
    ],
)
def test_wrong_arguments_exit_2_with_the_reason(args: tuple[object, ...], message: str) -> None:
    got = run_cli("recommend", *args)
    assert (got.returncode, got.stdout) == (2, "")
    assert message in got.stderr
    assert "Traceback" not in got.stderr
