"""The answers of `tidecast run` over HTTP, from the status of the loop."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from builders import KEY, SERVICE, demand, revision_spec

from scaler.controller.changes import Change, Result, WriteResult
from scaler.controller.planner import Planner
from scaler.controller.status import StatusStore
from scaler.controller.timing import LoopIntervals
from scaler.kpa.settings import KpaSettings
from scaler.plan.fleet import fleet_spec
from scaler.plan.result import Reason
from scaler.plan.timing import PlanTiming
from scaler.server.http import application
from scaler.server.service import Web
from scaler.shadow.evaluate import DELAYED, N_METRICS, PODS, REQUESTS
from scaler.shadow.evaluator import NO_RESULT
from scaler.shadow.selection import BASELINE, SELECTED

Get = Callable[[str], tuple[int, str]]


@contextmanager
def served(status_store: StatusStore, *, now_s: float = 640.0) -> Iterator[Get]:
    """Yield a function from path to (status, text), which asks the real server on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    web = Web(application(status_store, clock=lambda: now_s), "127.0.0.1", port)
    web.start()

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    try:
        web.wait()
        yield get
    finally:
        web.stop()


def add_plan(status_store: StatusStore) -> None:
    """Put a real plan into the status."""
    intervals = LoopIntervals(
        step_s=30,
        coarse_s=300,
        recent_s=3600,
        history_s=86400,
        refit_s=3600,
        plan=PlanTiming(period_s=30, hold_s=120),
    )
    planner = Planner(intervals, 0)
    spec = fleet_spec([revision_spec()], np.array([20.0]))
    planner.observe(demand(np.full(20, 40.0), 0, 30, {KEY: SERVICE}))
    status_store.update(plan=planner.plan(spec, 630), planned_at_s=630.0, history_read=True, is_leader=True)


def test_ready_after_the_first_plan() -> None:
    status_store = StatusStore()
    with served(status_store) as get:
        assert get("/readyz") == (503, "history is being read\n")
        status_store.update(read_error="http://prometheus: no answer")
        assert "no answer" in get("/readyz")[1]
        status_store.update(history_read=True)
        assert get("/readyz") == (503, "no plan yet\n")
        add_plan(status_store)
        assert get("/readyz") == (200, "ok\n")


@pytest.mark.parametrize(("now_s", "status"), [(640.0, 200), (640.0 + 301, 503)])
def test_unhealthy_without_a_plan_for_five_minutes(now_s: float, status: int) -> None:
    status_store = StatusStore()
    add_plan(status_store)
    with served(status_store, now_s=now_s) as get:
        assert get("/healthz")[0] == status


@pytest.mark.parametrize(
    ("period_s", "elapsed_s", "status"), [(900, 8000, 200), (900, 9100, 503), (1, 200, 200)]
)
def test_unhealthy_after_ten_planning_periods_without_a_plan(
    period_s: float, elapsed_s: float, status: int
) -> None:
    status_store = StatusStore()
    add_plan(status_store)
    status_store.update(period_s=period_s)
    with served(status_store, now_s=640.0 + elapsed_s) as get:
        assert get("/healthz")[0] == status


def test_healthy_while_the_history_is_read() -> None:
    with served(StatusStore(), now_s=1e6) as get:
        assert get("/healthz")[0] == 200


def test_metrics_contain_plan_writes_and_failures() -> None:
    status_store = StatusStore()
    add_plan(status_store)
    status_store.count([WriteResult(Change(KEY, "u", 3), Result.APPLIED)])
    status_store.job_failed("refit")
    status_store.update(configuration_problems=("delay-cost: x: a number",))
    status_store.update(settings=((KEY, KpaSettings(window_s=15)),))
    with served(status_store) as get:
        _, text = get("/metrics")
    floor = int(status_store.status.plan.floor[0])  # type: ignore[union-attr]
    for line in (
        f'tidecast_floor_pods{{namespace="shop",revision="cart-00001"}} {floor}.0',
        'tidecast_writes_total{result="applied"} 1.0',
        'tidecast_job_failures_total{job="refit"} 1.0',
        "tidecast_configuration_problems 1.0",
        'tidecast_kpa_stable_window_seconds{namespace="shop",revision="cart-00001"} 15.0',
        "tidecast_leader 1.0",
        "tidecast_demand_read_success 1.0",
    ):
        assert line in text
    assert "process_cpu_seconds_total" in text


def test_metrics_compare_selection_with_kpa_alone_and_show_the_fallback() -> None:
    status_store = StatusStore()
    add_plan(status_store)
    plan = status_store.status.plan
    assert plan is not None
    recent = np.zeros((1, 2, N_METRICS))
    recent[0, SELECTED, [PODS, DELAYED, REQUESTS]] = 900, 10, 1000
    recent[0, BASELINE, [PODS, DELAYED, REQUESTS]] = 800, 50, 1000
    result = replace(NO_RESULT, rows={KEY: 0}, recent=recent)
    # The guard is shown also where another reason, such as an announced event, comes first.
    in_fallback = replace(plan, fallback_active=np.ones_like(plan.fallback_active))
    status_store.update(shadow=result, plan=in_fallback)
    with served(status_store) as get:
        _, text = get("/metrics")
    namespace = 'namespace="shop",'
    for line in (
        f'tidecast_shadow_delayed_ratio{{{namespace}policy="kpa_alone",revision="cart-00001"}} 0.05',
        f'tidecast_shadow_delayed_ratio{{{namespace}policy="tidecast",revision="cart-00001"}} 0.01',
        f'tidecast_shadow_pod_seconds{{{namespace}policy="kpa_alone",revision="cart-00001"}} 800.0',
        f'tidecast_shadow_pod_seconds{{{namespace}policy="tidecast",revision="cart-00001"}} 900.0',
        f'tidecast_fallback_active{{{namespace}revision="cart-00001"}} 1.0',
    ):
        assert line in text
    status_store.update(plan=replace(plan, reason=np.full_like(plan.reason, Reason.FALLBACK)))
    with served(status_store) as get:
        assert 'reason="fallback"' in get("/metrics")[1]
