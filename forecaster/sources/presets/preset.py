"""What a preset is: the questions to ask where series are named in one particular way."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.fleet.keys import RevisionKey


@dataclass(frozen=True)
class Labels:
    """Which labels of an answer name the revision."""

    namespace: str
    revision: str
    service: str = ""
    """Label of the Knative Service; empty: there is none."""
    suffix: str = ""
    """Follows the revision's name in its label, and is cut off."""

    @property
    def names(self) -> tuple[str, ...]:
        """The labels to keep when summing."""
        return tuple(label for label in (self.namespace, self.revision, self.service) if label)

    def read(self, metric: Mapping[str, str]) -> tuple[RevisionKey, str] | None:
        """The revision, and its service or an empty name; None where `metric` does not tell a revision."""
        namespace, revision = metric.get(self.namespace, ""), metric.get(self.revision, "")
        revision = revision.removesuffix(self.suffix)
        if not namespace or not revision:
            return None
        return RevisionKey(namespace, revision), metric.get(self.service, "")


@dataclass(frozen=True)
class Query:
    """PromQL with the placeholders $window, $window_s and $step, and the labels of its answer."""

    promql: str
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One way in which request metrics are named.

    A figure at time t tells of (t - window, t].  What is known at t is complete up to t less the interval
    between two samples (scrape or push), so the newest complete figure is that interval plus the window old.
    """

    name: str
    metric: str
    """Name of the counter of requests; empty where there is no single one."""

    present: tuple[str, ...]
    """Selectors; where each has series, this preset fits.  May use what only Prometheus 3 can parse, as
    long as `metric` is a name that only Prometheus 3 can have."""

    arrivals: Query
    """Requests/s per revision, counted at its pods."""

    busy: Query | None = None
    """Mean requests in flight per revision: request-seconds per second (Little)."""

    sums: str = ""
    """Selector of the series that `busy` is made of; empty where they can be trusted."""

    busy_whole: Query | None = None
    """In place of `busy` where these series are cut to whole seconds, as some releases do."""

    gap: Query | None = None
    """Requests/s per revision, counted by the activator.  It counts again what the pods count, so it is used
    where there are no pods, never added."""

    kpa_view: tuple[Query, ...] = ()
    """What the autoscaler believes is in flight, or pods: series that are there whether or not requests come.
    0: there was no traffic.  More than 0 where nothing was counted: not observed."""

    activator_up: str | None = None
    """PromQL of one number, 1 while an activator is scraped; tells zero from not observed where the
    autoscaler is not scraped."""

    samples: str = "up"
    """Selector of the series whose distance in time is the scrape or push interval."""
