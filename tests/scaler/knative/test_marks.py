"""What is written beside what we set, and that everything can be given back from it alone."""

from hypothesis import given
from hypothesis import strategies as st

from scaler.knative.marks import (
    AUTOSCALING,
    FLOOR,
    KEYS,
    OWNER,
    SET,
    AnnotationPatch,
    patch,
    desired_min_scale,
    owner_sets,
    is_marked,
    applied_value,
    has_stale_mark,
    owner_annotations,
    revert_patch,
    applied_settings,
)
from scaler.kpa.settings import UNSET, KpaSettings

MIN = AUTOSCALING + FLOOR
SET_MIN, OWNER_MIN = SET + FLOOR, OWNER + FLOOR
MARKED = {MIN: "3", SET_MIN: "3", OWNER_MIN: "1"}
HELD = frozenset(MARKED)


def carried_out(
    annotations: dict[str, str], wanted: AnnotationPatch | None, managed_annotations: frozenset[str]
) -> dict[str, str]:
    """The annotations after a server-side apply by a manager that holds `held`, and a patch that drops."""
    if wanted is None:
        return annotations
    left = {n: t for n, t in annotations.items() if n not in managed_annotations - wanted.apply.keys()}
    return {n: t for n, t in (left | dict(wanted.apply)).items() if n not in wanted.remove}


def test_a_floor_where_the_owner_had_none_is_marked_with_an_empty_owner() -> None:
    assert patch({}, {FLOOR: "3"}) == AnnotationPatch({MIN: "3", SET_MIN: "3", OWNER_MIN: ""})


def test_a_floor_above_the_owners_keeps_the_owners_value_beside_it() -> None:
    assert patch({MIN: "1"}, {FLOOR: "3"}) == AnnotationPatch(MARKED)


def test_an_owners_floor_is_never_lowered() -> None:
    assert patch({MIN: "5"}, {FLOOR: "3"}) is None


def test_the_same_wish_again_changes_nothing() -> None:
    assert patch(MARKED, {FLOOR: "3"}, HELD) is None


def test_a_higher_wish_keeps_the_owners_value() -> None:
    assert patch(MARKED, {FLOOR: "7"}, HELD) == AnnotationPatch({MIN: "7", SET_MIN: "7", OWNER_MIN: "1"})


def test_a_wish_at_the_owners_value_takes_ours_off() -> None:
    assert patch(MARKED, {FLOOR: "1"}, HELD) == AnnotationPatch({MIN: "1"})


def test_release_restores_what_the_owner_had() -> None:
    assert revert_patch(MARKED, HELD) == AnnotationPatch({MIN: "1"})


def test_release_removes_what_the_owner_did_not_have() -> None:
    assert revert_patch(MARKED | {OWNER_MIN: ""}, HELD) == AnnotationPatch({})


def test_what_was_given_back_stays_though_we_hold_it() -> None:
    """Left out of a later body, the owner's value would be removed: nobody else holds it any more."""
    given_back = {MIN: "1"}
    wanted = patch(given_back, {"window": "15s"}, frozenset({MIN}))
    assert wanted is not None
    assert wanted.apply[MIN] == "1"


def test_a_value_a_person_wrote_over_ours_is_the_owners() -> None:
    over = MARKED | {MIN: "2"}
    assert applied_value(over, FLOOR) is None
    assert owner_annotations(over) == {MIN: "2"}
    assert carried_out(over, patch(over, {}, HELD - {MIN}), HELD - {MIN}) == {MIN: "2"}


def test_a_floor_a_person_removed_is_removed_and_our_marks_go() -> None:
    removed = {SET_MIN: "3", OWNER_MIN: "1"}
    assert owner_annotations(removed) == {}
    assert carried_out(removed, revert_patch(removed, HELD), HELD) == {}


def test_above_a_persons_value_the_floor_is_raised_from_theirs() -> None:
    over = MARKED | {MIN: "4"}
    assert patch(over, {FLOOR: "6"}, HELD) == AnnotationPatch({MIN: "6", SET_MIN: "6", OWNER_MIN: "4"})


def test_an_owners_setting_is_never_touched() -> None:
    assert patch({AUTOSCALING + "window": "90s"}, {"window": "15s"}) is None


def test_an_owners_setting_under_its_old_name_is_never_touched() -> None:
    old = {AUTOSCALING + "targetUtilizationPercentage": "50"}
    assert patch(old, {"target-utilization-percentage": "35"}) is None


def test_a_floor_over_the_old_name_leaves_that_in_place() -> None:
    old = {AUTOSCALING + "minScale": "2"}
    wanted = patch(old, {FLOOR: "5"})
    after = carried_out(old, wanted, frozenset())
    assert after == old | {MIN: "5", SET_MIN: "5", OWNER_MIN: ""}
    assert (
        carried_out(after, revert_patch(after, after.keys() - old.keys()), frozenset(after.keys() - old.keys()))
        == old
    )


def test_marks_that_another_manager_holds_are_dropped_explicitly() -> None:
    """A backup restored by another program: leaving them out of an apply does not remove them."""
    assert revert_patch(MARKED, ()) == AnnotationPatch({MIN: "1"}, frozenset({SET_MIN, OWNER_MIN}))


def test_other_annotations_are_none_of_our_business() -> None:
    other = {"tidecast.dev/mode": "act", AUTOSCALING + "target": "10"}
    wanted = patch(other, {FLOOR: "2"})
    assert wanted is not None
    assert not other.keys() & wanted.apply.keys()
    assert not is_marked(other)


def test_a_floor_is_clamped_to_what_the_webhook_admits() -> None:
    assert desired_min_scale(9, owner_min=0, owner_max=5) == "5"
    assert desired_min_scale(9, owner_min=0, owner_max=8, activation_scale=4) == "4"
    assert desired_min_scale(9, owner_min=0) == "9"
    assert desired_min_scale(2, owner_min=2) is None
    assert desired_min_scale(9, owner_min=5, owner_max=5) is None
    assert desired_min_scale(0, owner_min=0) is None
    assert desired_min_scale(None, owner_min=0) is None


numbers = st.integers(0, 20).map(str)
owned = st.dictionaries(
    st.sampled_from([AUTOSCALING + key for key in (*KEYS, "target", "minScale")]), numbers
)
wishes = st.dictionaries(st.sampled_from(KEYS), st.none() | numbers)


@given(owned, st.lists(wishes, max_size=5))
def test_whatever_was_wished_release_gives_back_exactly_what_was_there(
    before: dict[str, str], wished: list[dict[str, str | None]]
) -> None:
    now, managed_annotations = dict(before), frozenset[str]()
    for wish in [*wished, {}]:
        wanted = patch(now, wish, managed_annotations)
        now = carried_out(now, wanted, managed_annotations)
        managed_annotations = frozenset(wanted.apply) if wanted else managed_annotations
    assert now == before


@given(owned, wishes)
def test_a_change_carried_out_needs_no_further_change(
    before: dict[str, str], wish: dict[str, str | None]
) -> None:
    wanted = patch(before, wish)
    after = carried_out(before, wanted, frozenset())
    assert patch(after, wish, frozenset(wanted.apply) if wanted else ()) is None
    assert owner_annotations(after) == before


@given(owned, wishes, numbers)
def test_a_persons_value_survives_release(
    before: dict[str, str], wish: dict[str, str | None], theirs: str
) -> None:
    wanted = patch(before, wish)
    managed_annotations = frozenset(wanted.apply) - {MIN} if wanted else frozenset[str]()
    now = carried_out(before, wanted, frozenset()) | {MIN: theirs}
    if applied_value(now, FLOOR) is None:
        assert carried_out(now, revert_patch(now, managed_annotations), managed_annotations)[MIN] == theirs


@given(owned, wishes)
def test_the_owners_floor_is_only_ever_raised(before: dict[str, str], wish: dict[str, str | None]) -> None:
    after = carried_out(before, patch(before, wish), frozenset())
    assert int(after.get(MIN, "0")) >= int(before.get(MIN, "0"))


def test_settings_are_read_back_from_what_counts() -> None:
    said = carried_out({}, patch({}, {FLOOR: "3", "window": "15s"}), frozenset())
    assert applied_settings(said) == KpaSettings(window_s=15)
    assert not has_stale_mark(said)
    over = said | {AUTOSCALING + "window": "40s"}
    assert applied_settings(over) == UNSET
    assert has_stale_mark(over)


def test_what_stands_written_again_takes_outdated_marks_off_and_nothing_else() -> None:
    said = carried_out({}, patch({}, {FLOOR: "3", "window": "15s"}), frozenset())
    over = said | {AUTOSCALING + "window": "40s"}
    left = carried_out(over, patch(over, {FLOOR: "3"}), frozenset())
    assert left == {MIN: "3", SET_MIN: "3", OWNER_MIN: "", AUTOSCALING + "window": "40s"}
    assert not has_stale_mark(left)


def test_an_owners_setting_counts_by_its_old_name_too() -> None:
    old = {AUTOSCALING + "panicThresholdPercentage": "150"}
    assert owner_sets(old, "panic-threshold-percentage")
    assert not owner_sets(old, "window")
    assert patch(old, {"panic-threshold-percentage": "110"}) is None
