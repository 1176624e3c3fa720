"""The ensemble of a fleet: which services are refit, what is recorded, no forecast where it adds no skill."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from forecaster.forecasting.ensemble import N_ORIGINS, Ensemble, EnsembleForecast, ServiceRecord
from forecaster.forecasting.refit_schedule import (
    ORIGIN_CPU_S,
    RETRY_S,
    refit_priority,
    refresh,
    select_for_refit,
)
from models.ensemble.rolling import Skill
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey

STEP_S, DAY = 3600, 24
END_S = 1_800_000_000 // STEP_S * STEP_S
SKILL, NO_SKILL = Skill(0.3, 9.0, "sm MSTL", 0.0), Skill(0.0, 0.0, "EWMA", 0.2)


def history(*services: Any, days: int = 28, later: int = 0) -> FleetHistory:
    """By kind of service: "weekdays" can be forecast, a number is a constant rate."""
    steps = np.arange(days * DAY + later)
    rows: list[Any] = []
    for i, kind in enumerate(services):
        rng = np.random.default_rng(i)
        if kind == "weekdays":
            mean = np.where(steps % DAY < 10, 5.0, 40.0) * np.where(steps // DAY % 7 < 5, 1.0, 0.3)
            rows.append(mean * rng.lognormal(0, 0.05, steps.size))
        else:
            rows.append(np.full(steps.size, kind))
    keys = tuple(ServiceKey("shop", f"{i:03d}") for i in range(len(services)))
    arrivals = np.array(rows, np.float32)
    start_s = END_S - days * DAY * STEP_S
    return FleetHistory(keys, arrivals, start_s, STEP_S, np.full(len(keys), np.nan))


def record(skill: Skill, age_s: int) -> ServiceRecord:
    no_forecasts = np.empty((0, 1, 4), np.float32)
    no_path = np.full(4, np.nan, np.float32)
    return ServiceRecord(np.empty(0, np.int64), no_forecasts, END_S - age_s, skill, no_path)


@pytest.fixture(scope="module", name="ensemble")
def _ensemble() -> Ensemble:
    """After the first refit of one service that can be forecast and of two that cannot."""
    return refresh(Ensemble(STEP_S), history("weekdays", 3.0, np.nan), np.ones(3), cpu_s=1e3)


def test_ensemble_forecasts_only_services_where_skill_is_added(ensemble: Ensemble) -> None:
    keys = history("weekdays", 3.0, np.nan).keys
    rates = ensemble.forecast(keys).rates
    assert rates.shape == (3, 7200 // STEP_S)
    assert np.isfinite(rates[0]).all()
    assert np.isnan(rates[1:]).all()
    assert ensemble.records[keys[0]].skill.adds_skill
    actual = history("weekdays", later=2).arrivals[0, -2:]
    assert np.abs(np.log(rates[0] / actual)).mean() < 0.2


def test_second_refit_adds_one_origin_to_record(ensemble: Ensemble) -> None:
    (key,) = history("weekdays").keys
    first = ensemble.records[key]
    ensemble = refresh(ensemble, history("weekdays", later=1), np.ones(1), cpu_s=1e3)
    second = ensemble.records[key]
    assert second.origins_s.size == first.origins_s.size + 1
    np.testing.assert_array_equal(second.member_forecasts[:-1], first.member_forecasts)
    assert second.origins_s[-1] == END_S + STEP_S


def test_peak_of_forecast_is_nan_beyond_horizon() -> None:
    forecast = EnsembleForecast(
        300, np.array([END_S, END_S, 0]), np.array([[1, 5, 3], [np.nan] * 3, [1, 2, 3]], "f4")
    )

    def peak(from_s: int, until_s: int) -> Any:
        return forecast.peak(from_s, np.full(3, float(until_s)))[:2]

    np.testing.assert_array_equal(peak(END_S, END_S + 1), [1, np.nan])
    np.testing.assert_array_equal(peak(END_S + 200, END_S + 400), [5, np.nan])
    np.testing.assert_array_equal(peak(END_S + 600, END_S + 9000), [3, np.nan])
    np.testing.assert_array_equal(peak(END_S + 900, END_S + 9000), [np.nan, np.nan])
    np.testing.assert_array_equal(peak(END_S - 600, END_S), [np.nan, np.nan])


def test_refit_drops_records_of_deleted_services_and_of_other_grids() -> None:
    ensemble = Ensemble(STEP_S, {ServiceKey("shop", "deleted"): record(SKILL, 3600)})
    assert refresh(ensemble, history(1.0), np.ones(1), cpu_s=0).records == {}
    other_grid = Ensemble(300, {history(1.0).keys[0]: record(SKILL, 3600)})
    assert refresh(other_grid, history(1.0), np.ones(1), cpu_s=0).records == {}


def selected(ensemble: Ensemble, fleet: FleetHistory, loss: list[float], cpu_s: float) -> list[int]:
    priority = refit_priority(fleet.arrivals[:, -DAY:], np.array(loss))
    steps = fleet.arrivals.shape[1]
    return select_for_refit(ensemble, fleet.keys, priority, end_s=fleet.end_s, steps=steps, cpu_s=cpu_s)


def test_refit_selects_largest_traffic_times_loss_first() -> None:
    fleet = history(1.0, 5.0, 2.0, 0.0)
    assert selected(Ensemble(STEP_S), fleet, [1, 1, 4, 9], 1e3) == [2, 1, 0]
    assert selected(Ensemble(STEP_S), fleet, [1, 1, np.nan, 9], 1e3) == [1, 0]


def test_cpu_budget_bounds_number_of_selected_services() -> None:
    fleet = history(*(float(i + 1) for i in range(20)))
    service_cpu_s = ORIGIN_CPU_S * (N_ORIGINS + 1)
    assert selected(Ensemble(STEP_S), fleet, [1.0] * 20, 0) == []
    rows = selected(Ensemble(STEP_S), fleet, [1.0] * 20, 3 * service_cpu_s)
    assert rows[:3] == [19, 18, 17]
    assert len(rows) < 20


def test_services_with_skill_are_refit_and_others_wait_for_retry() -> None:
    fleet = history(1.0, 2.0, 3.0, 4.0)
    records = {
        fleet.keys[0]: record(SKILL, 3600),
        fleet.keys[2]: record(NO_SKILL, 3600),
        fleet.keys[3]: record(NO_SKILL, RETRY_S),
    }
    assert selected(Ensemble(STEP_S, records), fleet, [1.0] * 4, 1e3) == [0, 1, 3]


def test_new_service_is_selected_beside_many_with_skill() -> None:
    fleet = history(*([9.0] * 200), 1.0)
    records = {key: record(SKILL, 3600) for key in fleet.keys[:200]}
    assert 200 in selected(Ensemble(STEP_S, records), fleet, [1.0] * 201, 30.0)


@pytest.mark.parametrize("steps", [0, 1, 20, 100])
def test_short_history_gives_no_forecast(steps: int) -> None:
    fleet = history("weekdays")
    fleet = replace(fleet, arrivals=fleet.arrivals[:, :steps])
    ensemble = refresh(Ensemble(STEP_S), fleet, np.ones(1), cpu_s=1e3)
    assert np.isnan(ensemble.forecast(fleet.keys).rates).all()
