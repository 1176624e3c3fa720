"""Every number of the golden files, which Knative's own code computed (tests/golden/README.md)."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from config.problems import ConfigError
from scaler.kpa.activator import OperationMode
from scaler.kpa.annotations import AUTOSCALING
from scaler.kpa.delay import delay_window, record_count
from scaler.kpa.resolve import KpaSpec, Reachability, resolve
from scaler.kpa.scale import Backing, scale
from scaler.kpa.scenario import resolved_fields, run_scenario
from scaler.kpa.scenario_file import load_scenario_input
from scaler.kpa.status import Activity, initial_status
from scaler.kpa.window import empty_window, is_empty, linear_average, record, weighted_average

GOLDEN = Path(__file__).parents[2] / "golden"
SCENARIOS = sorted(GOLDEN.glob("p*.json"))
AVERAGES = ("stable", "panic")


def cases(name: str) -> list[dict[str, Any]]:
    found = json.loads((GOLDEN / name).read_text())["cases"]
    assert found
    return list(found)


def differing(name: str, want: Any, got: Any, *, weighted: bool) -> bool:
    if name not in AVERAGES or want is None or got is None:
        return type(want) is not type(got) or bool(want != got)
    if weighted:
        return not math.isclose(want, got, rel_tol=1e-9)
    return bool(abs(want - got) > 1.5e-6)


def spec_of(given: dict[str, Any]) -> KpaSpec:
    annotations = {
        name if "/" in name else AUTOSCALING + name: text for name, text in given["annotations"].items()
    }
    reachability = Reachability(given["reachability"])
    return resolve(given["config"], annotations, given["container_concurrency"], reachability)


def test_all_scenarios_are_present() -> None:
    assert len(SCENARIOS) == 28


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_field_of_every_tick_equals_the_golden_file(file: Path) -> None:
    want = json.loads(file.read_text())["expected"]
    got = run_scenario(load_scenario_input(file))
    assert got["resolved"] == want["resolved"]
    weighted = want["resolved"]["aggregation_algorithm"] == "weighted-exponential"
    assert [row["t"] for row in got["ticks"]] == [row["t"] for row in want["ticks"]]
    wrong = [
        f"t={a['t']} {name}: {a.get(name)} expected, {b.get(name)} found"
        for a, b in zip(want["ticks"], got["ticks"], strict=True)
        for name in a.keys() | b.keys()
        if differing(name, a.get(name), b.get(name), weighted=weighted)
    ]
    assert wrong == []


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_linear_averages_are_equal_to_the_last_digit(file: Path) -> None:
    want = json.loads(file.read_text())["expected"]
    if want["resolved"]["aggregation_algorithm"] == "weighted-exponential":
        return
    got = run_scenario(load_scenario_input(file))
    for name in AVERAGES:
        assert [row[name] for row in got["ticks"]] == [row[name] for row in want["ticks"]]


@pytest.mark.parametrize("number", range(len(cases("units_windows.json"))))
def test_windows_equal_the_golden_file(number: int) -> None:
    case = cases("units_windows.json")[number]
    given, want = case["input"], case["expected"]
    if given["algorithm"] == "max":
        delay, got_counts = delay_window(given["window_s"]), []
        for _, t_s, pods in given["ops"]:
            delay, largest = record_count(delay, t_s, pods)
            got_counts.append(largest)
        assert got_counts == want
        return
    weighted = given["algorithm"] == "weighted-exponential"
    window, got = empty_window(given["window_s"]), []
    for kind, t_s, value in given["ops"]:
        if kind == 0:
            window = record(window, t_s, value)
        else:
            average = (weighted_average if weighted else linear_average)(window, t_s)
            got.append((average, is_empty(window, t_s)))
    assert [empty for _, empty in got] == [empty for _, empty in want]
    averages = [average for average, _ in want]
    assert [average for average, _ in got] == (pytest.approx(averages, rel=1e-9) if weighted else averages)


@pytest.mark.parametrize("number", range(len(cases("units_zero.json"))))
def test_reconcile_equals_the_golden_file(number: int) -> None:
    case = cases("units_zero.json")[number]
    given, want = case["input"], case["expected"]
    spec = spec_of(given)
    activity = Activity[given["state"].upper()]
    status = initial_status(activity, -given["in_state_s"], initialized=given["initialized"])
    backing = Backing(
        replicas=given["replicas"],
        mode=OperationMode(given["sks_mode"]),
        since_s=None if given["proxy_for_s"] is None else -given["proxy_for_s"],
        probe_ok=given["probe_ok"],
    )
    got = scale(spec, status, backing, given["desired"], 0.0)
    assert {
        "want": got.want,
        "patched_to": got.want if got.patched(given["replicas"]) else None,
        "requeue_s": list(got.recheck_s),
        "probed": got.probed,
    } == want


@pytest.mark.parametrize("number", range(len(cases("units_config.json"))))
def test_resolved_configuration_equals_the_golden_file(number: int) -> None:
    case = cases("units_config.json")[number]
    given, want = case["input"], case["expected"]
    if want["annotations_ok"]:
        assert resolved_fields(spec_of(given)) == want["resolved"]
        return
    with pytest.raises(ConfigError) as refused:
        spec_of(given)
    (line,) = refused.value.problems
    # A problem of the cluster's configuration names that configuration, one of the Revision does not.
    assert line.startswith("config-autoscaler ") is not want["config_ok"]
