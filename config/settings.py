"""All that one configuration says, grouped by who needs it."""

from dataclasses import dataclass, field

from config.calendar import Calendar
from config.policy import RevisionPolicy
from config.sources import Sources


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The grids of history and the periods of the loop, seconds."""

    step_s: int = 30
    """Step of the fine grid, which the lead window is planned on."""

    history_step_s: int = 300
    """Step of the coarse grid, which profiles of day and week are learnt on.  A multiple of `step_s`."""

    recent_s: int = 86_400
    """Length of the fine grid."""

    history_s: int = 28 * 86_400
    """Length of the coarse grid.  Four weeks: the shortest that shows every weekday several times."""

    planning_period_s: int = 30
    """From one plan to the next."""

    hold_s: int = 120
    """How long a plan must have asked for less before a floor falls, until a Revision's own traffic has shown
    what serves it best; and how long a plan stands, with its lead, when nothing newer is known."""

    refit_period_s: int = 3600
    """From one time that slow models are asked, and services that are gone forgotten, to the next; all
    else is learned as it comes."""


@dataclass(frozen=True, kw_only=True)
class Acting:
    """What bounds us as a whole, and how we reach the cluster."""

    guard: float = 0.1
    """Percent of requests that may be more delayed than under the KPA alone, over the last day in shadow,
    before a service falls back to it."""

    max_total_pods: int | None = None
    """Most pods that all floors together may ask for; None: no such bound."""

    namespaces: tuple[str, ...] = ("*",)
    """Globs of the namespaces that are looked at."""

    startup_prior_s: float = 10.0
    """Start-up of a pod, assumed until enough starts of a revision were seen."""

    lease_duration_s: int = 15
    """How long the leader's Lease lives without renewal."""

    autoscaler_url: str = "ws://autoscaler.knative-serving.svc:8080"
    """The autoscaler's stat stream; empty: no statistics are ever sent."""

    dask_address: str | None = None
    """Scheduler of a Dask cluster that slow models are fitted on; None: in processes of this machine."""


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What is known of the time to come, whatever was observed."""

    calendar: Calendar = field(default_factory=Calendar)
    """Whose days the services live by, holidays, announced events."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One configuration, complete and without faults."""

    policy: RevisionPolicy = field(default_factory=RevisionPolicy)
    """What holds for every Revision that no annotation says more about."""

    sources: Sources = field(default_factory=Sources)
    timing: Timing = field(default_factory=Timing)
    acting: Acting = field(default_factory=Acting)
    ahead: Ahead = field(default_factory=Ahead)
