"""What `tidecast run` answers over HTTP: /healthz, /readyz and /metrics.  It only reads the board."""

import math
import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from scaler.board import Board, Shown
from scaler.plan.result import FleetPlan, Reason
from scaler.setting import KEYS
from scaler.shadow.choice import ALONE, OURS
from scaler.shadow.live import Found
from scaler.shadow.trial import DELAYED, PODS, REQUESTS

TEXT = "text/plain; version=0.0.4; charset=utf-8"
LATE_PERIODS, LATE_S = 10, 300.0
"""The loop counts as stuck after so many planning periods without a plan, and not before so many seconds: a
Prometheus that is slow to answer keeps it that long, and a restart would not help."""


def application(board: Board, *, clock: Callable[[], float] = time.time) -> Starlette:
    """The web application over a board."""
    began_s = clock()
    registry = CollectorRegistry()
    registry.register(BoardCollector(board))
    ProcessCollector(registry=registry)

    async def healthz(_: Request) -> Response:
        shown = board.shown
        last_s = shown.planned_s or began_s
        late_s = max(LATE_S, LATE_PERIODS * shown.period_s)
        stuck = shown.started and clock() - last_s > late_s
        text = f"no plan for {clock() - last_s:.0f} s\n" if stuck else "ok\n"
        return PlainTextResponse(text, 503 if stuck else 200)

    async def readyz(_: Request) -> Response:
        why = _not_ready(board.shown)
        return PlainTextResponse(f"{why or 'ok'}\n", 503 if why else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=TEXT)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    )


def _not_ready(shown: Shown) -> str | None:
    if not shown.started:
        return shown.read_fault or "history is being read"
    return None if shown.plan is not None else "no plan yet"


class BoardCollector(Collector):
    """The board as Prometheus metrics, made when they are asked for."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the board."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every metric of the board as it is now."""
        shown = self._board.shown
        yield _gauge("tidecast_leader", "1 where this replica may act.", float(shown.leads))
        yield _gauge(
            "tidecast_configuration_faults",
            "Faults in the newest ConfigMap; the last good one is in use.",
            len(shown.configuration_faults),
        )
        yield _gauge(
            "tidecast_cluster_faults",
            "Bad annotations, watches that fail, floors without effect; the log names them.",
            len(shown.cluster_faults),
        )
        yield _gauge(
            "tidecast_demand_readable",
            "0 where demand could not be read the last time.",
            float(shown.read_fault is None),
        )
        yield _gauge("tidecast_demand_warnings", "Warnings with the last answer.", len(shown.warnings))
        yield _gauge("tidecast_cycle_cpu_seconds", "CPU time of the last cycle.", shown.cycle_s)
        yield _gauge(
            "tidecast_unverified_floors",
            "Revisions where what was written has no effect.",
            len(shown.unverified),
        )
        for name, about, at in (
            (
                "tidecast_demand_known_until_seconds",
                "Unix time where what is known ends.",
                shown.known_until_s,
            ),
            ("tidecast_last_plan_seconds", "Unix time of the last plan.", shown.planned_s),
        ):
            if at is not None:
                yield _gauge(name, about, at)
        orders = CounterMetricFamily("tidecast_orders", "Orders by what became of them.", labels=["result"])
        for result, count in shown.outcomes.items():
            orders.add_metric([result], count)
        yield orders
        yield _gauge("tidecast_slow_lane_heard", "Services that slow models were asked about.", shown.heard)
        yield _gauge("tidecast_slow_lane_paying", "Of these: those where they are listened to.", shown.spoken)
        faults = CounterMetricFamily(
            "tidecast_faults", "Jobs that failed by a fault of ours.", labels=["job"]
        )
        for job, count in shown.faults.items():
            faults.add_metric([job], count)
        yield faults
        yield _settings_metric(shown)
        if shown.plan is not None:
            yield from _plan_metrics(shown.plan)
            yield from _shadow_metrics(shown.found)


def _settings_metric(shown: Shown) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "tidecast_setting",
        "Settings of the KPA written by Tidecast that stand, percent or seconds.",
        labels=["namespace", "revision", "setting"],
    )
    for key, setting in shown.settings:
        for name, value in zip(KEYS.values(), setting.row(), strict=True):
            if not math.isnan(value):
                family.add_metric([key.namespace, key.name, name], value)
    return family


def _plan_metrics(plan: FleetPlan) -> Iterable[Metric]:
    labels = ["namespace", "revision"]
    columns = (
        ("tidecast_floor_pods", "Floor planned.", plan.floor),
        ("tidecast_wanted_pods", "Pods the forecast asked for, before hold and bounds.", plan.wanted),
        ("tidecast_forecast_median_requests_per_second", "Median of the window's peak.", plan.median),
        ("tidecast_forecast_high_requests_per_second", "0.95 quantile of the window's peak.", plan.high),
        ("tidecast_lead_seconds", "Seconds that the plan reaches ahead.", plan.lead_s),
        ("tidecast_service_time_seconds", "Seconds a request occupies a pod.", plan.service_time_s),
    )
    for name, about, values in columns:
        family = GaugeMetricFamily(name, about, labels=labels)
        for key, value in zip(plan.keys, values.tolist(), strict=True):
            family.add_metric([key.namespace, key.name], value)
        yield family
    reasons = GaugeMetricFamily(
        "tidecast_plan_reason", "1 at the reason of the plan.", labels=[*labels, "reason"]
    )
    for key, code in zip(plan.keys, plan.reason.tolist(), strict=True):
        reasons.add_metric([key.namespace, key.name, str(Reason(code))], 1)
    yield reasons
    guarded = GaugeMetricFamily(
        "tidecast_guarded",
        "1 where the KPA alone is in force because it did better over the last day in shadow.",
        labels=labels,
    )
    for key, on in zip(plan.keys, (plan.reason == Reason.GUARDED).tolist(), strict=True):
        guarded.add_metric([key.namespace, key.name], float(on))
    yield guarded


def _shadow_metrics(found: Found) -> Iterable[Metric]:
    """What was chosen beside the KPA alone, both as lived through in shadow."""
    labels = ["namespace", "revision", "policy"]
    ratios = GaugeMetricFamily(
        "tidecast_shadow_delayed_ratio", "Share of requests delayed in shadow, last day.", labels=labels
    )
    pods = GaugeMetricFamily(
        "tidecast_shadow_pod_seconds", "Pod-seconds held in shadow, last day, discounted.", labels=labels
    )
    for key, row in found.rows.items():
        for policy, told in (("kpa", found.lately[row, ALONE]), ("tidecast", found.lately[row, OURS])):
            if told[REQUESTS] > 0:
                ratios.add_metric([key.namespace, key.name, policy], told[DELAYED] / told[REQUESTS])
            pods.add_metric([key.namespace, key.name, policy], told[PODS])
    yield ratios
    yield pods


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)
