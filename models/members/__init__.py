"""The members of the forecast: each says where the log rate of every service is going.

A member is a file with one frozen class of parameters and no state of its own.  What it learns slowly
(`fit`, every hour or so, from weeks of history) and what it follows step by step (`update`) are values that
pass through it.  How far its path may be off is not its business: `models.combine` and `models.calibrate`
learn that from what it said and what came.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.history import FleetHistory
from models.members.harmonic import Harmonic
from models.members.persistence import Persistence
from models.members.profile import Profile


class Member(Protocol):
    """What every member can do.  s services; times are Unix seconds; z are log rates (models.lograte)."""

    def fit(self, history: FleetHistory, ahead_s: int) -> Any:
        """What weeks of history say about the `ahead_s` seconds after their end.

        Its arrays have the service as first axis.
        """

    def start(self, services: int) -> Any:
        """What it follows, before anything was seen.  Its arrays have the service as first axis."""

    def update(self, fit: Any, state: Any, z: NDArray[np.float32], time_s: int, step_s: int) -> Any:
        """The state after the step that began at `time_s`; z (s,), NaN = not observed.

        The arrays of the state passed in may be reused: do not use it again.
        """

    def locate(self, fit: Any, state: Any, time_s: int, step_s: int, steps: int) -> NDArray[np.float32]:
        """(s, steps): the log rate expected at each step from `time_s` on; NaN where it cannot say."""


MEMBERS: dict[str, Member] = {
    "profile": Profile(),
    "harmonic": Harmonic(),
    "persistence": Persistence(),
}
