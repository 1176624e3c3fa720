"""The compiled rules against the same golden files as the readable ones (tests/golden/README.md)."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaler.kpa.resolve import resolve
from scaler.kpa.scenario import ScenarioPods
from scaler.kpa.scenario_file import ScenarioInput, load_scenario_input
from scaler.kpa.status import Activity
from scaler.simulation import kpa_kernel
from scaler.simulation.state import (
    ACTIVATING,
    ACTIVE,
    INACTIVE,
    NEVER_WRITTEN,
    NO_REASON,
    NO_TRAFFIC,
    POD_PARAMS,
    QUEUED,
    SPEC,
    WINDOW,
    Item,
    idle_batch,
    spec_record,
)

GOLDEN = Path(__file__).parents[2] / "golden"
SCENARIOS = sorted(GOLDEN.glob("p*.json"))
INITIAL_STATUS = {
    Activity.ACTIVATING: (ACTIVATING, QUEUED),
    Activity.ACTIVE: (ACTIVE, NO_REASON),
    Activity.INACTIVE: (INACTIVE, NO_TRAFFIC),
}
REASONS = ["", "Queued", "NoTraffic", "TimedOut"]
ACTIVITIES = ["Unknown", "True", "False"]


def initial_item(given: ScenarioInput) -> Item:
    spec = resolve(given.config, given.annotations, given.container_concurrency, given.reachability)
    specs = np.zeros(1, SPEC)
    specs[0] = spec_record(spec)
    batch = idle_batch(specs, longest_window_s=0, startup_s=0)
    item = Item(
        pod_params=np.zeros(1, POD_PARAMS)[0],
        baseline=batch.baseline[0],
        spec=batch.spec[0],
        revision=batch.revision[0],
        stable=batch.windows[0, 0],
        panic=batch.windows[0, 1],
        stable_buckets=batch.buckets[0, 0],
        panic_buckets=batch.buckets[0, 1],
        delay=batch.delay[0],
        starting_groups=batch.starting_groups[0],
    )
    revision = item.revision
    revision["desired"], revision["ebc"] = -1, spec.initial_ebc
    revision["panic_since_s"] = 0.0 if given.initial_ready > 1 else math.nan
    revision["max_panic_pods"] = given.initial_ready
    revision["activity"], revision["reason"] = INITIAL_STATUS[given.activity]
    revision["since_s"] = revision["backed_since_s"] = -given.activity_for_s
    revision["initialized"] = given.initialized
    revision["replicas"] = given.initial_replicas
    return item


def run(given: ScenarioInput) -> Iterator[dict[str, Any]]:
    item = initial_item(given)
    pods = ScenarioPods(
        given.initial_ready, (given.startup_delay_s,) * (given.initial_replicas - given.initial_ready)
    )
    extra = list(given.extra_stats)
    for second in range(len(given.load)):
        while extra and extra[0].t_s < second:
            stat = extra.pop(0)
            kpa_kernel.report(item, stat.t_s, stat.concurrency)
            if stat.poke and stat.concurrency and item.revision["desired"] == 0:
                pods = pods.become_ready(stat.t_s)
                row, pods = tick(given, item, pods, stat.t_s)
                yield {**row, "poked": True}
        pods = pods.become_ready(second)
        load, activator = given.load[second], given.activator[second]
        if given.idle_zeros or pods.ready or load or activator:
            if load is not None:
                kpa_kernel.report(item, float(second), load - (given.proxied[second] or 0.0))
            if activator is not None:
                kpa_kernel.report(item, float(second), activator)
        if second >= 2 and second % 2 == 0:
            row, pods = tick(given, item, pods, float(second))
            yield row


def tick(
    given: ScenarioInput, item: Item, pods: ScenarioPods, now_s: float
) -> tuple[dict[str, Any], ScenarioPods]:
    revision = item.revision
    revision["ready"] = pods.ready
    step = kpa_kernel.tick if given.reconciled else kpa_kernel.evaluate
    step(item, now_s)
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
    ready_s = round(now_s + given.startup_delay_s, 9)
    return row, pods.match_replicas(int(revision["replicas"]), ready_s)


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_field_of_every_tick_equals_the_golden_file(file: Path) -> None:
    want = json.loads(file.read_text())["expected"]
    got = list(run(load_scenario_input(file)))
    weighted = want["resolved"]["aggregation_algorithm"] == "weighted-exponential"
    assert len(got) == len(want["ticks"])
    # The number of activators has no effect on pods, so that the compiled rules leave it out.
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
def test_windows_equal_the_golden_file(algorithm: str) -> None:
    all_cases = json.loads((GOLDEN / "units_windows.json").read_text())["cases"]
    cases = [case for case in all_cases if case["input"]["algorithm"] == algorithm]
    assert cases
    for case in cases:
        given, want = case["input"], case["expected"]
        if algorithm == "max":
            assert largest_counts(given) == want
            continue
        average = kpa_kernel.linear_average if algorithm == "linear" else kpa_kernel.weighted_average
        window, buckets = np.zeros(1, WINDOW), np.zeros(given["window_s"])
        window["seconds"] = given["window_s"]
        window["first_s"] = window["last_s"] = NEVER_WRITTEN
        got = []
        for kind, t_s, value in given["ops"]:
            if kind == 0:
                kpa_kernel.record(window[0], buckets, float(t_s), float(value))
            else:
                empty = kpa_kernel.is_empty(window[0], float(t_s))
                got.append([average(window[0], buckets, float(t_s)), empty])
        assert [empty for _, empty in got] == [empty for _, empty in want]
        for (got_average, _), (want_average, _) in zip(got, want, strict=True):
            assert equal(want_average, got_average, algorithm != "linear")


def largest_counts(given: dict[str, Any]) -> list[int]:
    slots = math.ceil(given["window_s"] / 2)
    specs = np.zeros(1, SPEC)
    specs["scale_down_delay_s"] = given["window_s"]
    batch = idle_batch(specs, longest_window_s=1, startup_s=0)
    assert batch.delay.shape == (1, slots, 2)
    return [
        kpa_kernel.record_count(batch.revision[0], batch.delay[0], float(t_s), int(pods))
        for _, t_s, pods in given["ops"]
    ]
