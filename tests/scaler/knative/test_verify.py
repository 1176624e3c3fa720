"""What follows from what is seen of what was written.  Times as measured on a real control plane."""

from scaler.knative.marks import FLOOR
from scaler.knative.verify import ObservedEffect, WriteState, PendingWrite, next_state

WRITTEN = PendingWrite({FLOOR: "3"}, written_s=100.0)


def test_carried_and_acted_on_is_settled() -> None:
    assert next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 3), 100.1)[0] is WriteState.EFFECTIVE
    assert next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 9), 100.1)[0] is WriteState.EFFECTIVE


def test_on_its_way_is_waited_for() -> None:
    assert next_state(WRITTEN, ObservedEffect({}, 0), 102.9)[0] is WriteState.WAIT
    assert next_state(WRITTEN, ObservedEffect({FLOOR: "2"}, 2), 102.9)[0] is WriteState.WAIT


def test_not_carried_after_three_seconds() -> None:
    assert next_state(WRITTEN, ObservedEffect({}, 0), 103.0)[0] is WriteState.NOT_COPIED


def test_without_a_podautoscaler_nothing_is_concluded_for_long() -> None:
    assert next_state(WRITTEN, ObservedEffect({}, None, pa_exists=False), 140.0)[0] is WriteState.WAIT
    assert next_state(WRITTEN, ObservedEffect({}, None, pa_exists=False), 250.0)[0] is WriteState.INEFFECTIVE


def test_a_floor_that_does_not_count_now_is_settled_once_carried() -> None:
    assert next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 0, floor_unused=True), 100.1)[0] is WriteState.EFFECTIVE


def test_a_restarted_autoscaler_is_nudged_three_seconds_after_it_should_have_acted() -> None:
    verdict, written = next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 0), 100.1)
    assert verdict is WriteState.WAIT
    assert next_state(written, ObservedEffect({FLOOR: "3"}, 0), 103.0)[0] is WriteState.WAIT
    assert next_state(written, ObservedEffect({FLOOR: "3"}, 0), 103.1)[0] is WriteState.SEND_STAT


def test_nudges_come_ever_more_rarely_and_end() -> None:
    written, nudged_s, verdict = WRITTEN, [], WriteState.WAIT
    now_s = 100.0
    while verdict is not WriteState.INEFFECTIVE:
        verdict, written = next_state(written, ObservedEffect({FLOOR: "3"}, None), now_s)
        if verdict is WriteState.SEND_STAT:
            nudged_s.append(now_s - 100)
        now_s += 1
    assert nudged_s == [3, 9, 21, 45, 93]
    assert now_s - 100 <= 152


SETTING = {"window": "15s", "target-utilization-percentage": "35"}


def test_settings_that_are_carried_and_stay_are_settled_whatever_is_desired() -> None:
    written = PendingWrite(SETTING, written_s=100.0)
    assert next_state(written, ObservedEffect(SETTING, None), 100.1)[0] is WriteState.WAIT
    assert next_state(written, ObservedEffect(SETTING, None), 101.0)[0] is WriteState.EFFECTIVE


def test_a_setting_that_is_missing_is_not_carried() -> None:
    effect = ObservedEffect({"window": "15s"}, 9)
    assert next_state(PendingWrite(SETTING, written_s=100.0), effect, 102.9)[0] is WriteState.WAIT
    assert next_state(PendingWrite(SETTING, written_s=100.0), effect, 103.0)[0] is WriteState.NOT_COPIED


def test_with_settings_beside_it_a_floor_is_nudged_as_alone() -> None:
    both = PendingWrite({FLOOR: "3"} | SETTING, written_s=100.0)
    effect = ObservedEffect({FLOOR: "3"} | SETTING, 0)
    verdict, both = next_state(both, effect, 100.1)
    assert verdict is WriteState.WAIT
    assert next_state(both, effect, 103.1)[0] is WriteState.SEND_STAT
