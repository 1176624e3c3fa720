"""The numbers behind one floor, for a person who asks why."""

from dataclasses import dataclass

import numpy as np

from forecaster.diagnose import Diagnosis, diagnose
from models import calibrate, lograte
from models.combine import LEVELS as SCORED
from models.members import MEMBERS
from scaler.cycle import Cycle
from scaler.plan.floor import CATCH, level_weights, shortage
from scaler.plan.plan import LEAST_COUNTING_S
from scaler.plan.result import FleetPlan, Plan
from scaler.plan.spec import FleetSpec

SHOWN = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Step:
    """One step ahead: seconds from now where it begins, and requests/s at SHOWN levels."""

    from_now_s: int
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Voice:
    """One member: how much it counts, where it sees the window's peak, how far off it usually is.

    peak: requests/s; None: it does not say.  error: factor, 1.1 = a tenth off.  loss: pinball, requests/s.
    """

    name: str
    weight: float
    peak: float | None
    error: float
    loss: float


@dataclass(frozen=True)
class Choice:
    """One number of pods: the chance that it is not enough, and what one more pod would save.

    saves: pod-seconds saved for each pod-second it costs; above 1 it is worth having.
    """

    pods: int
    short: float
    saves: float


@dataclass(frozen=True)
class Explanation:
    """Everything behind one floor."""

    plan: Plan
    share: float
    per_pod: float
    """Requests/s that a pod takes."""
    worth: float
    """Pod-seconds that one request not delayed is worth."""
    sigma: float
    """Usual error of the window's peak, as a factor."""
    steps: tuple[Step, ...]
    members: tuple[Voice, ...]
    choices: tuple[Choice, ...]
    observed_s: int
    """Seconds of history in which the service was observed."""
    second_opinion: Diagnosis


def explain(cycle: Cycle, spec: FleetSpec, plan: FleetPlan, row: int) -> Explanation:
    """The explanation of the Revision in that row; KeyError where its service is not known."""
    service = spec.services[row]
    if service not in cycle.state.keys:
        raise KeyError(service)
    i = cycle.state.keys.index(service)
    one = plan.at(row)
    history = cycle.grids.coarse.history(cycle.grids.service_time_s)
    arrivals = history.arrivals[i]
    ahead = max(1, int(np.ceil(one.lead_s / history.step_s)))
    return Explanation(
        plan=one,
        share=float(spec.share[row]),
        per_pod=_per_pod(spec, one, row),
        worth=float(spec.worth[row]),
        sigma=float(np.exp(calibrate.sigma(cycle.state.errors, cycle.state.origin_s)[i])),
        steps=_steps(cycle, i, plan.at_s, float(spec.share[row])),
        members=_voices(cycle, i, float(spec.share[row])),
        choices=_choices(plan, spec, one, row),
        observed_s=int((~np.isnan(arrivals)).sum()) * history.step_s,
        second_opinion=diagnose(arrivals, step_s=history.step_s, steps=ahead),
    )


def _per_pod(spec: FleetSpec, one: Plan, row: int) -> float:
    total = float(spec.total_value[row])
    return total if spec.rps[row] else total / one.service_time_s


def _steps(cycle: Cycle, i: int, now_s: int, share: float) -> tuple[Step, ...]:
    forecast = cycle.forecast()
    columns = [int(np.argmin(np.abs(forecast.levels - level))) for level in SHOWN]
    values = share * forecast.values[i][columns]
    return tuple(
        Step(forecast.origin_s + k * forecast.step_s - now_s, tuple(float(v) for v in values[:, k]))
        for k in range(values.shape[1])
    )


def _voices(cycle: Cycle, i: int, share: float) -> tuple[Voice, ...]:
    state = cycle.state
    slot = state.origin_s // state.step_s % state.recent.shape[1]
    peaks = share * lograte.to_rate(state.said.members[i, slot], state.step_s)
    return tuple(
        Voice(
            name=name,
            weight=float(state.weights[i, m]),
            peak=None if np.isnan(peaks[m]) else float(peaks[m]),
            error=float(np.exp(state.standing.error[i, m])),
            loss=share * float(state.standing.loss[i, m]) * len(SCORED),
        )
        for m, name in enumerate(MEMBERS)
    )


def _choices(plan: FleetPlan, spec: FleetSpec, one: Plan, row: int) -> tuple[Choice, ...]:
    """Numbers of pods around the one wanted, as scaler.plan.floor weighs them."""
    per_pod = _per_pod(spec, one, row)
    if not np.isfinite(per_pod):
        return ()
    around = np.arange(max(0, one.wanted - 3), one.wanted + 4)
    every = np.ones(around.size)
    short = shortage(
        around,
        np.tile(plan.rates[row].astype(np.float64), (around.size, 1)),
        level_weights(plan.levels),
        per_pod=per_pod * every,
        counting_s=(LEAST_COUNTING_S if spec.rps[row] else max(one.service_time_s, LEAST_COUNTING_S)) * every,
        dispersion=every,
    )
    saves = CATCH * float(spec.worth[row]) * per_pod * short
    return tuple(Choice(int(n), float(p), float(v)) for n, p, v in zip(around, short, saves, strict=True))
