"""Convert the status of the loop to Prometheus metrics."""

from collections.abc import Iterable

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.policy import Lever
from models.fleet.keys import RevisionKey
from scaler.controller.status import Status, StatusStore
from scaler.kpa.settings import LEVERS
from scaler.plan.result import FleetPlan, Reason
from scaler.shadow.evaluate import DELAYED, PODS, REQUESTS
from scaler.shadow.evaluator import ShadowResult
from scaler.shadow.selection import BASELINE, SELECTED

_REVISION_LABELS = ["namespace", "revision"]

_SETTINGS = {
    Lever.TARGET: (
        "tidecast_kpa_target_utilization_ratio",
        "Target utilization that Tidecast has set on the Revision, as a share of the target.",
        100,
    ),
    Lever.WINDOW: (
        "tidecast_kpa_stable_window_seconds",
        "Stable window of the KPA that Tidecast has set on the Revision.",
        1,
    ),
    Lever.PANIC: (
        "tidecast_kpa_panic_threshold_ratio",
        "Panic threshold of the KPA that Tidecast has set, as a multiple of the capacity of ready pods.",
        100,
    ),
    Lever.RETENTION: (
        "tidecast_kpa_pod_retention_seconds",
        "Time for which the last pod is retained, as Tidecast has set it on the Revision.",
        1,
    ),
}
"""Lever -> metric, help text, and divisor from the unit of the annotation (percent, seconds) to that of the
metric.
"""


class StatusCollector(Collector):
    """The status of the loop as metrics, computed at each scrape."""

    def __init__(self, status_store: StatusStore) -> None:
        self._status_store = status_store

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the metrics depend on the status."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield every metric of the current status."""
        status = self._status_store.status
        yield from _loop_metrics(status)
        yield from _settings_metrics(status)
        if status.plan is not None:
            yield from _plan_metrics(status.plan)
            yield from _shadow_metrics(status.shadow)


def _loop_metrics(status: Status) -> Iterable[Metric]:
    gauges = (
        ("tidecast_leader", "1 where this replica may write to the cluster.", status.is_leader),
        (
            "tidecast_configuration_problems",
            "Problems of the newest ConfigMap; while there are any, the last valid one stays in effect.",
            len(status.configuration_problems),
        ),
        (
            "tidecast_cluster_problems",
            "Bad annotations, failing watches and writes without effect; the log names them.",
            len(status.cluster_problems),
        ),
        (
            "tidecast_demand_read_success",
            "1 where the last read of demand from Prometheus succeeded.",
            status.read_error is None,
        ),
        ("tidecast_demand_warnings", "Warnings of the last read of demand.", len(status.warnings)),
        ("tidecast_cycle_cpu_seconds", "CPU time of the last cycle.", status.cycle_cpu_s),
        (
            "tidecast_ineffective_writes",
            "Revisions where a write has no effect.",
            len(status.ineffective_writes),
        ),
        (
            "tidecast_demand_newest_sample_timestamp_seconds",
            "Unix time at which the newest observed step ends.",
            status.observed_until_s,
        ),
        ("tidecast_last_plan_timestamp_seconds", "Unix time of the last plan.", status.planned_at_s),
    )
    for name, text, value in gauges:
        if value is not None:
            yield GaugeMetricFamily(name, text, value=float(value))
    ensemble = GaugeMetricFamily(
        "tidecast_ensemble_services",
        "Services that the ensemble of classical models was evaluated on, and those whose forecast uses it.",
        labels=["state"],
    )
    ensemble.add_metric(["evaluated"], status.ensemble_evaluated)
    ensemble.add_metric(["in_use"], status.ensemble_in_use)
    yield ensemble
    writes = CounterMetricFamily("tidecast_writes", "Changes to the cluster by result.", labels=["result"])
    for result, count in status.write_results.items():
        writes.add_metric([result], count)
    yield writes
    failures = CounterMetricFamily(
        "tidecast_job_failures", "Runs of a job that ended in an internal error.", labels=["job"]
    )
    for job, count in status.job_failures.items():
        failures.add_metric([job], count)
    yield failures


def _settings_metrics(status: Status) -> Iterable[Metric]:
    rows = [(key, settings.row()) for key, settings in status.settings]
    for column, lever in enumerate(LEVERS):
        name, text, divisor = _SETTINGS[lever]
        values = [(key, row[column] / divisor) for key, row in rows if not np.isnan(row[column])]
        yield _by_revision(name, text, values)


def _plan_metrics(plan: FleetPlan) -> Iterable[Metric]:
    columns = (
        ("tidecast_floor_pods", "Planned floor (min-scale).", plan.floor),
        ("tidecast_desired_pods", "Pods that the forecast needs, before hold and bounds.", plan.desired),
        ("tidecast_lead_time_seconds", "Lead time: start-up time plus one planning period.", plan.lead_s),
        ("tidecast_service_time_seconds", "Time that a request occupies a pod.", plan.service_time_s),
        (
            "tidecast_fallback_active",
            "1 while the guard applies the KPA alone, which delayed fewer requests in shadow over a day.",
            plan.fallback_active,
        ),
    )
    for name, text, values in columns:
        yield _by_revision(name, text, zip(plan.keys, values.tolist(), strict=True))
    peak = GaugeMetricFamily(
        "tidecast_forecast_peak_requests_per_second",
        "Quantiles of the peak rate that is forecast for the lead time.",
        labels=[*_REVISION_LABELS, "quantile"],
    )
    for quantile, values in (("0.5", plan.peak_median), ("0.95", plan.peak_p95)):
        for key, value in zip(plan.keys, values.tolist(), strict=True):
            peak.add_metric([key.namespace, key.name, quantile], value)
    yield peak
    reasons = GaugeMetricFamily(
        "tidecast_plan_reason",
        "1 for the reason of the floor; `tidecast explain` states it in words.",
        labels=[*_REVISION_LABELS, "reason"],
    )
    for key, code in zip(plan.keys, plan.reason.tolist(), strict=True):
        reasons.add_metric([key.namespace, key.name, Reason(code).label], 1)
    yield reasons


def _shadow_metrics(shadow: ShadowResult) -> Iterable[Metric]:
    """Yield the recent results of the selected candidate and of the KPA alone, both in shadow."""
    labels = [*_REVISION_LABELS, "policy"]
    delayed = GaugeMetricFamily(
        "tidecast_shadow_delayed_ratio",
        "Share of the requests delayed in shadow over the last day, by policy: tidecast or kpa_alone.",
        labels=labels,
    )
    pods = GaugeMetricFamily(
        "tidecast_shadow_pod_seconds",
        "Pod-seconds held in shadow over the last day, discounted, by policy: tidecast or kpa_alone.",
        labels=labels,
    )
    for key, row in shadow.rows.items():
        for policy, which in (("kpa_alone", BASELINE), ("tidecast", SELECTED)):
            sums = shadow.recent[row, which]
            if sums[REQUESTS] > 0:
                delayed.add_metric([key.namespace, key.name, policy], sums[DELAYED] / sums[REQUESTS])
            pods.add_metric([key.namespace, key.name, policy], sums[PODS])
    yield delayed
    yield pods


def _by_revision(name: str, text: str, values: Iterable[tuple[RevisionKey, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=_REVISION_LABELS)
    for key, value in values:
        family.add_metric([key.namespace, key.name], float(value))
    return family
