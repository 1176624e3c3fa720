"""Define the lead window: the time for which a plan must provide pods, and whose peak is forecast."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LeadWindow:
    """The time for which a plan must provide pods, counted from the origin: the end of the observed data.

    first    steps from the origin to now: the age of the data.
    lead_s   (s,) seconds from now until pods that the next plan requests could serve.
    step_s   seconds per step.
    """

    first: int
    lead_s: NDArray[np.float64]
    step_s: int

    @property
    def last(self) -> NDArray[np.intp]:
        """(s,) steps from the origin to the end of the window."""
        ends = self.first + np.ceil(self.lead_s / self.step_s)
        return np.asarray(np.maximum(ends, self.first + 1), np.intp)

    @property
    def horizon(self) -> int:
        """Steps from the origin to the end of the longest window."""
        return int(self.last.max(initial=self.first + 1))


def lead_window(delay_s: float, staleness_s: float, lead_s: NDArray[np.float64], step_s: int) -> LeadWindow:
    """The lead window of each service.

    delay_s       age of the data when they are read, seconds
    staleness_s   seconds for which a forecast is used before newer data follow
    lead_s        (s,) seconds from now until pods that the next plan requests could serve
    """
    first = int(np.ceil(delay_s / step_s))
    # The part of the first step that lies before now is added to the lead time: the window loses nothing.
    return LeadWindow(first, delay_s + staleness_s + lead_s - first * step_s, step_s)
