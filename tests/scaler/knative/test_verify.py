"""States of a write by its observed effect, with times measured on a real control plane."""

from scaler.knative.marks import FLOOR
from scaler.knative.verify import ObservedEffect, PendingWrite, WriteState, next_state

WRITTEN = PendingWrite({FLOOR: "3"}, written_s=100.0)


def test_copied_floor_with_enough_desired_pods_is_effective() -> None:
    assert next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 3), 100.1)[0] is WriteState.EFFECTIVE
    assert next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 9), 100.1)[0] is WriteState.EFFECTIVE


def test_floor_not_copied_yet_is_waited_for() -> None:
    assert next_state(WRITTEN, ObservedEffect({}, 0), 102.9)[0] is WriteState.WAIT
    assert next_state(WRITTEN, ObservedEffect({FLOOR: "2"}, 2), 102.9)[0] is WriteState.WAIT


def test_floor_not_copied_after_three_seconds() -> None:
    assert next_state(WRITTEN, ObservedEffect({}, 0), 103.0)[0] is WriteState.NOT_COPIED


def test_write_without_a_podautoscaler_is_ineffective_after_a_long_wait() -> None:
    assert next_state(WRITTEN, ObservedEffect({}, None, pa_exists=False), 140.0)[0] is WriteState.WAIT
    assert next_state(WRITTEN, ObservedEffect({}, None, pa_exists=False), 250.0)[0] is WriteState.INEFFECTIVE


def test_unused_floor_is_effective_once_copied() -> None:
    assert (
        next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 0, floor_unused=True), 100.1)[0]
        is WriteState.EFFECTIVE
    )


def test_copied_floor_without_effect_sends_a_statistic_after_three_seconds() -> None:
    state, pending = next_state(WRITTEN, ObservedEffect({FLOOR: "3"}, 0), 100.1)
    assert state is WriteState.WAIT
    assert next_state(pending, ObservedEffect({FLOOR: "3"}, 0), 103.0)[0] is WriteState.WAIT
    assert next_state(pending, ObservedEffect({FLOOR: "3"}, 0), 103.1)[0] is WriteState.SEND_STAT


def test_intervals_between_statistics_double_until_ineffective() -> None:
    pending, sent_s, state = WRITTEN, [], WriteState.WAIT
    now_s = 100.0
    while state is not WriteState.INEFFECTIVE:
        state, pending = next_state(pending, ObservedEffect({FLOOR: "3"}, None), now_s)
        if state is WriteState.SEND_STAT:
            sent_s.append(now_s - 100)
        now_s += 1
    assert sent_s == [3, 9, 21, 45, 93]
    assert now_s - 100 <= 152


SETTINGS = {"window": "15s", "target-utilization-percentage": "35"}


def test_copied_settings_are_effective_with_any_number_of_desired_pods() -> None:
    pending = PendingWrite(SETTINGS, written_s=100.0)
    assert next_state(pending, ObservedEffect(SETTINGS, None), 100.1)[0] is WriteState.WAIT
    assert next_state(pending, ObservedEffect(SETTINGS, None), 101.0)[0] is WriteState.EFFECTIVE


def test_missing_setting_is_not_copied() -> None:
    effect = ObservedEffect({"window": "15s"}, 9)
    assert next_state(PendingWrite(SETTINGS, written_s=100.0), effect, 102.9)[0] is WriteState.WAIT
    assert next_state(PendingWrite(SETTINGS, written_s=100.0), effect, 103.0)[0] is WriteState.NOT_COPIED


def test_floor_with_settings_sends_statistics_as_without() -> None:
    pending = PendingWrite({FLOOR: "3"} | SETTINGS, written_s=100.0)
    effect = ObservedEffect({FLOOR: "3"} | SETTINGS, 0)
    state, pending = next_state(pending, effect, 100.1)
    assert state is WriteState.WAIT
    assert next_state(pending, effect, 103.1)[0] is WriteState.SEND_STAT
