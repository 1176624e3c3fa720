"""Peak forecasts of a fleet from arrays alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from models.hazard import state as hazard
from models.numeric.clock import Clock
from models.peak import state as peak
from models.peak.advance import PeakForecasts, advance


@dataclass(eq=False)
class Fleet:
    """Services without history, and the time of the next step."""

    services: int
    step_s: int = 30
    first: int = 1
    lead_s: float = 75.0
    now_s: int = 0
    window_steps: int = 1

    def __post_init__(self) -> None:
        self.peak, self.hazard = peak.start(self.services), hazard.start(self.services)

    def advance(
        self, rates: ArrayLike, clock: Clock | None = None, upstream: NDArray[np.intp] | None = None
    ) -> PeakForecasts:
        """The forecasts after each step of these rates (s, n)."""
        columns = np.atleast_2d(np.asarray(rates, np.float32))
        forecasts = advance(
            self.peak,
            self.hazard,
            columns,
            origin_s=self.now_s,
            step_s=self.step_s,
            first=self.first,
            lead_s=np.full(self.services, self.lead_s),
            upstream=upstream,
            clock=clock,
            window_steps=self.window_steps,
        )
        self.now_s += columns.shape[1] * self.step_s
        return forecasts

    @property
    def steps_ahead(self) -> range:
        """The steps of the window, counted from the end of the newest step."""
        return range(self.first, self.first + max(1, int(np.ceil(self.lead_s / self.step_s))))


@pytest.fixture(name="fleet")
def _fleet() -> Callable[..., Fleet]:
    return Fleet


@pytest.fixture(name="actual_peaks")
def _actual_peaks() -> Callable[[NDArray[np.float32], range], NDArray[np.float32]]:
    return actual_peaks


def actual_peaks(rates: NDArray[np.float32], steps_ahead: range) -> NDArray[np.float32]:
    """(n - end of the window,) the maximum rate of the window after each step."""
    n = len(rates) - steps_ahead[-1] - 1
    return np.asarray(np.max([rates[1 + k : 1 + k + n] for k in steps_ahead], axis=0), np.float32)
