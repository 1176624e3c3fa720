"""TODO."""

import math
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scaler.controller.status import Status, StatusStore
from scaler.kpa.settings import KEYS
from scaler.plan.result import FleetPlan, Reason
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS
from scaler.shadow.evaluator import ShadowResult
from scaler.shadow.selection import BASELINE, SELECTED


class BoardCollector(Collector):
    """The board as Prometheus metrics, made when they are asked for."""

    def __init__(self, status_store: StatusStore) -> None:
        self._board = status_store

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the board."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every metric of the board as it is now."""
        shown = self._board.status
        yield _gauge("tidecast_leader", "1 where this replica may act.", float(shown.leads))
        yield _gauge(
            "tidecast_configuration_faults",
            "Faults in the newest ConfigMap; the last good one is in use.",
            len(shown.configuration_problems),
        )
        yield _gauge(
            "tidecast_cluster_faults",
            "Bad annotations, watches that fail, floors without effect; the log names them.",
            len(shown.cluster_problems),
        )
        yield _gauge(
            "tidecast_demand_readable",
            "0 where demand could not be read the last time.",
            float(shown.read_error is None),
        )
        yield _gauge("tidecast_demand_warnings", "Warnings with the last answer.", len(shown.warnings))
        yield _gauge("tidecast_cycle_cpu_seconds", "CPU time of the last cycle.", shown.cycle_s)
        yield _gauge(
            "tidecast_unverified_floors",
            "Revisions where what was written has no effect.",
            len(shown.ineffective_writes),
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
        yield _gauge(
            "tidecast_slow_lane_heard", "ServiceMeasurements that slow models were asked about.", shown.heard
        )
        yield _gauge("tidecast_slow_lane_paying", "Of these: those where they are listened to.", shown.spoken)
        problems = CounterMetricFamily(
            "tidecast_faults", "Jobs that failed by a fault of ours.", labels=["job"]
        )
        for job, count in shown.job_failures.items():
            problems.add_metric([job], count)
        yield problems
        yield _settings_metric(shown)
        if shown.plan is not None:
            yield from _plan_metrics(shown.plan)
            yield from _shadow_metrics(shown.found)


def _settings_metric(shown: Status) -> GaugeMetricFamily:
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
        ("tidecast_wanted_pods", "Pods the forecast asked for, before hold and bounds.", plan.desired),
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
    for key, on in zip(plan.keys, (plan.reason == Reason.FALLBACK).tolist(), strict=True):
        guarded.add_metric([key.namespace, key.name], float(on))
    yield guarded


def _shadow_metrics(found: ShadowResult) -> Iterable[Metric]:
    """What was chosen beside the KPA alone, both as lived through in shadow."""
    labels = ["namespace", "revision", "policy"]
    ratios = GaugeMetricFamily(
        "tidecast_shadow_delayed_ratio", "Share of requests delayed in shadow, last day.", labels=labels
    )
    pods = GaugeMetricFamily(
        "tidecast_shadow_pod_seconds", "Pod-seconds held in shadow, last day, discounted.", labels=labels
    )
    for key, row in found.rows.items():
        for policy, told in (("kpa", found.lately[row, BASELINE]), ("tidecast", found.lately[row, SELECTED])):
            if told[REQUESTS] > 0:
                ratios.add_metric([key.namespace, key.name, policy], told[DELAYED] / told[REQUESTS])
            pods.add_metric([key.namespace, key.name, policy], told[PODS])
    yield ratios
    yield pods


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)
