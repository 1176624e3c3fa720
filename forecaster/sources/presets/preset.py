"""Define a preset: the queries for one way in which request metrics are named."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.fleet.keys import RevisionKey


@dataclass(frozen=True)
class Labels:
    """The labels of a result that name the Revision."""

    namespace: str
    revision: str
    service: str = ""
    """Label of the Knative Service; empty: there is none."""
    suffix: str = ""
    """End of the value of the Revision's label that is not part of its name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The labels to keep in a sum."""
        return tuple(label for label in (self.namespace, self.revision, self.service) if label)

    def read(self, metric: Mapping[str, str]) -> tuple[RevisionKey, str] | None:
        """The Revision of a series, and its service or an empty name; None if the labels name no Revision."""
        namespace, revision = metric.get(self.namespace, ""), metric.get(self.revision, "")
        revision = revision.removesuffix(self.suffix)
        if not namespace or not revision:
            return None
        return RevisionKey(namespace, revision), metric.get(self.service, "")


@dataclass(frozen=True)
class Query:
    """PromQL with the placeholders $window, $window_s and $step, and the labels of its result."""

    promql: str
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One way in which request metrics are named.

    A value at time t covers (t - window, t].  The samples that exist at t are complete up to t minus the
    interval between two samples (scrape or push), so the newest complete value begins one interval plus the
    window ago.
    """

    name: str
    metric: str
    """Name of the counter of requests; empty if there is not a single one."""

    present: tuple[str, ...]
    """Selectors; the preset is used if each of them has series.  May use syntax of Prometheus 3, if `metric`
    is a name that only Prometheus 3 can have."""

    arrivals: Query
    """Requests/s per Revision, counted at its pods."""

    busy: Query | None = None
    """Mean requests in flight per Revision: request-seconds per second (Little's law)."""

    sums: str = ""
    """Selector of the series from which `busy` is computed; empty if these series are always correct."""

    busy_whole: Query | None = None
    """Used instead of `busy` if these series are cut to whole seconds, as in some releases."""

    gap: Query | None = None
    """Requests/s per Revision, counted by the activator.  The pods count the same requests again, so it is
    used only while there are no pods, and never added."""

    kpa_view: tuple[Query, ...] = ()
    """Requests in flight, or pods, as the autoscaler sees them: series that exist with and without requests.
    0: there was no traffic.  More than 0 where nothing was counted: not observed."""

    activator_up: str | None = None
    """PromQL of one number, 1 while an activator is scraped; distinguishes zero from not observed if the
    autoscaler is not scraped."""

    samples: str = "up"
    """Selector of the series whose distance in time is the scrape or push interval."""
