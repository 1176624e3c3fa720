"""The compiled rules against the same golden files as the readable ones (tests/golden/README.md)."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaler.kpa.resolve import resolve
from scaler.kpa.scenario import Pods
from scaler.kpa.scenario_file import ScenarioInput, load_scenario_input
from scaler.kpa.status import Activity
from scaler.simulation import kpa_kernel
from scaler.simulation.state import (
    ACTIVATING,
    ACTIVE,
    INACTIVE,
    NO_REASON,
    NO_TRAFFIC,
    QUEUED,
    SPEC,
    WINDOW,
    Items,
    at_rest,
    spec_record,
)

GOLDEN = Path(__file__).parents[2] / "golden"
SCENARIOS = sorted(GOLDEN.glob("p*.json"))
STARTS = {
    Activity.ACTIVATING: (ACTIVATING, QUEUED),
    Activity.ACTIVE: (ACTIVE, NO_REASON),
    Activity.INACTIVE: (INACTIVE, NO_TRAFFIC),
}
REASONS = ["", "Queued", "NoTraffic", "TimedOut"]
ACTIVITIES = ["Unknown", "True", "False"]


def begun(given: ScenarioInput) -> Items:
    spec = resolve(given.config, given.annotations, given.container_concurrency, given.reachability)
    specs = np.zeros(1, SPEC)
    specs[0] = spec_record(spec)
    items = at_rest(specs, longest_window_s=0, startup_s=0)
    revision = items.revision[0]
    revision["desired"], revision["ebc"] = -1, spec.initial_ebc
    revision["panic_since_s"] = 0.0 if given.initial_ready > 1 else math.nan
    revision["max_panic_pods"] = given.initial_ready
    revision["activity"], revision["reason"] = STARTS[given.activity]
    revision["since_s"] = revision["backed_since_s"] = -given.activity_for_s
    revision["initialized"] = given.initialized
    revision["replicas"] = given.initial_replicas
    return items


def windows_of(items: Items) -> tuple[Any, Any, Any, Any]:
    windows, buckets = items.windows[0], items.buckets[0]
    return windows[0], windows[1], buckets[0], buckets[1]


def run(given: ScenarioInput) -> Iterator[dict[str, Any]]:
    items = begun(given)
    arrays = windows_of(items)
    pods = Pods(
        given.initial_ready, (given.startup_delay_s,) * (given.initial_replicas - given.initial_ready)
    )
    extra = list(given.extra_stats)
    for second in range(len(given.load)):
        while extra and extra[0].t_s < second:
            stat = extra.pop(0)
            kpa_kernel.report(*arrays, stat.t_s, stat.concurrency)
            if stat.poke and stat.concurrency and items.revision[0]["desired"] == 0:
                pods = pods.at(stat.t_s)
                row, pods = tick(given, items, pods, stat.t_s)
                yield {**row, "poked": True}
        pods = pods.at(second)
        load, activator = given.load[second], given.activator[second]
        if given.idle_zeros or pods.ready or load or activator:
            if load is not None:
                kpa_kernel.report(*arrays, float(second), load - (given.proxied[second] or 0.0))
            if activator is not None:
                kpa_kernel.report(*arrays, float(second), activator)
        if second >= 2 and second % 2 == 0:
            row, pods = tick(given, items, pods, float(second))
            yield row


def tick(given: ScenarioInput, items: Items, pods: Pods, now_s: float) -> tuple[dict[str, Any], Pods]:
    revision = items.revision[0]
    revision["ready"] = pods.ready
    step = kpa_kernel.tick if given.reconciled else kpa_kernel.evaluate
    step(items.spec[0], revision, *windows_of(items), items.delay[0], now_s)
    if not given.reconciled and revision["desired"] >= 0:
        revision["replicas"] = revision["desired"]
    valid = bool(revision["valid"])
    row = {
        "t": now_s,
        "ready": pods.ready,
        "pending": len(pods.starting_s),
        "valid": valid,
        "stable": revision["stable"] if valid else None,
        "panic": revision["panic"] if valid else None,
        "scale_desired": revision["desired"] if valid else None,
        "desired": revision["desired"],
        "panic_mode": not math.isnan(revision["panic_since_s"]),
        "panic_since": None if math.isnan(revision["panic_since_s"]) else revision["panic_since_s"],
        "max_panic_pods": revision["max_panic_pods"],
        "ebc": revision["ebc"],
        "replicas": revision["replicas"],
    }
    if given.reconciled:
        row |= {
            "want": revision["want"],
            "patched": revision["patched"],
            "pa_active": ACTIVITIES[revision["activity"]],
            "pa_reason": REASONS[revision["reason"]],
            "initialized": revision["initialized"],
            "sks_mode": "Proxy" if revision["proxy"] else "Serve",
        }
    return row, pods.to(int(revision["replicas"]), round(now_s + given.startup_delay_s, 9))


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_field_of_every_tick(file: Path) -> None:
    want = json.loads(file.read_text())["expected"]
    got = list(run(load_scenario_input(file)))
    weighted = want["resolved"]["aggregation_algorithm"] == "weighted-exponential"
    assert len(got) == len(want["ticks"])
    # How many activators there are steers nothing, so replays do not count them.
    wrong = [
        f"t={a['t']} {name}: {value} expected, {b.get(name)} found"
        for a, b in zip(want["ticks"], got, strict=True)
        for name, value in a.items()
        if name != "num_activators"
        and not equal(value, b.get(name), weighted and name in ("stable", "panic"))
    ]
    assert wrong == []


def equal(want: Any, got: Any, weighted: bool) -> bool:
    if weighted and want is not None and got is not None:
        return math.isclose(want, got, rel_tol=1e-9)
    return bool(want == got)


@pytest.mark.parametrize("algorithm", ["linear", "weighted-exponential", "max"])
def test_windows(algorithm: str) -> None:
    cases = json.loads((GOLDEN / "units_windows.json").read_text())["cases"]
    of_it = [case for case in cases if case["input"]["algorithm"] == algorithm]
    assert of_it
    for case in of_it:
        given, want = case["input"], case["expected"]
        if algorithm == "max":
            assert largest_counts(given) == want
            continue
        average = kpa_kernel.linear_average if algorithm == "linear" else kpa_kernel.weighted_average
        window, buckets = np.zeros(1, WINDOW), np.zeros(given["window_s"])
        window["seconds"] = given["window_s"]
        window["first_s"] = window["last_s"] = -(2**62)
        got = []
        for kind, t_s, value in given["ops"]:
            if kind == 0:
                kpa_kernel.record(window[0], buckets, float(t_s), float(value))
            else:
                empty = kpa_kernel.is_empty(window[0], float(t_s))
                got.append([average(window[0], buckets, float(t_s)), empty])
        assert [empty for _, empty in got] == [empty for _, empty in want]
        for (one, _), (other, _) in zip(got, want, strict=True):
            assert equal(other, one, algorithm != "linear")


def largest_counts(given: dict[str, Any]) -> list[int]:
    slots = math.ceil(given["window_s"] / 2)
    specs = np.zeros(1, SPEC)
    specs["scale_down_delay_s"] = given["window_s"]
    items = at_rest(specs, longest_window_s=1, startup_s=0)
    assert items.delay.shape == (1, slots, 2)
    return [
        kpa_kernel.record_count(items.revision[0], items.delay[0], float(t_s), int(pods))
        for _, t_s, pods in given["ops"]
    ]
