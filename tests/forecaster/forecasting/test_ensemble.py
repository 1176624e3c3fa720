"""The slow lane of a fleet: whose turn it is, what it remembers, and silence where it does not pay."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from forecaster.forecasting import ensemble
from models.ensemble.rehearse import Skill
from models.fleet.history import FleetHistory
from models.fleet.keys import ServiceKey

STEP_S, DAY = 3600, 24
END_S = 1_800_000_000 // STEP_S * STEP_S
PAYS, POOR = Skill(0.3, 9.0, "sm MSTL", 0.0), Skill(0.0, 0.0, "EWMA", 0.2)


def history(*services: Any, days: int = 28, later: int = 0) -> FleetHistory:
    """By name: "weekdays" can be known, a number is a rate that never varies."""
    at = np.arange(days * DAY + later)
    rows: list[Any] = []
    for i, kind in enumerate(services):
        rng = np.random.default_rng(i)
        if kind == "weekdays":
            mean = np.where(at % DAY < 10, 5.0, 40.0) * np.where(at // DAY % 7 < 5, 1.0, 0.3)
            rows.append(mean * rng.lognormal(0, 0.05, at.size))
        else:
            rows.append(np.full(at.size, kind))
    keys = tuple(ServiceKey("shop", f"{i:03d}") for i in range(len(services)))
    arrivals = np.array(rows, np.float32)
    start_s = END_S - days * DAY * STEP_S
    return FleetHistory(keys, arrivals, start_s, STEP_S, np.full(len(keys), np.nan))


def remembered(value: Skill, ago_s: int) -> ensemble.ServiceRecord:
    nothing = np.empty((0, 1, 4), np.float32)
    return ensemble.ServiceRecord(
        np.empty(0, np.int64), nothing, END_S - ago_s, value, np.full(4, np.nan, np.float32)
    )


@pytest.fixture(scope="module", name="lane")
def _lane() -> ensemble.Ensemble:
    """What is heard at first of a service that can be known and of two that cannot."""
    return ensemble.refresh(
        ensemble.Ensemble(STEP_S), history("weekdays", 3.0, np.nan), np.ones(3), cpu_s=1e3
    )


def test_it_speaks_where_it_pays_and_is_silent_elsewhere(lane: ensemble.Ensemble) -> None:
    keys = history("weekdays", 3.0, np.nan).keys
    ahead = lane.ahead(keys).rates
    assert ahead.shape == (3, 7200 // STEP_S)
    assert np.isfinite(ahead[0]).all()
    assert np.isnan(ahead[1:]).all()
    assert lane.memory[keys[0]].worth.adds_skill
    came = history("weekdays", later=2).arrivals[0, -2:]
    assert np.abs(np.log(ahead[0] / came)).mean() < 0.2


def test_an_hour_later_one_more_origin_is_remembered(lane: ensemble.Ensemble) -> None:
    (key,) = history("weekdays").keys
    before = lane.memory[key]
    lane = ensemble.refresh(lane, history("weekdays", later=1), np.ones(1), cpu_s=1e3)
    after = lane.memory[key]
    assert after.origins_s.size == before.origins_s.size + 1
    np.testing.assert_array_equal(after.said[:-1], before.said)
    assert after.origins_s[-1] == END_S + STEP_S


def test_a_path_grows_old() -> None:
    ahead = ensemble.Ahead(
        300, np.array([END_S, END_S, 0]), np.array([[1, 5, 3], [np.nan] * 3, [1, 2, 3]], "f4")
    )

    def highest(from_s: int, until_s: int) -> Any:
        return ahead.highest(from_s, np.full(3, float(until_s)))[:2]

    np.testing.assert_array_equal(highest(END_S, END_S + 1), [1, np.nan])
    np.testing.assert_array_equal(highest(END_S + 200, END_S + 400), [5, np.nan])
    np.testing.assert_array_equal(highest(END_S + 600, END_S + 9000), [3, np.nan])
    np.testing.assert_array_equal(highest(END_S + 900, END_S + 9000), [np.nan, np.nan])
    np.testing.assert_array_equal(highest(END_S - 600, END_S), [np.nan, np.nan])


def test_what_is_gone_is_forgotten_and_another_grid_begins_anew() -> None:
    lane = ensemble.Ensemble(STEP_S, {ServiceKey("shop", "gone"): remembered(PAYS, 3600)})
    assert ensemble.refresh(lane, history(1.0), np.ones(1), cpu_s=0).memory == {}
    other = ensemble.Ensemble(300, {history(1.0).keys[0]: remembered(PAYS, 3600)})
    assert ensemble.refresh(other, history(1.0), np.ones(1), cpu_s=0).memory == {}


def turns(lane: ensemble.Ensemble, fleet: FleetHistory, loss: list[float], cpu_s: float) -> list[int]:
    weight = ensemble.weights(fleet.arrivals[:, -DAY:], np.array(loss))
    steps = fleet.arrivals.shape[1]
    return ensemble.select_for_refit(lane, fleet.keys, weight, end_s=fleet.end_s, steps=steps, cpu_s=cpu_s)


def test_the_largest_traffic_times_loss_is_tried_first() -> None:
    fleet = history(1.0, 5.0, 2.0, 0.0)
    assert turns(ensemble.Ensemble(STEP_S), fleet, [1, 1, 4, 9], 1e3) == [2, 1, 0]
    assert turns(ensemble.Ensemble(STEP_S), fleet, [1, 1, np.nan, 9], 1e3) == [1, 0]


def test_the_budget_bounds_how_many_are_tried() -> None:
    fleet = history(*(float(i + 1) for i in range(20)))
    one = ensemble.ORIGIN_S * (ensemble.ORIGINS + 1)
    assert turns(ensemble.Ensemble(STEP_S), fleet, [1.0] * 20, 0) == []
    few = turns(ensemble.Ensemble(STEP_S), fleet, [1.0] * 20, 3 * one)
    assert few[:3] == [19, 18, 17]
    assert len(few) < 20


def test_those_that_pay_go_on_and_the_others_wait() -> None:
    fleet = history(1.0, 2.0, 3.0, 4.0)
    memory = {
        fleet.keys[0]: remembered(PAYS, 3600),
        fleet.keys[2]: remembered(POOR, 3600),
        fleet.keys[3]: remembered(POOR, ensemble.RETRY_S),
    }
    assert turns(ensemble.Ensemble(STEP_S, memory), fleet, [1.0] * 4, 1e3) == [0, 1, 3]


def test_new_ones_are_tried_beside_many_that_pay() -> None:
    fleet = history(*([9.0] * 200), 1.0)
    memory = {key: remembered(PAYS, 3600) for key in fleet.keys[:200]}
    assert 200 in turns(ensemble.Ensemble(STEP_S, memory), fleet, [1.0] * 201, 30.0)


@pytest.mark.parametrize("steps", [0, 1, 20, 100])
def test_a_short_history_says_nothing(steps: int) -> None:
    fleet = history("weekdays")
    fleet = replace(fleet, arrivals=fleet.arrivals[:, :steps])
    lane = ensemble.refresh(ensemble.Ensemble(STEP_S), fleet, np.ones(1), cpu_s=1e3)
    assert np.isnan(lane.ahead(fleet.keys).rates).all()
