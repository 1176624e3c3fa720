"""Define one complete configuration, in groups of settings that are used together."""

from dataclasses import dataclass, field

from config.calendar import Calendar
from config.policy import RevisionPolicy
from config.sources import Sources


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The time grids of the history and the periods of the control loop, all in seconds."""

    step_s: int = 30
    """Step of the fine grid.  The lead window is planned on this grid."""

    history_step_s: int = 300
    """Step of the coarse grid, a multiple of `step_s`.  Daily and weekly profiles are learned on it."""

    recent_s: int = 86_400
    """Length of the fine grid."""

    history_s: int = 28 * 86_400
    """Length of the coarse grid.  Four weeks: the shortest that has every weekday several times."""

    planning_period_s: int = 30
    """From one plan to the next."""

    hold_s: int = 120
    """A floor falls only after the plan has requested fewer pods for this long.  As soon as the traffic of a
    Revision has selected a candidate policy, the hold of that candidate applies instead.  A plan also stays
    in effect for this long, plus its lead time, when no newer demand can be read."""

    refit_period_s: int = 3600
    """From one refit of the ensemble, in which deleted services are also forgotten, to the next.  Everything
    else is learned at each step."""


@dataclass(frozen=True, kw_only=True)
class Actuation:
    """The bounds on all Revisions together, and how the cluster is reached."""

    guard: float = 0.1
    """Percent of requests that may be delayed in addition to those under the KPA alone, over the last day in
    shadow, before a service falls back to the KPA alone."""

    max_total_pods: int | None = None
    """Largest sum of all floors; None: no bound."""

    namespaces: tuple[str, ...] = ("*",)
    """Globs of the namespaces in which Tidecast works."""

    startup_prior_s: float = 10.0
    """Start-up time of a pod in seconds, assumed until enough starts of a Revision were observed."""

    lease_duration_s: int = 15
    """Seconds after which the Lease of a leader expires that does not renew it."""

    autoscaler_url: str = "ws://autoscaler.knative-serving.svc:8080"
    """Address at which the autoscaler receives statistics (websocket); empty: Tidecast never sends any."""

    dask_address: str | None = None
    """Scheduler of a Dask cluster on which the ensemble is refit; None: in processes on this machine."""


@dataclass(frozen=True, kw_only=True)
class Announcements:
    """Future changes of the traffic that the operator announces."""

    calendar: Calendar = field(default_factory=Calendar)
    """Time zone of the services, holidays, announced events."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One complete and valid configuration."""

    policy: RevisionPolicy = field(default_factory=RevisionPolicy)
    """The policy of every Revision, unless annotations override it."""

    sources: Sources = field(default_factory=Sources)
    timing: Timing = field(default_factory=Timing)
    actuation: Actuation = field(default_factory=Actuation)
    announcements: Announcements = field(default_factory=Announcements)
