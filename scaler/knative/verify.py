"""Whether what was written has worked, told from its effect, and what to do where it has not.

1. The PodAutoscaler bears it within seconds.  Where it does not, Serving is <= 1.20: annotations of a
   Revision stay where they are, and the PodAutoscaler is the place to write.
2. The autoscaler asks for as many pods as the floor says.  Where it does not, it has been restarted and
   knows nothing of a Revision at zero until that has one datum: a single statistic of zero concurrency wakes
   it.  Another follows after twice the time, since nobody decides until a lost leader's lease has run out.

Settings need no second step: the autoscaler takes them from the PodAutoscaler at its next tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from scaler.knative.marks import FLOOR

FOLLOW_S = 3.0
"""In which a healthy cluster has carried a floor on; measured: 0.1 s, and 2 s for the autoscaler's tick."""
STANDS_S = 1.0
"""After which a setting that the PodAutoscaler bears will stay; what does not belong there, Knative's
controller takes off in 0.06 s."""
GIVE_UP_S = 150.0
"""Longer than an autoscaler's lease and its election, 60 s by default."""


class Verdict(Enum):
    """What is to be done about what was written."""

    SETTLED = auto()
    WAIT = auto()
    NUDGE = auto()
    """Send the autoscaler a zero statistic."""
    NOT_CARRIED = auto()
    """The PodAutoscaler does not bear what was written."""
    GIVEN_UP = auto()
    """It bears it, and the autoscaler does not act on it."""


@dataclass(frozen=True)
class Written:
    """What of ours is on its way to one Revision.

    texts        short name of an annotation -> what was written.
    written_s    when, seconds of any one clock.
    next_s       when to nudge next; None before the PodAutoscaler was seen to bear it.
    nudges       how often that was done.
    """

    texts: Mapping[str, str]
    written_s: float
    next_s: float | None = None
    nudges: int = 0

    @property
    def floor(self) -> int:
        """Pods; 0 where no floor was written."""
        return int(self.texts.get(FLOOR, "0"))


@dataclass(frozen=True)
class Effect:
    """What is seen of it.

    pa_texts   short name -> text of the annotations on the PodAutoscaler.
    desired    pods that the autoscaler asks for; None before it knows.
    waits      the floor does not count now: unreachable, or of a class that no KPA scales.
    """

    pa_texts: Mapping[str, str]
    desired: int | None
    waits: bool = False
    there: bool = True
    """Is there a PodAutoscaler at all?"""


def judge(written: Written, effect: Effect, now_s: float) -> tuple[Verdict, Written]:
    """What is to be done at `now_s`, and what was written as it is then to be asked about."""
    carried = all(effect.pa_texts.get(name) == text for name, text in written.texts.items())
    if not effect.there or not carried:
        limit_s, problem = (FOLLOW_S, Verdict.NOT_CARRIED) if effect.there else (GIVE_UP_S, Verdict.GIVEN_UP)
        return (problem if now_s - written.written_s >= limit_s else Verdict.WAIT), written
    if FLOOR not in written.texts:
        return (Verdict.SETTLED if now_s - written.written_s >= STANDS_S else Verdict.WAIT), written
    return _acted_on(written, effect, now_s)


def _acted_on(written: Written, effect: Effect, now_s: float) -> tuple[Verdict, Written]:
    """Of a floor that the PodAutoscaler bears."""
    if effect.waits or (effect.desired is not None and effect.desired >= written.floor):
        return Verdict.SETTLED, written
    if written.next_s is None:
        return Verdict.WAIT, replace(written, next_s=now_s + FOLLOW_S)
    if now_s - written.written_s >= GIVE_UP_S:
        return Verdict.GIVEN_UP, written
    if now_s < written.next_s:
        return Verdict.WAIT, written
    nudges = written.nudges + 1
    return Verdict.NUDGE, replace(written, nudges=nudges, next_s=now_s + FOLLOW_S * 2**nudges)
