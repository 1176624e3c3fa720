"""Services with odd traffic in one fleet: each has a forecast or none, and no plan fails because of any."""

import builders
import numpy as np
import pytest
from numpy.typing import NDArray

from forecaster.forecasting.ensemble import refit_pending
from forecaster.sources.demand import Demand
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.controller.planner import Planner
from scaler.controller.timing import LoopIntervals
from scaler.plan.fleet import fleet_spec
from scaler.plan.revision import RevisionSpec
from scaler.plan.timing import PlanTiming

DAY_S, STEP_S, COARSE_S = 86400, 30, 300
BEGIN_S = 1_800_000_000 // DAY_S * DAY_S
INTERVALS = LoopIntervals(
    step_s=STEP_S,
    coarse_s=COARSE_S,
    recent_s=DAY_S // 4,
    history_s=4 * DAY_S,
    refit_s=3600,
    plan=PlanTiming(period_s=STEP_S, hold_s=120),
)
KINDS = (
    "usual",
    "constant",
    "silent",
    "one point",
    "never seen",
    "gap of days",
    "negative",
    "absurd",
    "thousandfold",
)


def rates(kind: str, times_s: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the requests/s (n,) of a service of that kind."""
    rng = np.random.default_rng(int(times_s[0]))
    usual = rng.poisson(5 * (2 + np.sin(2 * np.pi * times_s / DAY_S)) * STEP_S) / STEP_S
    since_s = times_s - BEGIN_S
    odd = {
        "constant": np.full(len(usual), 7.0),
        "silent": np.zeros(len(usual)),
        "one point": np.where(since_s == -STEP_S, 3.0, np.nan),
        "never seen": np.full(len(usual), np.nan),
        "gap of days": np.where((since_s > -3 * DAY_S) & (since_s < -3600), np.nan, usual),
        "negative": np.where(since_s % 3600 == 0, -50.0, usual),
        "absurd": np.where(since_s % 7200 == 0, 1e12, usual),
        "thousandfold": np.where(since_s >= 0, 1000 * usual, usual),
    }
    return odd.get(kind, usual)


def demand_of(from_s: int, until_s: int, step_s: int) -> Demand:
    times_s = np.arange(from_s, until_s, step_s)
    arrivals = np.array([rates(kind, times_s) for kind in KINDS])
    services = {RevisionKey("odd", f"{kind}-1"): ServiceKey("odd", kind) for kind in KINDS}
    return builders.demand(arrivals, from_s, step_s, services, service_time_s=0.2)


@pytest.mark.slow
def test_odd_services_have_a_forecast_or_none_and_every_plan_succeeds() -> None:
    revisions = [
        RevisionSpec(
            key=RevisionKey("odd", f"{kind}-1"), service=ServiceKey("odd", kind), container_concurrency=4
        )
        for kind in KINDS
    ]
    spec = fleet_spec(revisions, np.full(len(KINDS), 20.0))
    planner = Planner(INTERVALS, BEGIN_S - 4 * DAY_S)
    planner.set_fleet(spec, revisions)
    planner.load_history(demand_of(BEGIN_S - 4 * DAY_S, BEGIN_S - DAY_S // 4, COARSE_S))
    planner.warm_up(demand_of(BEGIN_S - DAY_S // 4, BEGIN_S, STEP_S))
    for i in range(20):
        # The clock steps back once: known demand is read again.
        now_s = BEGIN_S + (i - 3 if i == 10 else i) * STEP_S
        planner.observe(demand_of(now_s, now_s + STEP_S, STEP_S))
        forecast = planner.forecast()
        assert np.isfinite(forecast.values).all()
        assert (np.diff(forecast.values, axis=1) >= 0).all()
        plan = planner.plan(spec, now_s + STEP_S)
        assert (plan.floor >= 0).all()
    planner.signals.ensemble = refit_pending(planner.prepare_refit(5.0))
    planner.observe(demand_of(BEGIN_S + 20 * STEP_S, BEGIN_S + 21 * STEP_S, STEP_S))
    known = dict(zip(KINDS, planner.forecast().known[np.argsort(np.argsort(KINDS))], strict=True))
    assert not known["never seen"]
    assert known["usual"]
    assert known["constant"]
    row = planner.state.keys.index(ServiceKey("odd", "usual"))
    assert 2 < planner.forecast().values[row, 3, 0] < 40
