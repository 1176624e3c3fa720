"""Queries on the queue-proxy's OpenTelemetry metrics, Serving 1.19 and newer, however they are collected.

The names are OpenTelemetry's, with dots.  Prometheus has them with underscores, or with the dots where names
in UTF-8 are let through (Prometheus 3 scraping Serving 1.19.0, or an OTLP receiver that does not translate);
then labels have dots too, and stand in quotes.  The units that end a metric's name have underscores in both.

Whose pod a series is of is told in one of three ways: by resource attributes promoted to labels (OTLP), by
the series `target_info` of the same job and instance, or by labels that a PodMonitor took from the pod.
"""

from dataclasses import dataclass

from forecaster.sources.presets.preset import Labels, Preset, Query
from forecaster.sources.presets.promql import growth, joined, selector, total

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


@dataclass(frozen=True)
class LabelSource:
    """How it is told whose pod a series is of."""

    labels: Labels
    """Of the answer."""
    matchers: tuple[tuple[str, str, str], ...]
    """(label, operator, value) that pick the queue-proxies' series."""
    info: str = ""
    """Selector of the series to be joined that has the labels; empty: they are on the series themselves."""


def promoted(names: Names) -> LabelSource:
    """Resource attributes are labels of every series (OTLP with promoted attributes)."""
    # The activator has series of the same names with the same labels.
    return LabelSource(names.labels, ((names.labels.revision, "!=", ""), ("job", "!~", _ACTIVATOR)))


def by_target_info(names: Names) -> LabelSource:
    """Series do not tell; `target_info` of the same job and instance does."""
    info = selector("target_info", (names.labels.revision, "!=", ""))
    return LabelSource(names.labels, ((names.labels.revision, "=", ""), ("revision", "=", "")), info)


def by_pod_labels(names: Names) -> LabelSource:
    """Scraped from the pods by a PodMonitor that sets the labels `namespace` and `revision`."""
    return LabelSource(
        Labels("namespace", "revision"), (("revision", "!=", ""), (names.labels.revision, "=", ""))
    )


def queue_proxy(name: str, names: Names, told: LabelSource, *, counted: str, timed: str) -> Preset:
    """The preset that counts by the histogram `counted` and times by `timed`."""
    present = selector(names.count(counted), *told.matchers)
    sums = names.sum(timed)
    return Preset(
        name=name,
        metric=names.count(counted),
        present=(present, told.info) if told.info else (present,),
        arrivals=_per_revision(names.count(counted), names, told),
        busy=_per_revision(sums, names, told),
        sums="" if timed == HTTP else selector(sums, *told.matchers),
        busy_whole=_per_revision(names.sum(HTTP), names, told),
        gap=names.gap,
        kpa_view=(names.kpa_view,),
        activator_up='max(up{job=~".*activator.*"})',
        samples=present,
    )


def _per_revision(metric: str, names: Names, told: LabelSource) -> Query:
    each = growth(selector(metric, *told.matchers), observing=names.observing)
    if told.info:
        each = joined(each, told.info, told.labels.names)
    return Query(total(each, told.labels.names), told.labels)
