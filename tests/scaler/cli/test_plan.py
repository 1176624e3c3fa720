"""`tidecast plan` and `explain`, from a file and without a cluster."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from builders import run_cli

TIDECAST = Path(sys.executable).with_name("tidecast")
NASA = Path(__file__).resolve().parents[2] / "data" / "nasa_http_60s.csv.gz"
BEFORE_LAUNCH, BEFORE_LAUNCH_S = "1995-07-13T13:30:00Z", 805642200
SPARSE = ("--export", NASA, "--scenario", "sparse", "--at", BEFORE_LAUNCH)


@pytest.fixture(name="plan_run", scope="module")
def _plan_run() -> subprocess.CompletedProcess[str]:
    """The plan of the trace before the launch as JSON, from a process."""
    command = [*map(str, (TIDECAST, "plan", *SPARSE, "--json"))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_plan_in_a_process_writes_only_json_to_stdout(plan_run: subprocess.CompletedProcess[str]) -> None:
    assert (plan_run.returncode, plan_run.stderr) == (0, "")
    (row,) = json.loads(plan_run.stdout)
    assert row["series"] == "nasa_jul95"
    assert row["floor"] == row["desired"] >= 3
    assert row["why"] == "forecast"
    assert 0 < row["median_rps"] < row["high_rps"]
    assert row["at"] == BEFORE_LAUNCH_S


def test_plan_uses_no_later_traffic(tmp_path: Path, plan_run: subprocess.CompletedProcess[str]) -> None:
    """The same file truncated half a minute before gives the same bytes."""
    with gzip.open(NASA, "rt") as file:
        head, *rows = file.readlines()
    cut = tmp_path / "cut.csv"
    cut.write_text(head + "".join(row for row in rows if int(row.split(",")[0]) <= BEFORE_LAUNCH_S - 30 - 60))
    truncated = run_cli("plan", "--export", cut, "--scenario", "sparse", "--at", BEFORE_LAUNCH_S, "--json")
    assert plan_run.stdout == truncated.stdout != ""


def test_higher_delay_cost_gives_a_higher_floor() -> None:
    low, high = (
        json.loads(run_cli("plan", *SPARSE, "--json", "--delay-cost", delay_cost).stdout)[0]["floor"]
        for delay_cost in (3, 300)
    )
    assert low < high


@pytest.mark.slow
def test_plan_uses_events_of_the_scenario_before_those_of_the_configuration(tmp_path: Path) -> None:
    event = "{name: e, services: [%s], from: 1995-07-13T13:00Z, until: 1995-07-13T14:00Z, times: 200}"
    scenario, config = tmp_path / "scenario.yaml", tmp_path / "config.yaml"
    scenario.write_text(f"calendar:\n  events:\n    - {event % 'nasa_*'}\n")
    common = ("plan", "--export", NASA, "--scenario", scenario, "--at", BEFORE_LAUNCH, "--json")
    (row,) = json.loads(run_cli(*common).stdout)
    assert row["why"] == "announced event"
    config.write_text(f"calendar: |\n  events:\n    - {event % 'shop/*'}\n")
    (same,) = json.loads(run_cli(*common, "--config", config).stdout)
    assert same == row
    without_calendar = tuple("web" if word == scenario else word for word in common)
    (other,) = json.loads(run_cli(*without_calendar, "--config", config).stdout)
    assert other["floor"] < row["floor"]
    config.write_text(f"calendar: |\n  events:\n    - {event % 'nasa_*'}\n")
    (configured,) = json.loads(run_cli(*without_calendar, "--config", config).stdout)
    assert configured["why"] == "announced event"


@pytest.mark.slow
def test_explain_has_the_numbers_behind_a_floor() -> None:
    common = ("explain", "nasa_jul95", *SPARSE)
    text = run_cli(*common)
    assert text.returncode == 0
    assert "nasa_jul95: floor" in text.stdout
    assert "statsmodels" in text.stdout
    (explanation,) = json.loads(run_cli(*common, "-o", "json").stdout)
    assert explanation["has_evidence"]
    candidates = {row["candidate"]: row for row in explanation["candidates"]}
    assert len(candidates) == len(explanation["candidates"])
    assert [name for name, row in candidates.items() if row["active"]] == [explanation["active_policy"]]
    kpa = candidates["no floor"]
    assert (kpa["pods"], kpa["starts"]) == (1, 1)
    assert explanation["quantiles"] == sorted(explanation["quantiles"])
    gains = {row["pods"]: row["gain"] for row in explanation["alternatives"]}
    desired = explanation["plan"]["desired"]
    assert gains[desired] <= 1 < gains[desired - 1]
    assert explanation["second_opinion"]["daily"] > 0.5


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        pytest.param(("plan", "--export", "/nonexistent.csv"), 2, "no such file", id="no file"),
        pytest.param(
            ("plan", "--export", NASA, "--scenario", "nope"), 2, "heavy, web, sparse", id="scenario"
        ),
        pytest.param(("plan", "--export", NASA, "--at", "soon"), 2, "'soon' is not a time", id="no time"),
        pytest.param(("plan", "--export", NASA, "--at", "5"), 2, "at least 3600 s", id="before the data"),
        pytest.param(
            ("plan", "--export", NASA, "--series", "x*"), 2, "matches none of the 1", id="no series"
        ),
        pytest.param(("plan", "--at", "5"), 2, "--at needs --export", id="time without a file"),
        pytest.param(
            ("explain", "shop/cart", "--at", "5"),
            2,
            "--at needs --export",
            id="explained time without a file",
        ),
        pytest.param(("plan", "--delay-cost", "0", "--export", NASA), 2, "--delay-cost", id="delay-cost 0"),
        pytest.param(("plan", "--config", "/nonexistent.yaml"), 2, "No such file", id="no configuration"),
        pytest.param(
            ("plan", "--kubeconfig", "/nonexistent"),
            4,
            "no usable Kubernetes configuration",
            id="no kubeconfig",
        ),
        pytest.param(("explain", "x/y", "--export", NASA), 2, "matches none", id="nothing to explain"),
    ],
)
def test_wrong_arguments_exit_with_the_reason(args: tuple[object, ...], code: int, message: str) -> None:
    got = run_cli(*args)
    assert got.returncode == code
    assert got.stdout == ""
    assert message in got.stderr
    assert "Traceback" not in got.stderr


def test_unreachable_cluster_is_reported_in_one_line(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )
    got = run_cli("plan", "--kubeconfig", kubeconfig)
    assert got.returncode == 4
    assert "Connection refused" in got.stderr
    assert len(got.stderr.splitlines()) == 1
