"""One plan for the whole fleet: which floor each Revision should have now, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models import rows
from models.forecast import FleetForecast
from models.keys import RevisionKey
from scaler.plan.bounds import Bound, bounded, shared_budget
from scaler.plan.floor import CATCH, cheapest_floor, level_weights, worth_keeping_warm
from scaler.plan.spec import FleetSpec

LEAST_COUNTING_S = 1.0


class Reason(IntEnum):
    """What a floor comes from."""

    FORECAST = 0
    KEEP_WARM = 1
    NOTHING_COMING = 2
    HELD = 3
    NO_FORECAST = 4
    NO_SERVICE_TIME = 5
    UNREACHABLE = 6
    OFF = 7
    STALE = 8

    def __str__(self) -> str:
        return {
            Reason.FORECAST: "forecast",
            Reason.KEEP_WARM: "first pod kept warm",
            Reason.NOTHING_COMING: "left to the KPA",
            Reason.HELD: "held",
            Reason.NO_FORECAST: "no forecast yet",
            Reason.NO_SERVICE_TIME: "service time not known",
            Reason.UNREACHABLE: "unreachable",
            Reason.OFF: "off",
            Reason.STALE: "data too old",
        }[self]


@dataclass(frozen=True)
class Plan:
    """The plan of one Revision, for people."""

    key: RevisionKey
    floor: int
    wanted: int
    """Pods the forecast asked for, before hold and bounds."""
    reason: Reason
    bound: Bound
    median: float
    """Requests/s expected at the peak of the window; NaN where there is no forecast."""
    high: float
    """Requests/s that the peak stays below with probability 0.95."""
    peak_demand: float
    """Requests in flight (requests/s where it scales on rps) that `wanted` pods were chosen for."""
    service_time_s: float
    lead_s: float


@dataclass(frozen=True, eq=False)
class FleetPlan:
    """Plans of a fleet, arrays over revisions (r,).

    floor, wanted   pods; reason, bound: codes of Reason and Bound.
    settings        (r, 4) target utilisation %, window s, panic threshold %, retention s; NaN = leave alone.
    median, high    requests/s; peak_demand: requests in flight (or requests/s), NaN where not known.
    service_time_s  seconds; lead_s: seconds the window reaches beyond now.
    at_s            Unix seconds the plan was made for.
    """

    keys: tuple[RevisionKey, ...]
    floor: NDArray[np.int32]
    wanted: NDArray[np.int32]
    reason: NDArray[np.uint8]
    bound: NDArray[np.uint8]
    settings: NDArray[np.float64]
    median: NDArray[np.float64]
    high: NDArray[np.float64]
    peak_demand: NDArray[np.float64]
    service_time_s: NDArray[np.float64]
    lead_s: NDArray[np.float64]
    at_s: int

    def __getitem__(self, key: RevisionKey) -> Plan:
        """The plan of one Revision; KeyError where there is none."""
        try:
            return self.at(self.keys.index(key))
        except ValueError:
            raise KeyError(key) from None

    def at(self, row: int) -> Plan:
        """The plan of the Revision in that row."""
        return Plan(
            key=self.keys[row],
            floor=int(self.floor[row]),
            wanted=int(self.wanted[row]),
            reason=Reason(int(self.reason[row])),
            bound=Bound(int(self.bound[row])),
            median=float(self.median[row]),
            high=float(self.high[row]),
            peak_demand=float(self.peak_demand[row]),
            service_time_s=float(self.service_time_s[row]),
            lead_s=float(self.lead_s[row]),
        )


@dataclass(frozen=True, eq=False)
class Held:
    """What was wanted lately: asks (r, k) pods, one column a plan, newest last."""

    keys: tuple[RevisionKey, ...]
    asks: NDArray[np.int32]


NOTHING_HELD = Held((), np.empty((0, 0), np.int32))


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When plans are made.  period_s: between two; hold_s: how long less must have been asked for to let go."""

    period_s: float
    hold_s: float


def lead_s(spec: FleetSpec, timing: Timing) -> NDArray[np.float64]:
    """(r,) seconds from now that a plan must carry: start-up, and until the next plan."""
    return spec.startup_s + timing.period_s


def service_leads(spec: FleetSpec, timing: Timing, forecast_keys: tuple[object, ...]) -> NDArray[np.float64]:
    """(s,) the longest lead among a service's revisions; one period where it has none."""
    row = {key: i for i, key in enumerate(forecast_keys)}
    leads = np.full(len(forecast_keys), timing.period_s)
    at = np.array([row.get(key, -1) for key in spec.services], np.intp)
    np.maximum.at(leads, at[at >= 0], lead_s(spec, timing)[at >= 0])
    return leads


def plan_fleet(
    forecast: FleetForecast,
    spec: FleetSpec,
    held: Held,
    *,
    service_row: NDArray[np.intp],
    service_time_s: NDArray[np.float64],
    dispersion: NDArray[np.float64],
    timing: Timing,
    now_s: int,
    budgets: Mapping[str, int] | None = None,
    max_total_pods: int | None = None,
) -> tuple[FleetPlan, Held]:
    """The plan at `now_s`, and what is held from it.

    service_row (r,): the row in `forecast` of each Revision's service, -1 = it has none.
    service_time_s, dispersion (s,): per service.  budgets: namespace -> pods; max_total_pods: all together.
    """
    known = (service_row >= 0) & np.append(forecast.known, False)[service_row]
    leads = lead_s(spec, timing)
    rates = _window_rates(forecast, spec, service_row, known, now_s, leads)
    served_s = np.where(known, np.append(service_time_s, np.nan)[service_row], np.nan)
    spread = np.append(dispersion, 1.0)[service_row]
    with np.errstate(invalid="ignore"):
        per_pod = np.where(spec.rps, spec.total_value, spec.total_value / served_s)
    capable = np.isfinite(per_pod)
    per_pod = np.where(capable, per_pod, 1.0)
    counting_s = np.where(spec.rps, 1.0, np.fmax(served_s, LEAST_COUNTING_S))
    weights = level_weights(forecast.levels)

    admissible = np.where(np.isnan(spec.max_delayed), 1 / (CATCH * spec.worth * per_pod), spec.max_delayed)

    def ask(price: NDArray[np.float64]) -> NDArray[np.int32]:
        pods = cheapest_floor(
            rates,
            weights,
            per_pod=per_pod,
            counting_s=counting_s,
            dispersion=spread,
            admissible=price * admissible,
        )
        warm = worth_keeping_warm(
            rates,
            weights,
            worth=spec.worth / price,
            startup_s=spec.startup_s,
            period_s=timing.period_s,
        )
        pods = np.where(capable, np.maximum(pods, warm > 0), warm > 0)
        return np.where(known & spec.reachable & ~spec.off, pods, 0).astype(np.int32)

    wanted = _within_budgets(ask, spec, budgets or {}, max_total_pods)
    kept, held = _hold(held, spec.keys, wanted, timing)
    kept = np.where(spec.reachable & ~spec.off, kept, 0).astype(np.int32)
    floor, bound = bounded(
        kept,
        [
            (Bound.MIN, np.maximum, np.where(spec.reachable & ~spec.off, spec.least, 0)),
            (Bound.MAX, np.minimum, spec.most),
            (Bound.OWNER_MAX, np.minimum, spec.owner_max),
            (Bound.ACTIVATION_SCALE, np.minimum, spec.activation),
            (Bound.OWNER_MIN, np.maximum, np.where(spec.reachable, spec.owner_min, 0)),
        ],
    )
    reason = np.select(
        [spec.off, ~spec.reachable, ~known, kept > wanted, ~capable & (wanted > 0), wanted > 1, wanted == 1],
        [
            Reason.OFF,
            Reason.UNREACHABLE,
            Reason.NO_FORECAST,
            Reason.HELD,
            Reason.NO_SERVICE_TIME,
            Reason.FORECAST,
            Reason.KEEP_WARM,
        ],
        Reason.NOTHING_COMING,
    )
    plan = FleetPlan(
        keys=spec.keys,
        floor=floor,
        wanted=wanted,
        reason=reason.astype(np.uint8),
        bound=bound,
        settings=np.full((len(spec.keys), 4), np.nan),
        median=np.where(known, _level(rates, forecast.levels, 0.5), np.nan),
        high=np.where(known, _level(rates, forecast.levels, 0.95), np.nan),
        peak_demand=np.where(capable & known, wanted * spec.total_value, np.nan),
        service_time_s=served_s,
        lead_s=leads,
        at_s=now_s,
    )
    return plan, held


def _window_rates(
    forecast: FleetForecast,
    spec: FleetSpec,
    service_row: NDArray[np.intp],
    known: NDArray[np.bool_],
    now_s: int,
    leads: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(r, q) requests/s: each quantile's peak over the Revision's window, its share of it."""
    steps = forecast.values.shape[2]
    first = min(max(0, (now_s - forecast.origin_s) // forecast.step_s), steps - 1)
    last = np.ceil((now_s - forecast.origin_s + leads) / forecast.step_s)
    # Revisions of a service may start up at different speeds: a running peak has every lead's answer.
    running = np.maximum.accumulate(forecast.values[:, :, first:], axis=2)
    reach = np.clip(last - first - 1, 0, steps - first - 1).astype(np.intp)
    rates = running[service_row, :, reach].astype(np.float64) * spec.share[:, None]
    rates[~known] = 0
    return rates


def _within_budgets(
    ask: Callable[[NDArray[np.float64]], NDArray[np.int32]],
    spec: FleetSpec,
    budgets: Mapping[str, int],
    max_total_pods: int | None,
) -> NDArray[np.int32]:
    """What is wanted under the namespaces' budgets, and then under the one of all together."""
    names = {name: i for i, name in enumerate(sorted(budgets))}
    if names:
        group = np.array([names.get(key.namespace, -1) for key in spec.keys], np.intp)
        wanted = shared_budget(ask, group, np.array([budgets[name] for name in names], np.float64))
    else:
        wanted = ask(np.ones(len(spec.keys)))
    if max_total_pods is None or wanted.sum() <= max_total_pods:
        return wanted
    everyone = np.zeros(len(spec.keys), np.intp)
    return shared_budget(
        lambda price: np.minimum(ask(price), wanted), everyone, np.array([float(max_total_pods)])
    )


def _hold(
    held: Held, keys: tuple[RevisionKey, ...], wanted: NDArray[np.int32], timing: Timing
) -> tuple[NDArray[np.int32], Held]:
    """The most that was wanted within `hold_s`, and the asks to go on with."""
    asks = held.asks
    if keys != held.keys:
        asks = rows.carry(asks, rows.where_before(held.keys, keys))
    columns = 1 + int(timing.hold_s // timing.period_s)
    asks = np.concatenate(
        [asks[:, -(columns - 1) :] if columns > 1 else asks[:, :0], wanted[:, None]], axis=1
    )
    return np.asarray(asks.max(axis=1), np.int32), Held(keys, asks)


def _level(rates: NDArray[np.float64], levels: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    return np.asarray(rates[:, int(np.argmin(np.abs(levels - level)))], np.float64)
