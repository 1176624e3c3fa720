"""Queries on the queue-proxy's OpenTelemetry metrics, Serving 1.19 and newer, however they are collected.

The names are OpenTelemetry's, with dots.  Prometheus has them with underscores, or with the dots where names
in UTF-8 are let through (Prometheus 3 scraping Serving 1.19.0, or an OTLP receiver that does not translate);
then labels have dots too, and stand in quotes.  The units that end a metric's name have underscores in both.

Whose pod a series is of is told in one of three ways: by resource attributes promoted to labels (OTLP), by
the series `target_info` of the same job and instance, or by labels that a PodMonitor took from the pod.
"""

from dataclasses import dataclass

from forecaster.presets.preset import Labels, Preset, Query
from forecaster.presets.promql import growth, joined, selector, total

INVOCATIONS = "kn.serving.invocation.duration"
"""Time in the user's container; from 1.19.8, 1.20.1 and 1.21.0 on."""

APP_1_19 = "kn.queueproxy.app.duration"
"""The same in 1.19.0-1.19.7 and 1.20.0, its sum cut to whole seconds (a bug)."""

HTTP = "http.server.request.duration"
"""Time in the queue-proxy, waiting included; also the activator's name for the time spent there."""

_ACTIVATOR = ".*activator.*"


@dataclass(frozen=True)
class Names:
    """How one Prometheus spells OpenTelemetry's names."""

    dotted: bool = False

    def label(self, name: str) -> str:
        """Of an attribute."""
        return name if self.dotted else name.replace(".", "_")

    def count(self, histogram: str) -> str:
        """Of a duration's count."""
        return f"{self.label(histogram)}_seconds_count"

    def sum(self, histogram: str) -> str:
        """Of a duration's sum, seconds."""
        return f"{self.label(histogram)}_seconds_sum"

    @property
    def labels(self) -> Labels:
        """Of the revision, on the series of autoscaler and activator and on promoted ones."""
        return Labels(
            self.label("k8s.namespace.name"), self.label("kn.revision.name"), self.label("kn.service.name")
        )

    @property
    def observing(self) -> str:
        """Selector of series that are there whenever Prometheus takes samples."""
        return f'{{__name__=~"up|{self.label("kn.revision.pods.count")}"}}'

    @property
    def gap(self) -> Query:
        """Requests/s that passed through the activator."""
        series = selector(self.count(HTTP), (self.labels.revision, "!=", ""), ("job", "=~", _ACTIVATOR))
        return Query(total(growth(series, observing=self.observing), self.labels.names), self.labels)

    @property
    def kpa_view(self) -> Query:
        """What the autoscaler believes: requests in flight, or requests/s, or pods."""
        concurrency = selector(self.label("kn.revision.concurrency.stable"))
        pods = selector(self.label("kn.revision.pods.count"))
        rps = selector(f"{self.label('kn.revision.rps.stable')}_per_second")
        # The least over the autoscaler's replicas: one that is no leader any more may show its last value on.
        return Query(total(f"{concurrency} or {rps} or {pods} * 0", self.labels.names, by="min"), self.labels)


def promoted(name: str, counted: str, timed: str, names: Names) -> Preset:
    """Resource attributes are labels of every series (OTLP with promoted attributes)."""
    whose = (names.labels.revision, "!=", "")

    def per_revision(metric: str) -> Query:
        # The activator has series of the same name and the same labels.
        series = selector(metric, whose, ("job", "!~", _ACTIVATOR))
        return Query(total(growth(series, observing=names.observing), names.labels.names), names.labels)

    present = selector(names.count(counted), whose)
    return _preset(
        name,
        (present,),
        per_revision(names.count(counted)),
        per_revision(names.sum(timed)),
        names=names,
        metric=names.count(counted),
    )


def by_target_info(name: str, counted: str, timed: str, names: Names) -> Preset:
    """Series have no names; `target_info` of the same job and instance does."""
    whose = (names.labels.revision, "!=", "")
    nobody = (names.labels.revision, "=", "")
    info = selector("target_info", whose)

    def per_revision(metric: str) -> Query:
        per_target = growth(selector(metric, nobody), observing=names.observing)
        return Query(total(joined(per_target, info, names.labels.names), names.labels.names), names.labels)

    present = selector(names.count(counted), nobody, ("revision", "=", ""))
    return _preset(
        name,
        (present, info),
        per_revision(names.count(counted)),
        per_revision(names.sum(timed)),
        names=names,
        metric=names.count(counted),
    )


def by_pod_labels(name: str, counted: str, timed: str, names: Names) -> Preset:
    """Scraped from the pods by a PodMonitor that sets the labels `namespace` and `revision`."""
    labels = Labels("namespace", "revision")
    whose = (labels.revision, "!=", "")

    def per_revision(metric: str) -> Query:
        series = selector(metric, whose, (names.labels.revision, "=", ""))
        return Query(total(growth(series, observing=names.observing), labels.names), labels)

    present = selector(names.count(counted), whose, (names.labels.revision, "=", ""))
    return _preset(
        name,
        (present,),
        per_revision(names.count(counted)),
        per_revision(names.sum(timed)),
        names=names,
        metric=names.count(counted),
    )


def _preset(
    name: str, present: tuple[str, ...], arrivals: Query, busy: Query, *, names: Names, metric: str
) -> Preset:
    return Preset(
        name=name,
        metric=metric,
        present=present,
        arrivals=arrivals,
        busy=busy,
        gap=names.gap,
        kpa_view=(names.kpa_view,),
        activator_up='max(up{job=~".*activator.*"})',
        samples=present[0],
    )
