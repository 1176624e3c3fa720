"""What follows from what is seen of what was written.  Times as measured on a real control plane."""

from scaler.knative.marks import FLOOR
from scaler.knative.verify import Effect, Verdict, Written, judge

WRITTEN = Written({FLOOR: "3"}, written_s=100.0)


def test_carried_and_acted_on_is_settled() -> None:
    assert judge(WRITTEN, Effect({FLOOR: "3"}, 3), 100.1)[0] is Verdict.SETTLED
    assert judge(WRITTEN, Effect({FLOOR: "3"}, 9), 100.1)[0] is Verdict.SETTLED


def test_on_its_way_is_waited_for() -> None:
    assert judge(WRITTEN, Effect({}, 0), 102.9)[0] is Verdict.WAIT
    assert judge(WRITTEN, Effect({FLOOR: "2"}, 2), 102.9)[0] is Verdict.WAIT


def test_not_carried_after_three_seconds() -> None:
    assert judge(WRITTEN, Effect({}, 0), 103.0)[0] is Verdict.NOT_CARRIED


def test_without_a_podautoscaler_nothing_is_concluded_for_long() -> None:
    assert judge(WRITTEN, Effect({}, None, there=False), 140.0)[0] is Verdict.WAIT
    assert judge(WRITTEN, Effect({}, None, there=False), 250.0)[0] is Verdict.GIVEN_UP


def test_a_floor_that_does_not_count_now_is_settled_once_carried() -> None:
    assert judge(WRITTEN, Effect({FLOOR: "3"}, 0, waits=True), 100.1)[0] is Verdict.SETTLED


def test_a_restarted_autoscaler_is_nudged_three_seconds_after_it_should_have_acted() -> None:
    verdict, written = judge(WRITTEN, Effect({FLOOR: "3"}, 0), 100.1)
    assert verdict is Verdict.WAIT
    assert judge(written, Effect({FLOOR: "3"}, 0), 103.0)[0] is Verdict.WAIT
    assert judge(written, Effect({FLOOR: "3"}, 0), 103.1)[0] is Verdict.NUDGE


def test_nudges_come_ever_more_rarely_and_end() -> None:
    written, nudged_s, verdict = WRITTEN, [], Verdict.WAIT
    now_s = 100.0
    while verdict is not Verdict.GIVEN_UP:
        verdict, written = judge(written, Effect({FLOOR: "3"}, None), now_s)
        if verdict is Verdict.NUDGE:
            nudged_s.append(now_s - 100)
        now_s += 1
    assert nudged_s == [3, 9, 21, 45, 93]
    assert now_s - 100 <= 152


SETTING = {"window": "15s", "target-utilization-percentage": "35"}


def test_settings_that_are_carried_and_stay_are_settled_whatever_is_desired() -> None:
    written = Written(SETTING, written_s=100.0)
    assert judge(written, Effect(SETTING, None), 100.1)[0] is Verdict.WAIT
    assert judge(written, Effect(SETTING, None), 101.0)[0] is Verdict.SETTLED


def test_a_setting_that_is_missing_is_not_carried() -> None:
    effect = Effect({"window": "15s"}, 9)
    assert judge(Written(SETTING, written_s=100.0), effect, 102.9)[0] is Verdict.WAIT
    assert judge(Written(SETTING, written_s=100.0), effect, 103.0)[0] is Verdict.NOT_CARRIED


def test_with_settings_beside_it_a_floor_is_nudged_as_alone() -> None:
    both = Written({FLOOR: "3"} | SETTING, written_s=100.0)
    effect = Effect({FLOOR: "3"} | SETTING, 0)
    verdict, both = judge(both, effect, 100.1)
    assert verdict is Verdict.WAIT
    assert judge(both, effect, 103.1)[0] is Verdict.NUDGE
