"""Define the candidate policies: each is a rule for the floor together with settings of the KPA.

No candidate is right for every service.  The shadow evaluation learns which one costs a service least.
The first candidate is the KPA alone: no floor, no setting.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from config.policy import Lever
from scaler.kpa.settings import UNSET, KpaSettings


@dataclass(frozen=True)
class Rule:
    """A floor as a function of the forecast: the largest of these parts.

    sizing_delay_cost   newsvendor floor at this delay cost (pod-seconds per delayed request), which is not
                        the delay cost of the service: a lower one gives a smaller floor; None = no such
                        floor.
    hold_s              seconds for which the floor keeps its highest value.
    min_event_prob      one pod where a request arrives in the window with at least this probability.
    min_pods            pods, whatever the forecast is.
    """

    sizing_delay_cost: float | None = None
    hold_s: int = 0
    min_event_prob: float | None = None
    min_pods: int = 0

    def __str__(self) -> str:
        parts = [
            f"sized at {self.sizing_delay_cost:g} pod-s per delayed request"
            if self.sizing_delay_cost is not None
            else "",
            f"held {self.hold_s} s" if self.hold_s else "",
            f"1 pod from event probability {self.min_event_prob:g}"
            if self.min_event_prob is not None
            else "",
            f"at least {self.min_pods}" if self.min_pods else "",
        ]
        return "floor " + ", ".join(filter(None, parts)) if any(parts) else "no floor"


@dataclass(frozen=True)
class Candidate:
    """One way to scale a Revision: a rule for its floor, and settings of the KPA."""

    rule: Rule
    settings: KpaSettings

    def __str__(self) -> str:
        texts = self.settings.annotations()
        short = (f"{name.partition('/')[2]} {text}" for name, text in texts.items())
        return "; ".join([str(self.rule), *short])


NO_FLOOR = Rule()
_UNSET = ()

# Rows: a rule, and the settings that it is combined with, as (target utilization in percent, stable window in
# seconds, panic threshold in percent, pod retention in seconds; 60 where it is left out).  _UNSET leaves the
# owner's settings.  Chosen from some five hundred combinations on public traces: these cost as little as all
# of them together.  A candidate may be of no use to a service; the selection finds out.
# fmt: off
_TABLE: tuple[tuple[Rule, list[tuple[int, ...]]], ...] = (
    (NO_FLOOR, [
        _UNSET, (100, 60, 1000), (85, 10, 110), (85, 15, 110), (85, 15, 200), (85, 20, 110),
        (85, 30, 110), (80, 15, 110), (80, 20, 110), (75, 15, 110), (75, 30, 110), (70, 15, 400),
        (70, 15, 200), (70, 15, 110), (70, 30, 110), (60, 10, 110), (60, 15, 110), (35, 15, 110),
    ]),
    (Rule(sizing_delay_cost=0.1), [(85, 15, 110), (80, 30, 110), (70, 15, 110), (70, 30, 110)]),
    (Rule(sizing_delay_cost=0.3), [(80, 30, 110), (70, 15, 110)]),
    (Rule(sizing_delay_cost=1), [(100, 15, 1000), (80, 30, 110), (70, 15, 110), (70, 30, 110)]),
    (Rule(sizing_delay_cost=2), [(100, 10, 1000), (100, 30, 1000, 0)]),
    (Rule(sizing_delay_cost=3), [(100, 15, 1000), (85, 15, 400), (85, 15, 110), (70, 15, 400)]),
    (Rule(sizing_delay_cost=6), [(100, 15, 1000), (85, 15, 110), (70, 15, 110)]),
    (Rule(sizing_delay_cost=10), [_UNSET, (100, 15, 1000)]),
    (Rule(sizing_delay_cost=17), [(70, 15, 400), (50, 15, 400)]),
    (Rule(sizing_delay_cost=30), [_UNSET, (70, 15, 110), (50, 15, 400), (50, 15, 110)]),
    (Rule(sizing_delay_cost=60), [(100, 30, 1000, 0), (50, 15, 400), (35, 15, 110)]),
    (Rule(sizing_delay_cost=150), [_UNSET, (100, 30, 1000, 0), (50, 15, 400), (50, 15, 110)]),
    (Rule(sizing_delay_cost=250), [(50, 15, 400)]),
    (Rule(sizing_delay_cost=400), [_UNSET, (100, 15, 1000), (100, 30, 1000, 0)]),
    (Rule(sizing_delay_cost=700), [(50, 15, 400)]),
    (Rule(sizing_delay_cost=1000), [(100, 30, 1000, 0), (50, 15, 110)]),
    (Rule(sizing_delay_cost=10, hold_s=120), [(70, 15, 110)]),
    (Rule(sizing_delay_cost=60, hold_s=120), [(50, 15, 400)]),
    (Rule(sizing_delay_cost=10, hold_s=240), [(70, 15, 110)]),
    (Rule(sizing_delay_cost=10, hold_s=480), [(70, 15, 110)]),
    (Rule(sizing_delay_cost=150, hold_s=240), [(35, 15, 110)]),
    (Rule(sizing_delay_cost=3, min_event_prob=0.3), [(100, 15, 1000), (100, 30, 1000, 0), (70, 15, 110)]),
    (Rule(sizing_delay_cost=6, min_event_prob=0.2), [(100, 30, 1000, 0)]),
    (Rule(sizing_delay_cost=10, min_event_prob=0.12), [(100, 15, 1000)]),
    (Rule(sizing_delay_cost=30, min_event_prob=0.05), [(100, 15, 1000), (100, 30, 1000, 0)]),
    (Rule(sizing_delay_cost=100, min_event_prob=0.02), [(100, 15, 1000), (100, 30, 1000, 0)]),
    (Rule(sizing_delay_cost=300, min_event_prob=0.007), [_UNSET, (100, 15, 1000), (100, 60, 1000)]),
    (Rule(min_pods=1), [_UNSET, (70, 15, 400)]),
    (Rule(sizing_delay_cost=150, min_pods=1), [(70, 15, 110), (100, 15, 1000)]),
)
# fmt: on


def _kpa_settings(values: tuple[int, ...]) -> KpaSettings:
    """Return the settings of a row of the table."""
    if not values:
        return UNSET
    utilization, window_s, panic_threshold, retention_s = values if len(values) == 4 else (*values, 60)
    return KpaSettings(utilization, window_s, panic_threshold, retention_s)


CANDIDATES: tuple[Candidate, ...] = tuple(
    Candidate(rule, _kpa_settings(values)) for rule, rows in _TABLE for values in rows
)
"""All candidates.  Their order is that of every array over candidates."""
KPA_INDEX = 0
"""Index of the KPA alone in CANDIDATES."""
KPA_ALONE = CANDIDATES[KPA_INDEX]


def allowed(levers: frozenset[Lever], *, limited: bool) -> Iterator[tuple[int, Candidate]]:
    """Yield each distinct candidate that the levers permit, with its index in CANDIDATES.

    A candidate loses the parts that may not be set.  One that then equals an earlier candidate is left out.

    limited   containerConcurrency limits the requests in a pod; without a limit there is no utilization to
              set
    """
    seen = set()
    for index, candidate in enumerate(CANDIDATES):
        permitted = _permitted(candidate, levers, limited=limited)
        if permitted not in seen:
            seen.add(permitted)
            yield index, permitted


def _permitted(candidate: Candidate, levers: frozenset[Lever], *, limited: bool) -> Candidate:
    settings = candidate.settings
    # A shorter window removes the last pod between two requests, unless a retention holds that pod.
    window = Lever.WINDOW in levers and (Lever.RETENTION in levers or settings.retention_s is None)
    return Candidate(
        candidate.rule if Lever.FLOOR in levers else NO_FLOOR,
        replace(
            settings,
            utilization_percentage=settings.utilization_percentage
            if Lever.TARGET in levers and limited
            else None,
            window_s=settings.window_s if window else None,
            panic_threshold_percentage=settings.panic_threshold_percentage if Lever.PANIC in levers else None,
            retention_s=settings.retention_s if Lever.RETENTION in levers else None,
        ),
    )
