"""The floors of many Revisions at one moment, each by a rule of its own, or by every rule."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES, KPA_INDEX, Rule

Array = NDArray[np.float64]

RULES: tuple[Rule, ...] = tuple(dict.fromkeys(candidate.rule for candidate in CANDIDATES))
"""Every rule once."""
RULE_OF = np.array([RULES.index(candidate.rule) for candidate in CANDIDATES])
"""(e,) the place of each candidate's rule among RULES."""
DEFAULT = -1
"""The place of what is in force where no candidate is."""
LONGEST_HOLD_S = max(rule.hold_s for rule in RULES)


@dataclass(frozen=True, eq=False)
class RuleInputs:
    """What is expected of each of r Revisions in the window of its next plan.

    rates, weights   (r, p) requests/s that the window's peak may have, and how likely each is; NaN: unknown.
    chances          (r,) that any request comes; NaN where the service has many.
    per_pod          (r,) requests/s that a pod takes; NaN where not known.
    counting_s       (r,) seconds over which arrivals are counted (scaler.plan.newsvendor).
    dispersion       (r,) variance over mean of the counts within a step; 1 = Poisson.
    """

    rates: NDArray[np.float32]
    weights: NDArray[np.float32]
    chances: Array
    per_pod: Array
    counting_s: Array
    dispersion: Array


@dataclass(frozen=True, eq=False)
class ActivePolicy:
    """The candidates in force, part by part; arrays (r,) over Revisions.

    place     among CANDIDATES, or DEFAULT: no candidate, but a newsvendor's floor at what a delay costs.
    worth     of the rule, NaN: no newsvendor's floor; chance: NaN, none kept for a likely request.
    always    pods; hold_s: seconds.
    settings  (r, 4) as scaler.kpa.settings.LEVERS; NaN: as the owner has it.
    fallback_active   the KPA_INDEX alone did better: it is in force whatever was chosen.
    decided   settings were decided on; where not, those of ours that stand from a life before stay.
    """

    place: NDArray[np.intp]
    worth: Array
    chance: Array
    always: NDArray[np.int32]
    hold_s: Array
    settings: Array
    fallback_active: NDArray[np.bool_]
    decided: NDArray[np.bool_]


def active_policy(
    place: NDArray[np.intp],
    *,
    writable: NDArray[np.bool_],
    has_evidence: NDArray[np.bool_],
    fallback_active: NDArray[np.bool_],
    hold_s: float,
    default_sizing_delay_cost: Array,
) -> ActivePolicy:
    """The parts of the candidates at `place` (r,).

    writable      (r, 4) settings that are ours to say
    has_evidence        (r,) the choice rests on the Revision's own traffic; else floors are held `hold_s` at least
                  and settings, which move slowly and serve all its traffic, are not touched
    fallback_active       (r,) the KPA_INDEX alone did better lately
    default_sizing_delay_cost   (r,) of the newsvendor's floor, where no candidate is in force
    """
    place = np.where(fallback_active, KPA_INDEX, place)
    plain = place == DEFAULT
    worth, chance, hold, always = _OF_CANDIDATES[:, place]
    return ActivePolicy(
        place=place,
        worth=np.where(plain, default_sizing_delay_cost, worth),
        chance=np.where(plain, np.nan, chance),
        always=np.where(plain, 0, always).astype(np.int32),
        hold_s=np.where(has_evidence | fallback_active, hold, np.maximum(np.where(plain, 0, hold), hold_s)),
        settings=np.where(writable & (has_evidence & ~plain)[:, np.newaxis], _SETTINGS[place], np.nan),
        fallback_active=fallback_active,
        decided=has_evidence | fallback_active,
    )


def name_of(place: int) -> str:
    """What is in force, in words."""
    return "floor at what a delay costs" if place == DEFAULT else str(CANDIDATES[place])


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


_OF_CANDIDATES = np.array(
    [
        [_number(getattr(candidate.rule, name)) for candidate in CANDIDATES]
        for name in ("worth", "chance", "hold_s", "always")
    ]
)
_SETTINGS = np.array([candidate.setting.row() for candidate in CANDIDATES], np.float64)


def rule_floors(expected: RuleInputs, rules: Sequence[Rule]) -> NDArray[np.int32]:
    """(r, f) pods that each of f rules asks for, before it is held."""
    worths = np.array(sorted({rule.worth for rule in rules if rule.worth is not None}))
    cheapest = newsvendor_floors(expected, np.tile(worths, (len(expected.per_pod), 1)))
    asked = np.zeros((len(expected.per_pod), len(rules)), np.int32)
    for i, rule in enumerate(rules):
        # Nothing is kept where nothing is known: the plan does not either.
        asked[:, i] = np.where(np.isnan(expected.per_pod), 0, rule.always)
        if rule.worth is not None:
            np.maximum(asked[:, i], cheapest[:, np.searchsorted(worths, rule.worth)], out=asked[:, i])
        if rule.chance is not None:
            np.maximum(asked[:, i], expected.chances >= rule.chance, out=asked[:, i])
    return asked


def active_floors(expected: RuleInputs, chosen: ActivePolicy, price: Array) -> NDArray[np.int32]:
    """(r,) pods that each Revision's own rule asks for, when a pod-second costs price (r,) instead of 1."""
    asked = newsvendor_floors(expected, np.nan_to_num(chosen.worth / price)[:, np.newaxis])[:, 0]
    asked = np.maximum(asked, expected.chances >= chosen.chance * price)
    return np.maximum(asked, np.where(price <= 1, chosen.always, 0)).astype(np.int32)


def newsvendor_floors(expected: RuleInputs, worths: Array) -> NDArray[np.int32]:
    """(r, c) the newsvendor's floors at worths (r, c); 0 where nothing is known."""
    from scaler.plan.newsvendor import floors_at  # noqa: PLC0415  # compiled: loaded where used

    return floors_at(
        expected.rates,
        expected.weights,
        worths,
        per_pod=expected.per_pod,
        counting_s=expected.counting_s,
        dispersion=expected.dispersion,
    )
