"""`tidecast recommend` as a process, on real traffic."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scaler.kpa.annotations import read_annotations
from scaler.kpa.config import AutoscalerConfig

TIDECAST = Path(sys.executable).with_name("tidecast")
NASA = Path(__file__).resolve().parents[2] / "data" / "nasa_http_60s.csv.gz"
METRICS = ["requests", "delayed", "cold", "wait_s", "pod_s", "busy_pod_s", "starts", "changes", "rum"]
HEAVY = ("--scenario", "heavy", "--scale-to", "40")


def tidecast(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TIDECAST, *map(str, args)], capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(name="two_days", scope="module")
def _two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two days of the trace, as a service of a namespace; and a service that is never called."""
    with gzip.open(NASA, "rt") as file:
        head, *rows = (next(file) for _ in range(1 + 2 * 1440))
    path = tmp_path_factory.mktemp("traffic") / "two_days.csv"
    named = [row.replace("nasa_jul95", "web/nasa") for row in rows]
    idle = [f"{row.split(',')[0]},web/idle,0\n" for row in rows]
    path.write_text(head + "".join(named + idle))
    return path


def test_the_json_is_as_promised(two_days: Path) -> None:
    got = tidecast("recommend", two_days, *HEAVY, "--json")
    assert (got.returncode, got.stderr) == (0, "")
    idle, nasa = json.loads(got.stdout)
    assert [idle["series"], nasa["series"]] == ["web/idle", "web/nasa"]
    assert idle["annotations"] == {}
    assert idle["before"] == idle["after"]
    for one in (idle, nasa):
        assert list(one) == ["series", "annotations", "before", "after"]
        assert list(one["before"]) == list(one["after"]) == METRICS
    before, after = nasa["before"], nasa["after"]
    assert before["requests"] == after["requests"] == pytest.approx(40 * 86400, rel=0.5)
    assert read_annotations(nasa["annotations"], AutoscalerConfig())[1] == ()
    assert after["delayed"] < before["delayed"]
    assert after["pod_s"] + 30 * after["delayed"] < 0.99 * (before["pod_s"] + 30 * before["delayed"])
    assert after["starts"] <= 1.5 * before["starts"]


def test_yaml_is_patches_of_services(two_days: Path) -> None:
    common = ("recommend", two_days, *HEAVY)
    got = tidecast(*common, "-o", "yaml")
    assert (got.returncode, got.stderr) == (0, "")
    assert "# web/idle: leave as it is\n" in got.stdout
    (patch,) = [document for document in yaml.safe_load_all(got.stdout) if document]
    told = json.loads(tidecast(*common, "--json", "--series", "web/nasa").stdout)
    assert patch == {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "nasa", "namespace": "web"},
        "spec": {"template": {"metadata": {"annotations": told[0]["annotations"]}}},
    }


def test_the_table_is_for_people_and_the_seed_decides(two_days: Path) -> None:
    common = ("recommend", two_days, "--scenario", "sparse")
    first, again, other = (tidecast(*common, "--seed", seed).stdout for seed in (7, 7, 8))
    assert first == again != other
    head, idle, nasa = first.splitlines()
    assert head.startswith("SERIES")
    assert "leave as it is" in idle
    assert nasa.startswith("web/nasa")


def test_a_service_without_a_namespace_is_patched_where_kubectl_looks(tmp_path: Path, two_days: Path) -> None:
    path = tmp_path / "alone.csv"
    path.write_text(two_days.read_text().replace("web/nasa", "nasa"))
    got = tidecast("recommend", path, *HEAVY, "--series", "nasa", "-o", "yaml", "--jobs", 1)
    assert got.returncode == 0
    assert "\n# the series' name has no namespace" in got.stdout
    assert yaml.safe_load(got.stdout)["metadata"] == {"name": "nasa"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param((), "EXPORT", id="no file"),
        pytest.param(("/nonexistent.csv",), "no such file", id="a file that is not there"),
        pytest.param((NASA, "--scenario", "nope"), "heavy, web, sparse", id="scenario"),
        pytest.param((NASA, "--series", "x*"), "fits none of the 1", id="no series"),
        pytest.param((NASA, "--delay-cost", "0"), "--delay-cost", id="worth nothing"),
        pytest.param((NASA, "--delay-cost", "nan"), "--delay-cost", id="worth no number"),
        pytest.param((NASA, "--scale-to", "0"), "--scale-to", id="scaled to nothing"),
        pytest.param((NASA, "--scale-to", "inf"), "--scale-to", id="scaled without end"),
        pytest.param((NASA, "--json", "-o", "yaml"), "exclude each other", id="two formats"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_else(args: tuple[object, ...], said: str) -> None:
    got = tidecast("recommend", *args)
    assert (got.returncode, got.stdout) == (2, "")
    assert said in got.stderr
    assert "Traceback" not in got.stderr
