"""The floors of many Revisions at one moment, each by a rule of its own, or by every rule."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES, KPA, Rule

Array = NDArray[np.float64]

RULES: tuple[Rule, ...] = tuple(dict.fromkeys(candidate.rule for candidate in CANDIDATES))
"""Every rule once."""
RULE_OF = np.array([RULES.index(candidate.rule) for candidate in CANDIDATES])
"""(e,) the place of each candidate's rule among RULES."""
PLAIN = -1
"""The place of what is in force where no candidate is."""
LONGEST_HOLD_S = max(rule.hold_s for rule in RULES)


@dataclass(frozen=True, eq=False)
class Expected:
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
class InForce:
    """The candidates in force, part by part; arrays (r,) over Revisions.

    place     among CANDIDATES, or PLAIN: no candidate, but a newsvendor's floor at what a delay costs.
    worth     of the rule, NaN: no newsvendor's floor; chance: NaN, none kept for a likely request.
    always    pods; hold_s: seconds.
    settings  (r, 4) as scaler.kpa.settings.LEVERS; NaN: as the owner has it.
    guarded   the KPA alone did better: it is in force whatever was chosen.
    decided   settings were decided on; where not, those of ours that stand from a life before stay.
    """

    place: NDArray[np.intp]
    worth: Array
    chance: Array
    always: NDArray[np.int32]
    hold_s: Array
    settings: Array
    guarded: NDArray[np.bool_]
    decided: NDArray[np.bool_]


def in_force(
    place: NDArray[np.intp],
    *,
    settable: NDArray[np.bool_],
    proven: NDArray[np.bool_],
    guarded: NDArray[np.bool_],
    hold_s: float,
    plain_worth: Array,
) -> InForce:
    """The parts of the candidates at `place` (r,).

    settable      (r, 4) settings that are ours to say
    proven        (r,) the choice rests on the Revision's own traffic; else floors are held `hold_s` at least
                  and settings, which move slowly and serve all its traffic, are not touched
    guarded       (r,) the KPA alone did better lately
    plain_worth   (r,) of the newsvendor's floor, where no candidate is in force
    """
    place = np.where(guarded, KPA, place)
    plain = place == PLAIN
    worth, chance, hold, always = _OF_CANDIDATES[:, place]
    return InForce(
        place=place,
        worth=np.where(plain, plain_worth, worth),
        chance=np.where(plain, np.nan, chance),
        always=np.where(plain, 0, always).astype(np.int32),
        hold_s=np.where(proven | guarded, hold, np.maximum(np.where(plain, 0, hold), hold_s)),
        settings=np.where(settable & (proven & ~plain)[:, np.newaxis], _SETTINGS[place], np.nan),
        guarded=guarded,
        decided=proven | guarded,
    )


def name_of(place: int) -> str:
    """What is in force, in words."""
    return "floor at what a delay costs" if place == PLAIN else str(CANDIDATES[place])


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


_OF_CANDIDATES = np.array(
    [
        [_number(getattr(candidate.rule, name)) for candidate in CANDIDATES]
        for name in ("worth", "chance", "hold_s", "always")
    ]
)
_SETTINGS = np.array([candidate.setting.row() for candidate in CANDIDATES], np.float64)


def asked_by(expected: Expected, rules: Sequence[Rule]) -> NDArray[np.int32]:
    """(r, f) pods that each of f rules asks for, before it is held."""
    worths = np.array(sorted({rule.worth for rule in rules if rule.worth is not None}))
    cheapest = newsvendors(expected, np.tile(worths, (len(expected.per_pod), 1)))
    asked = np.zeros((len(expected.per_pod), len(rules)), np.int32)
    for i, rule in enumerate(rules):
        # Nothing is kept where nothing is known: the plan does not either.
        asked[:, i] = np.where(np.isnan(expected.per_pod), 0, rule.always)
        if rule.worth is not None:
            np.maximum(asked[:, i], cheapest[:, np.searchsorted(worths, rule.worth)], out=asked[:, i])
        if rule.chance is not None:
            np.maximum(asked[:, i], expected.chances >= rule.chance, out=asked[:, i])
    return asked


def asked_at(expected: Expected, chosen: InForce, price: Array) -> NDArray[np.int32]:
    """(r,) pods that each Revision's own rule asks for, when a pod-second costs price (r,) instead of 1."""
    asked = newsvendors(expected, np.nan_to_num(chosen.worth / price)[:, np.newaxis])[:, 0]
    asked = np.maximum(asked, expected.chances >= chosen.chance * price)
    return np.maximum(asked, np.where(price <= 1, chosen.always, 0)).astype(np.int32)


def newsvendors(expected: Expected, worths: Array) -> NDArray[np.int32]:
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
