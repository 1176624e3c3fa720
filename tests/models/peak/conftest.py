"""A fleet's forecasts from arrays alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from models.hazard import state as hazard
from models.numeric.clock import Clock
from models.peak import state as peak
from models.peak.advance import Said, advance


@dataclass(eq=False)
class Fleet:
    """ServiceMeasurements of which nothing was known, and the step that is next."""

    services: int
    step_s: int = 30
    first: int = 1
    lead_s: float = 75.0
    now_s: int = 0
    window_steps: int = 1

    def __post_init__(self) -> None:
        self.peak, self.hazard = peak.start(self.services), hazard.start(self.services)

    def take(
        self, rates: ArrayLike, clock: Clock | None = None, callers: NDArray[np.intp] | None = None
    ) -> Said:
        """What is said after each of these rates (s, n)."""
        given = np.atleast_2d(np.asarray(rates, np.float32))
        said = advance(
            self.peak,
            self.hazard,
            given,
            origin_s=self.now_s,
            step_s=self.step_s,
            first=self.first,
            lead_s=np.full(self.services, self.lead_s),
            callers=callers,
            clock=clock,
            window_steps=self.window_steps,
        )
        self.now_s += given.shape[1] * self.step_s
        return said

    @property
    def steps_ahead(self) -> range:
        """Of the window, counted from the end of what is known."""
        return range(self.first, self.first + max(1, int(np.ceil(self.lead_s / self.step_s))))


@pytest.fixture(name="fleet")
def _fleet() -> Callable[..., Fleet]:
    return Fleet


@pytest.fixture(name="peaks")
def _peaks() -> Callable[[NDArray[np.float32], range], NDArray[np.float32]]:
    return peaks


def peaks(rates: NDArray[np.float32], ahead: range) -> NDArray[np.float32]:
    """(n - end of the window,) the highest of the window after each step."""
    n = len(rates) - ahead[-1] - 1
    return np.asarray(np.max([rates[1 + k : 1 + k + n] for k in ahead], axis=0), np.float32)
