"""The candidates: each a rule for the floor and settings of the KPA_INDEX, fixed while it is in force.

None of them is right for every service; which one serves it best is learned from what they would have cost.
The first one is the KPA_INDEX alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from config.policy import Lever
from scaler.kpa.settings import UNSET, KpaSettings


@dataclass(frozen=True)
class Rule:
    """How a floor follows from the forecast: the largest of its parts.

    worth      the newsvendor's floor, as if one request not delayed were worth so many pod-seconds.
    hold_s     seconds through which the floor keeps the highest of what it was.
    chance     one pod where any request is at least so likely in the window.
    always     pods, whatever is forecast.
    """

    worth: float | None = None
    hold_s: int = 0
    chance: float | None = None
    always: int = 0

    def __str__(self) -> str:
        said = [
            f"worth {self.worth:g}" if self.worth is not None else "",
            f"held {self.hold_s} s" if self.hold_s else "",
            f"chance {self.chance:g}" if self.chance is not None else "",
            f"at least {self.always}" if self.always else "",
        ]
        return "floor " + ", ".join(filter(None, said)) if any(said) else "no floor"


@dataclass(frozen=True)
class Candidate:
    """One way to steer a Revision."""

    rule: Rule
    setting: KpaSettings

    def __str__(self) -> str:
        said = self.setting.annotations()
        short = (f"{name.partition('/')[2]} {text}" for name, text in said.items())
        return "; ".join([str(self.rule), *short])


NO_FLOOR = Rule()


def _steered(utilization: float, window_s: int, panic: float, retention_s: int | None = 60) -> KpaSettings:
    return KpaSettings(utilization, window_s, panic, retention_s)


# The settings that floors go with, from those that hold few pods to those that hold many.
_LEAN, _LEAN_BARE = _steered(100, 15, 1000), _steered(100, 30, 1000, 0)
_LEAN_LONG, _LEAN_SHORT = _steered(100, 60, 1000), _steered(100, 10, 1000)
_CALM_85, _QUICK_85, _EASY_85 = _steered(85, 15, 400), _steered(85, 15, 110), _steered(85, 30, 110)
_BRIEF_85, _USUAL_85 = _steered(85, 10, 110), _steered(85, 15, 200)
_EVEN_85, _EVEN_80 = _steered(85, 20, 110), _steered(80, 20, 110)
_QUICK_80, _EASY_80 = _steered(80, 15, 110), _steered(80, 30, 110)
_QUICK_75, _EASY_75 = _steered(75, 15, 110), _steered(75, 30, 110)
_CALM_70, _USUAL_70 = _steered(70, 15, 400), _steered(70, 15, 200)
_QUICK_70, _EASY_70 = _steered(70, 15, 110), _steered(70, 30, 110)
_QUICK_60, _BRIEF_60 = _steered(60, 15, 110), _steered(60, 10, 110)
_CALM_50, _QUICK_50 = _steered(50, 15, 400), _steered(50, 15, 110)
_QUICK_35 = _steered(35, 15, 110)
_OWN = UNSET

# Of some five hundred that were tried on public traces these are enough to cost as little as all together.
# One may be of no use to a service: the choice finds out.
_TABLE: tuple[tuple[Rule, tuple[KpaSettings, ...]], ...] = (
    (
        NO_FLOOR,
        (
            _OWN,
            _LEAN_LONG,
            _BRIEF_85,
            _QUICK_85,
            _USUAL_85,
            _EVEN_85,
            _EASY_85,
            _QUICK_80,
            _EVEN_80,
            _QUICK_75,
            _EASY_75,
            _CALM_70,
            _USUAL_70,
            _QUICK_70,
            _EASY_70,
            _BRIEF_60,
            _QUICK_60,
            _QUICK_35,
        ),
    ),
    (Rule(worth=0.1), (_QUICK_85, _EASY_80, _QUICK_70, _EASY_70)),
    (Rule(worth=0.3), (_EASY_80, _QUICK_70)),
    (Rule(worth=1), (_LEAN, _EASY_80, _QUICK_70, _EASY_70)),
    (Rule(worth=2), (_LEAN_SHORT, _LEAN_BARE)),
    (Rule(worth=3), (_LEAN, _CALM_85, _QUICK_85, _CALM_70)),
    (Rule(worth=6), (_LEAN, _QUICK_85, _QUICK_70)),
    (Rule(worth=10), (_OWN, _LEAN)),
    (Rule(worth=17), (_CALM_70, _CALM_50)),
    (Rule(worth=30), (_OWN, _QUICK_70, _CALM_50, _QUICK_50)),
    (Rule(worth=60), (_LEAN_BARE, _CALM_50, _QUICK_35)),
    (Rule(worth=150), (_OWN, _LEAN_BARE, _CALM_50, _QUICK_50)),
    (Rule(worth=250), (_CALM_50,)),
    (Rule(worth=400), (_OWN, _LEAN, _LEAN_BARE)),
    (Rule(worth=700), (_CALM_50,)),
    (Rule(worth=1000), (_LEAN_BARE, _QUICK_50)),
    (Rule(worth=10, hold_s=120), (_QUICK_70,)),
    (Rule(worth=60, hold_s=120), (_CALM_50,)),
    (Rule(worth=10, hold_s=240), (_QUICK_70,)),
    (Rule(worth=10, hold_s=480), (_QUICK_70,)),
    (Rule(worth=150, hold_s=240), (_QUICK_35,)),
    (Rule(worth=3, chance=0.3), (_LEAN, _LEAN_BARE, _QUICK_70)),
    (Rule(worth=6, chance=0.2), (_LEAN_BARE,)),
    (Rule(worth=10, chance=0.12), (_LEAN,)),
    (Rule(worth=30, chance=0.05), (_LEAN, _LEAN_BARE)),
    (Rule(worth=100, chance=0.02), (_LEAN, _LEAN_BARE)),
    (Rule(worth=300, chance=0.007), (_OWN, _LEAN, _LEAN_LONG)),
    (Rule(always=1), (_OWN, _CALM_70)),
    (Rule(worth=150, always=1), (_QUICK_70, _LEAN)),
)

CANDIDATES: tuple[Candidate, ...] = tuple(
    Candidate(rule, setting) for rule, settings in _TABLE for setting in settings
)
"""The KPA_INDEX alone first."""
KPA_ALONE = CANDIDATES[0]


def allowed(levers: frozenset[Lever], *, limited: bool) -> Iterator[tuple[int, Candidate]]:
    """The candidates that these levers allow, each once, with its place in CANDIDATES.

    A candidate loses the parts that may not be set.  What then is as another one before it is left out.

    limited   a pod serves so many requests at once and no more; else there is no utilization to set
    """
    seen = set()
    for at, candidate in enumerate(CANDIDATES):
        within = _within(candidate, levers, limited=limited)
        if within not in seen:
            seen.add(within)
            yield at, within


def _within(candidate: Candidate, levers: frozenset[Lever], *, limited: bool) -> Candidate:
    setting = candidate.setting
    # A window that is shorter lets the last pod go between two requests, where nothing holds it.
    window = Lever.WINDOW in levers and (Lever.RETENTION in levers or setting.retention_s is None)
    return Candidate(
        candidate.rule if Lever.FLOOR in levers else NO_FLOOR,
        replace(
            setting,
            utilization_percentage=setting.utilization_percentage
            if Lever.TARGET in levers and limited
            else None,
            window_s=setting.window_s if window else None,
            panic_threshold_percentage=setting.panic_threshold_percentage if Lever.PANIC in levers else None,
            retention_s=setting.retention_s if Lever.RETENTION in levers else None,
        ),
    )


KPA_INDEX = 0
"""Place of the KPA_INDEX alone among the candidates."""
