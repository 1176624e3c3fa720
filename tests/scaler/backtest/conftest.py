"""Synthetic traffic for backtests: a few series, an hour or two."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import ArrayLike

from config.scenario import SCENARIOS, Scenario
from forecaster.sources.exports import Export
from scaler.backtest.series import Traffic, traffic_of

START_S = 1_700_000_040
MakeTraffic = Callable[..., Traffic]


@pytest.fixture(scope="session")
def make_traffic() -> MakeTraffic:
    """`traffic`."""
    return traffic


def traffic(
    counts: Mapping[str, ArrayLike],
    scenario: Scenario | str = "sparse",
    *,
    step_s: int = 60,
    service_times_s: Mapping[str, float] | None = None,
    score_from_s: int | None = None,
    only: str = "*",
) -> Traffic:
    """Return traffic; counts: series -> requests of each step."""
    names = tuple(sorted(counts))
    service_times = service_times_s or {}
    export = Export(
        series=names,
        counts=np.array([counts[name] for name in names], np.float32),
        start_s=START_S,
        step_s=step_s,
        service_time_s=np.array([service_times.get(name, np.nan) for name in names]),
        source="traffic.csv",
    )
    values = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
    return traffic_of(export, values, only=only, score_from_s=score_from_s)
