"""Build queries on the OpenTelemetry metrics of the queue-proxy, Serving 1.19 and newer, however collected.

OpenTelemetry's names have dots.  Prometheus has underscores in their place, or the dots if it accepts UTF-8
names (Prometheus 3 scraping Serving 1.19.0, or an OTLP receiver that does not translate); then labels have
dots too, and are in quotes.  The units at the end of a metric's name have underscores in both cases.

The Revision of a series is found in one of three ways: from resource attributes that are promoted to labels
(OTLP), from the series `target_info` of the same job and instance, or from labels that a PodMonitor copied
from the pod.
"""

from dataclasses import dataclass

from forecaster.sources.presets.preset import Labels, Preset, Query
from forecaster.sources.presets.promql import growth, joined, selector, total

INVOCATIONS = "kn.serving.invocation.duration"
"""Histogram of the time in the user's container; from 1.19.8, 1.20.1 and 1.21.0 on."""

APP_1_19 = "kn.queueproxy.app.duration"
"""The same histogram in 1.19.0-1.19.7 and 1.20.0, whose sum is cut to whole seconds (a bug)."""

HTTP = "http.server.request.duration"
"""Histogram of the time in the queue-proxy, including waiting; the activator has one of the same name."""

_ACTIVATOR = ".*activator.*"


@dataclass(frozen=True)
class OtelNames:
    """How one Prometheus spells OpenTelemetry's names: with dots, or with underscores."""

    dotted: bool = False

    def label(self, name: str) -> str:
        """The label of an attribute."""
        return name if self.dotted else name.replace(".", "_")

    def count(self, histogram: str) -> str:
        """The metric that counts the observations of a histogram of durations."""
        return f"{self.label(histogram)}_seconds_count"

    def sum(self, histogram: str) -> str:
        """The metric that sums the durations of a histogram, in seconds."""
        return f"{self.label(histogram)}_seconds_sum"

    @property
    def labels(self) -> Labels:
        """The labels of the Revision, on series of the autoscaler and the activator, and promoted ones."""
        return Labels(
            self.label("k8s.namespace.name"), self.label("kn.revision.name"), self.label("kn.service.name")
        )

    @property
    def always_present(self) -> str:
        """The selector of series that exist whenever Prometheus takes samples."""
        return f'{{__name__=~"up|{self.label("kn.revision.pods.count")}"}}'

    @property
    def gap(self) -> Query:
        """Requests/s that passed through the activator."""
        series = selector(self.count(HTTP), (self.labels.revision, "!=", ""), ("job", "=~", _ACTIVATOR))
        return Query(
            total(growth(series, always_present=self.always_present), self.labels.names), self.labels
        )

    @property
    def kpa_view(self) -> Query:
        """Requests in flight, or requests/s, or pods, as the autoscaler sees them."""
        concurrency = selector(self.label("kn.revision.concurrency.stable"))
        pods = selector(self.label("kn.revision.pods.count"))
        rps = selector(f"{self.label('kn.revision.rps.stable')}_per_second")
        # The minimum over the replicas of the autoscaler: a former leader may show its last value forever.
        return Query(total(f"{concurrency} or {rps} or {pods} * 0", self.labels.names, by="min"), self.labels)


@dataclass(frozen=True)
class LabelSource:
    """How the Revision of a series is found."""

    labels: Labels
    """The labels of the result."""
    matchers: tuple[tuple[str, str, str], ...]
    """(label, operator, value) that select the series of queue-proxies."""
    info: str = ""
    """Selector of the series to join that has the labels; empty: the series themselves have them."""


def by_promoted_labels(names: OtelNames) -> LabelSource:
    """Resource attributes are labels of every series (OTLP with promoted attributes)."""
    # The activator has series of the same names with the same labels.
    return LabelSource(names.labels, ((names.labels.revision, "!=", ""), ("job", "!~", _ACTIVATOR)))


def by_target_info(names: OtelNames) -> LabelSource:
    """The series have no labels of the Revision; `target_info` of the same job and instance has them."""
    info = selector("target_info", (names.labels.revision, "!=", ""))
    return LabelSource(names.labels, ((names.labels.revision, "=", ""), ("revision", "=", "")), info)


def by_pod_labels(names: OtelNames) -> LabelSource:
    """The series are scraped from pods by a PodMonitor that sets the labels `namespace` and `revision`."""
    return LabelSource(
        Labels("namespace", "revision"), (("revision", "!=", ""), (names.labels.revision, "=", ""))
    )


def queue_proxy(name: str, names: OtelNames, source: LabelSource, *, counted: str, timed: str) -> Preset:
    """The preset that counts requests with the histogram `counted`, and sums their time with `timed`."""
    present = selector(names.count(counted), *source.matchers)
    sums = names.sum(timed)
    return Preset(
        name=name,
        metric=names.count(counted),
        present=(present, source.info) if source.info else (present,),
        arrivals=_per_revision(names.count(counted), names, source),
        busy=_per_revision(sums, names, source),
        sums="" if timed == HTTP else selector(sums, *source.matchers),
        busy_whole=_per_revision(names.sum(HTTP), names, source),
        gap=names.gap,
        kpa_view=(names.kpa_view,),
        activator_up='max(up{job=~".*activator.*"})',
        samples=present,
    )


def _per_revision(metric: str, names: OtelNames, source: LabelSource) -> Query:
    """The growth per second of a counter, summed per Revision."""
    per_series = growth(selector(metric, *source.matchers), always_present=names.always_present)
    if source.info:
        per_series = joined(per_series, source.info, source.labels.names)
    return Query(total(per_series, source.labels.names), source.labels)
