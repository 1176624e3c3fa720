"""Traffic made up for backtests: a few series, an hour or two."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import ArrayLike

from config.scenario import SCENARIOS, Scenario
from forecaster.sources.exports import Export
from scaler.backtest.series import Traffic, traffic_of

START_S = 1_700_000_040
Making = Callable[..., Traffic]


@pytest.fixture(scope="session")
def making() -> Making:
    """`make`."""
    return make


def make(
    counts: Mapping[str, ArrayLike],
    scenario: Scenario | str = "sparse",
    *,
    step_s: int = 60,
    served_s: Mapping[str, float] | None = None,
    score_from_s: int | None = None,
    only: str = "*",
) -> Traffic:
    """Series -> requests in each step."""
    names = tuple(sorted(counts))
    told = served_s or {}
    export = Export(
        series=names,
        counts=np.array([counts[name] for name in names], np.float32),
        start_s=START_S,
        step_s=step_s,
        service_time_s=np.array([told.get(name, np.nan) for name in names]),
        source="traffic.csv",
    )
    world = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
    return traffic_of(export, world, only=only, score_from_s=score_from_s)
