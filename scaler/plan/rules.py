"""Compute the floors that rules of candidates give to many Revisions at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES, KPA_INDEX, Rule

Array = NDArray[np.float64]

RULES: tuple[Rule, ...] = tuple(dict.fromkeys(candidate.rule for candidate in CANDIDATES))
"""Every distinct rule of the candidates."""
RULE_OF = np.array([RULES.index(candidate.rule) for candidate in CANDIDATES])
"""(e,) index in RULES of the rule of each candidate."""
DEFAULT = -1
"""The default policy in arrays of candidate indices: a newsvendor floor and the owner's settings."""
LONGEST_HOLD_S = max(rule.hold_s for rule in RULES)


@dataclass(frozen=True, eq=False)
class RuleInputs:
    """What rules read of r Revisions, for the window of the next plan.

    point_rates     (r, p) requests/s that the peak of the window may have; NaN = no forecast or no capacity.
    point_weights   (r, p) probability of each.
    event_prob      (r,) probability that any request arrives; NaN where the service has frequent requests.
    per_pod         (r,) requests/s that a pod serves; NaN = not known.
    counting_s      (r,) seconds whose arrivals a floor must hold: the service time, at least MIN_COUNTING_S.
    dispersion      (r,) variance over mean of the counts of a second; 1 = Poisson.
    """

    point_rates: NDArray[np.float32]
    point_weights: NDArray[np.float32]
    event_prob: Array
    per_pod: Array
    counting_s: Array
    dispersion: Array


@dataclass(frozen=True, eq=False)
class ActivePolicy:
    """The policy that is active for each of r Revisions, part by part.

    candidate           (r,) index in CANDIDATES, or DEFAULT.
    sizing_delay_cost   (r,) pod-seconds per delayed request for the newsvendor floor; NaN = no such floor.
    min_event_prob      (r,) one pod from this event probability on; NaN = never.
    min_pods            (r,) pods.
    hold_s              (r,) seconds.
    settings            (r, 4) as scaler.kpa.settings.LEVERS; NaN = the owner's value.
    fallback_active     (r,) the KPA alone is active, whatever the selection is (guard).
    decided             (r,) the settings are decided.  Where they are not, values that an earlier process
                        of Tidecast set stay.
    """

    candidate: NDArray[np.intp]
    sizing_delay_cost: Array
    min_event_prob: Array
    min_pods: NDArray[np.int32]
    hold_s: Array
    settings: Array
    fallback_active: NDArray[np.bool_]
    decided: NDArray[np.bool_]


def active_policy(
    candidate: NDArray[np.intp],
    *,
    writable: NDArray[np.bool_],
    has_evidence: NDArray[np.bool_],
    fallback_active: NDArray[np.bool_],
    hold_s: float,
    default_sizing_delay_cost: Array,
) -> ActivePolicy:
    """Return the parts of the selected candidates.

    candidate                   (r,) index in CANDIDATES, or DEFAULT
    writable                    (r, 4) settings that Tidecast may set
    has_evidence                (r,) the selection rests on the Revision's own traffic.  Without evidence a
                                floor is held for at least `hold_s`, and settings stay: they change slowly and
                                apply to all traffic.
    fallback_active             (r,) the guard selects the KPA alone
    default_sizing_delay_cost   (r,) pod-seconds per delayed request of the default policy
    """
    candidate = np.where(fallback_active, KPA_INDEX, candidate)
    default = candidate == DEFAULT
    sizing, min_event_prob, hold, min_pods = _RULE_PARTS[:, candidate]
    return ActivePolicy(
        candidate=candidate,
        sizing_delay_cost=np.where(default, default_sizing_delay_cost, sizing),
        min_event_prob=np.where(default, np.nan, min_event_prob),
        min_pods=np.where(default, 0, min_pods).astype(np.int32),
        hold_s=np.where(has_evidence | fallback_active, hold, np.maximum(np.where(default, 0, hold), hold_s)),
        settings=np.where(writable & (has_evidence & ~default)[:, np.newaxis], _SETTINGS[candidate], np.nan),
        fallback_active=fallback_active,
        decided=has_evidence | fallback_active,
    )


def policy_name(candidate: int) -> str:
    """Return the active policy in words: a candidate by its index in CANDIDATES, or DEFAULT."""
    return "default policy" if candidate == DEFAULT else str(CANDIDATES[candidate])


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


_RULE_PARTS = np.array(
    [
        [_number(getattr(candidate.rule, name)) for candidate in CANDIDATES]
        for name in ("sizing_delay_cost", "min_event_prob", "hold_s", "min_pods")
    ]
)
"""(4, e) the parts of the rule of each candidate; NaN = the rule does not have that part."""
_SETTINGS = np.array([candidate.settings.row() for candidate in CANDIDATES], np.float64)
"""(e, 4) the settings of each candidate as LEVERS; NaN = the owner's value."""


def rule_floors(inputs: RuleInputs, rules: Sequence[Rule]) -> NDArray[np.int32]:
    """Return the floors (r, f), in pods, of f rules for r Revisions, before they are held."""
    costs = np.array(sorted({rule.sizing_delay_cost for rule in rules if rule.sizing_delay_cost is not None}))
    by_cost = newsvendor_floors(inputs, np.tile(costs, (len(inputs.per_pod), 1)))
    floors = np.zeros((len(inputs.per_pod), len(rules)), np.int32)
    for i, rule in enumerate(rules):
        # No floor without a forecast, as in `plan_fleet`.
        floors[:, i] = np.where(np.isnan(inputs.per_pod), 0, rule.min_pods)
        if rule.sizing_delay_cost is not None:
            sized = by_cost[:, np.searchsorted(costs, rule.sizing_delay_cost)]
            np.maximum(floors[:, i], sized, out=floors[:, i])
        if rule.min_event_prob is not None:
            np.maximum(floors[:, i], inputs.event_prob >= rule.min_event_prob, out=floors[:, i])
    return floors


def active_floors(inputs: RuleInputs, policy: ActivePolicy, pod_cost: Array) -> NDArray[np.int32]:
    """Return the floors (r,), in pods, of the active rules.

    pod_cost   (r,) cost of a pod-second; 1 unless a budget makes pods scarce
    """
    costs = np.nan_to_num(policy.sizing_delay_cost / pod_cost)[:, np.newaxis]
    floors = newsvendor_floors(inputs, costs)[:, 0]
    floors = np.maximum(floors, inputs.event_prob >= policy.min_event_prob * pod_cost)
    return np.maximum(floors, np.where(pod_cost <= 1, policy.min_pods, 0)).astype(np.int32)


def newsvendor_floors(inputs: RuleInputs, sizing_delay_costs: Array) -> NDArray[np.int32]:
    """Return the newsvendor floors (r, c), in pods, at delay costs (r, c); 0 where an input is NaN."""
    from scaler.plan.newsvendor import floors_at  # noqa: PLC0415  # compiled: loaded where used

    return floors_at(
        inputs.point_rates,
        inputs.point_weights,
        sizing_delay_costs,
        per_pod=inputs.per_pod,
        counting_s=inputs.counting_s,
        dispersion=inputs.dispersion,
    )
