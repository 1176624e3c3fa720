"""Decide from its effect whether a write works, and what to do where it does not.

1. The PodAutoscaler has the annotations within seconds.  Where it has not, Serving is 1.20 or older:
   annotations of a Revision are not copied there, and Tidecast must write on the PodAutoscaler.
2. The autoscaler desires as many pods as the floor says.  Where it does not, it was restarted and knows
   nothing of a Revision at zero until it receives a sample: one statistic of zero concurrency is enough.
   Further ones follow at doubling intervals, since no autoscaler decides until the Lease of a lost leader
   has expired.

Settings need no second step: the autoscaler reads them from the PodAutoscaler at its next tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from scaler.knative.marks import FLOOR

FOLLOW_S = 3.0
"""Seconds in which a healthy cluster acts on a floor.  Measured: 0.1 s to copy it, 2 s for the autoscaler's
tick."""
STABLE_S = 1.0
"""Seconds after which a setting on the PodAutoscaler stays.  Knative's controller removes one that does not
belong there within 0.06 s (measured)."""
GIVE_UP_S = 150.0
"""Seconds after which a write counts as ineffective.  Longer than the Lease of an autoscaler and its
election, 60 s by default.
"""


class WriteState(Enum):
    """The state of a write, and with it the next step."""

    EFFECTIVE = auto()
    WAIT = auto()
    SEND_STAT = auto()
    """The autoscaler needs a statistic of zero concurrency."""
    NOT_COPIED = auto()
    """The PodAutoscaler does not have the annotations."""
    INEFFECTIVE = auto()
    """The PodAutoscaler has the annotations, and the autoscaler does not act on them."""


@dataclass(frozen=True)
class PendingWrite:
    """A write on one Revision whose effect has not been observed yet.

    texts        short name of an annotation -> value written
    written_s    time of the write, seconds of a clock
    next_s       time of the next statistic on that clock; None until the PodAutoscaler has the annotations
    stats_sent   number of statistics sent
    """

    texts: Mapping[str, str]
    written_s: float
    next_s: float | None = None
    stats_sent: int = 0

    @property
    def floor(self) -> int:
        """Pods; 0 where the write has no floor."""
        return int(self.texts.get(FLOOR, "0"))


@dataclass(frozen=True)
class ObservedEffect:
    """What the cluster shows of a write.

    pa_texts       short name -> value of the annotations on the PodAutoscaler
    desired        pods that the autoscaler desires; None until it has decided
    floor_unused   no floor has an effect now: the Revision is unreachable, or no KPA scales its class
    pa_exists      whether there is a PodAutoscaler
    """

    pa_texts: Mapping[str, str]
    desired: int | None
    floor_unused: bool = False
    pa_exists: bool = True


def next_state(write: PendingWrite, effect: ObservedEffect, now_s: float) -> tuple[WriteState, PendingWrite]:
    """Return the state of a write at `now_s`, seconds on its clock, and the write to check next time."""
    age_s = now_s - write.written_s
    if not effect.pa_exists:
        return (WriteState.INEFFECTIVE if age_s >= GIVE_UP_S else WriteState.WAIT), write
    if any(effect.pa_texts.get(name) != text for name, text in write.texts.items()):
        return (WriteState.NOT_COPIED if age_s >= FOLLOW_S else WriteState.WAIT), write
    if FLOOR not in write.texts:
        return (WriteState.EFFECTIVE if age_s >= STABLE_S else WriteState.WAIT), write
    return _floor_state(write, effect, now_s)


def _floor_state(
    write: PendingWrite, effect: ObservedEffect, now_s: float
) -> tuple[WriteState, PendingWrite]:
    """Return the state of a floor that the PodAutoscaler has."""
    if effect.floor_unused or (effect.desired is not None and effect.desired >= write.floor):
        return WriteState.EFFECTIVE, write
    if write.next_s is None:
        return WriteState.WAIT, replace(write, next_s=now_s + FOLLOW_S)
    if now_s - write.written_s >= GIVE_UP_S:
        return WriteState.INEFFECTIVE, write
    if now_s < write.next_s:
        return WriteState.WAIT, write
    stats_sent = write.stats_sent + 1
    return WriteState.SEND_STAT, replace(
        write, stats_sent=stats_sent, next_s=now_s + FOLLOW_S * 2**stats_sent
    )
