"""Select the services that the ensemble refits next, within a budget of CPU seconds.

The order is: services where the ensemble adds skill, then services that were never evaluated, then services
whose last evaluation is long past; within each of the three, those with most traffic times loss first.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.forecasting.ensemble import (
    N_ORIGINS,
    Ensemble,
    Executor,
    pending_refit,
    refit_pending,
    serial,
)
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey

LOCAL_CPU_S, REMOTE_CPU_S = 60.0, 3600.0
"""CPU seconds of one refit, on the machine that plans and on a Dask cluster.  Chosen by hand."""
RETRY_S = 3 * 86400
"""Seconds after which a service where the ensemble added no skill is evaluated again.  Chosen by hand."""
UPDATE_SHARE = 0.75
"""Largest share of the budget for services where the ensemble adds skill; the rest is left for new ones.
Chosen by hand."""
ORIGIN_CPU_S, FULL_STEPS = 0.2, 4032
"""CPU seconds of all members at one origin of FULL_STEPS steps: two weeks of five minutes."""
FIXED_COST_SHARE = 0.2
"""Share of ORIGIN_CPU_S that does not depend on the number of steps."""
DAY_S = 86400


def refresh(
    ensemble: Ensemble,
    history: FleetHistory,
    loss: NDArray[np.floating[Any]],
    *,
    cpu_s: float,
    executor: Executor = serial,
) -> Ensemble:
    """The ensemble after one refit: select the services, refit them, and drop deleted services.

    history   all services, on the coarse grid
    loss      (s,) present loss of each service per request, on any scale
    cpu_s     CPU seconds that all workers together may use
    """
    day = max(1, DAY_S // history.step_s)
    n = history.arrivals.shape[1]
    selected = select_for_refit(
        ensemble,
        history.keys,
        refit_priority(history.arrivals[:, -day:], loss),
        end_s=history.end_s,
        steps=n,
        cpu_s=cpu_s,
    )
    subset = replace(
        history,
        keys=tuple(history.keys[row] for row in selected),
        arrivals=history.arrivals[selected],
        service_time_s=history.service_time_s[selected],
    )
    return refit_pending(pending_refit(ensemble, history.keys, subset), executor)


def refit_priority(recent: NDArray[np.float32], loss: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(s,) mean traffic times loss: how much a service could gain from a better forecast.

    recent   (s, n) requests/s of the last day; NaN = not observed, counts as 0
    loss     (s,) loss per request; NaN counts as 0
    """
    rates = np.nan_to_num(recent)
    mean = rates.mean(axis=1, dtype=np.float64) if rates.shape[1] else np.zeros(len(rates))
    return np.asarray(mean * np.nan_to_num(loss), np.float64)


def select_for_refit(
    ensemble: Ensemble,
    keys: tuple[ServiceKey, ...],
    priority: NDArray[np.float64],
    *,
    end_s: int,
    steps: int,
    cpu_s: float,
) -> list[int]:
    """Rows of the services to refit, in the order of the module's docstring; as many as the budget allows.

    keys       (s,)
    priority   (s,) as `refit_priority` returns it; a service with 0 is never selected
    end_s      Unix seconds at which the history ends
    steps      steps of the history of each service
    cpu_s      CPU seconds that all workers together may use
    """
    ranks, evaluation_s, update_s = [], _cpu_cost_s(steps, N_ORIGINS + 1), _cpu_cost_s(steps, 2)
    for row in np.flatnonzero(priority > 0).tolist():
        record = ensemble.records.get(keys[row])
        if record is None:
            ranks.append((1, -priority[row], row))
        elif record.skill.adds_skill:
            ranks.append((0, -priority[row], row))
        elif end_s - record.evaluated_s >= RETRY_S:
            ranks.append((2, -priority[row], row))
    selected, left_s = [], cpu_s
    for rank, _, row in sorted(ranks):
        cost_s = evaluation_s if rank else update_s
        if cost_s > left_s - (0 if rank else (1 - UPDATE_SHARE) * cpu_s):
            continue
        selected.append(row)
        left_s -= cost_s
    return selected


def _cpu_cost_s(steps: int, origins: int) -> float:
    """Approximate CPU seconds of evaluating one service at `origins` origins."""
    return ORIGIN_CPU_S * origins * min(1.0, FIXED_COST_SHARE + steps / FULL_STEPS)
