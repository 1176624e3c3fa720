"""What follows from what is seen of a floor.  Times as measured on a real control plane."""

from scaler.knative.verify import Effect, Verdict, Written, judge

WRITTEN = Written(3, written_s=100.0)


def test_carried_and_acted_on_is_settled() -> None:
    assert judge(WRITTEN, Effect("3", 3), 100.1)[0] is Verdict.SETTLED
    assert judge(WRITTEN, Effect("3", 9), 100.1)[0] is Verdict.SETTLED


def test_on_its_way_is_waited_for() -> None:
    assert judge(WRITTEN, Effect(None, 0), 102.9)[0] is Verdict.WAIT
    assert judge(WRITTEN, Effect("2", 2), 102.9)[0] is Verdict.WAIT


def test_not_carried_after_three_seconds() -> None:
    assert judge(WRITTEN, Effect(None, 0), 103.0)[0] is Verdict.NOT_CARRIED


def test_without_a_podautoscaler_nothing_is_concluded_for_long() -> None:
    assert judge(WRITTEN, Effect(None, None, there=False), 140.0)[0] is Verdict.WAIT
    assert judge(WRITTEN, Effect(None, None, there=False), 250.0)[0] is Verdict.GIVEN_UP


def test_a_floor_that_does_not_count_now_is_settled_once_carried() -> None:
    assert judge(WRITTEN, Effect("3", 0, waits=True), 100.1)[0] is Verdict.SETTLED


def test_a_restarted_autoscaler_is_nudged_three_seconds_after_it_should_have_acted() -> None:
    verdict, written = judge(WRITTEN, Effect("3", 0), 100.1)
    assert verdict is Verdict.WAIT
    assert judge(written, Effect("3", 0), 103.0)[0] is Verdict.WAIT
    assert judge(written, Effect("3", 0), 103.1)[0] is Verdict.NUDGE


def test_nudges_come_ever_more_rarely_and_end() -> None:
    written, nudged_s, verdict = WRITTEN, [], Verdict.WAIT
    now_s = 100.0
    while verdict is not Verdict.GIVEN_UP:
        verdict, written = judge(written, Effect("3", None), now_s)
        if verdict is Verdict.NUDGE:
            nudged_s.append(now_s - 100)
        now_s += 1
    assert nudged_s == [3, 9, 21, 45, 93]
    assert now_s - 100 <= 152
