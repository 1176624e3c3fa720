"""Marks: what a write adds to an object, and the revert of everything from the object alone."""

from hypothesis import given
from hypothesis import strategies as st

from scaler.knative.marks import (
    AUTOSCALING,
    FLOOR,
    KEYS,
    OWNER,
    SET,
    AnnotationPatch,
    applied_settings,
    applied_value,
    desired_min_scale,
    has_stale_mark,
    is_marked,
    owner_annotations,
    owner_sets,
    patch,
    revert_patch,
)
from scaler.kpa.settings import UNSET, KpaSettings

MIN = AUTOSCALING + FLOOR
SET_MIN, OWNER_MIN = SET + FLOOR, OWNER + FLOOR
MARKED = {MIN: "3", SET_MIN: "3", OWNER_MIN: "1"}
MANAGED = frozenset(MARKED)


def applied(
    annotations: dict[str, str], change: AnnotationPatch | None, managed: frozenset[str]
) -> dict[str, str]:
    """Return the annotations after an apply by the manager of `managed`, and after the explicit removals."""
    if change is None:
        return annotations
    kept = {n: t for n, t in annotations.items() if n not in managed - change.apply.keys()}
    return {n: t for n, t in (kept | dict(change.apply)).items() if n not in change.remove}


def test_floor_without_a_value_of_the_owner_has_an_empty_owner_mark() -> None:
    assert patch({}, {FLOOR: "3"}) == AnnotationPatch({MIN: "3", SET_MIN: "3", OWNER_MIN: ""})


def test_floor_above_the_value_of_the_owner_records_that_value() -> None:
    assert patch({MIN: "1"}, {FLOOR: "3"}) == AnnotationPatch(MARKED)


def test_floor_below_the_value_of_the_owner_is_not_set() -> None:
    assert patch({MIN: "5"}, {FLOOR: "3"}) is None


def test_equal_floor_again_changes_nothing() -> None:
    assert patch(MARKED, {FLOOR: "3"}, MANAGED) is None


def test_higher_floor_keeps_the_recorded_value_of_the_owner() -> None:
    assert patch(MARKED, {FLOOR: "7"}, MANAGED) == AnnotationPatch({MIN: "7", SET_MIN: "7", OWNER_MIN: "1"})


def test_floor_equal_to_the_value_of_the_owner_reverts() -> None:
    assert patch(MARKED, {FLOOR: "1"}, MANAGED) == AnnotationPatch({MIN: "1"})


def test_revert_restores_the_value_of_the_owner() -> None:
    assert revert_patch(MARKED, MANAGED) == AnnotationPatch({MIN: "1"})


def test_revert_removes_a_floor_where_the_owner_had_none() -> None:
    assert revert_patch(MARKED | {OWNER_MIN: ""}, MANAGED) == AnnotationPatch({})


def test_restored_value_stays_in_later_patches() -> None:
    """A later body without the restored value would remove it: no other manager holds it any more."""
    reverted = {MIN: "1"}
    change = patch(reverted, {"window": "15s"}, frozenset({MIN}))
    assert change is not None
    assert change.apply[MIN] == "1"


def test_value_written_by_a_person_over_a_floor_is_of_the_owner() -> None:
    changed = MARKED | {MIN: "2"}
    assert applied_value(changed, FLOOR) is None
    assert owner_annotations(changed) == {MIN: "2"}
    assert applied(changed, patch(changed, {}, MANAGED - {MIN}), MANAGED - {MIN}) == {MIN: "2"}


def test_floor_removed_by_a_person_stays_removed_without_marks() -> None:
    removed = {SET_MIN: "3", OWNER_MIN: "1"}
    assert owner_annotations(removed) == {}
    assert applied(removed, revert_patch(removed, MANAGED), MANAGED) == {}


def test_floor_above_the_value_of_a_person_records_that_value() -> None:
    changed = MARKED | {MIN: "4"}
    assert patch(changed, {FLOOR: "6"}, MANAGED) == AnnotationPatch({MIN: "6", SET_MIN: "6", OWNER_MIN: "4"})


def test_setting_of_the_owner_is_never_changed() -> None:
    assert patch({AUTOSCALING + "window": "90s"}, {"window": "15s"}) is None


def test_setting_of_the_owner_in_legacy_spelling_is_never_changed() -> None:
    legacy = {AUTOSCALING + "targetUtilizationPercentage": "50"}
    assert patch(legacy, {"target-utilization-percentage": "35"}) is None


def test_floor_leaves_a_legacy_min_scale_unchanged() -> None:
    legacy = {AUTOSCALING + "minScale": "2"}
    change = patch(legacy, {FLOOR: "5"})
    after = applied(legacy, change, frozenset())
    assert after == legacy | {MIN: "5", SET_MIN: "5", OWNER_MIN: ""}
    assert (
        applied(
            after, revert_patch(after, after.keys() - legacy.keys()), frozenset(after.keys() - legacy.keys())
        )
        == legacy
    )


def test_marks_of_other_managers_are_removed_explicitly() -> None:
    """As after the restore of a backup: leaving the marks out of an apply does not remove them."""
    assert revert_patch(MARKED, ()) == AnnotationPatch({MIN: "1"}, frozenset({SET_MIN, OWNER_MIN}))


def test_other_annotations_are_not_in_the_patch() -> None:
    other = {"tidecast.dev/mode": "act", AUTOSCALING + "target": "10"}
    change = patch(other, {FLOOR: "2"})
    assert change is not None
    assert not other.keys() & change.apply.keys()
    assert not is_marked(other)


def test_floor_is_clamped_to_the_limits_of_the_webhook() -> None:
    assert desired_min_scale(9, owner_min=0, owner_max=5) == "5"
    assert desired_min_scale(9, owner_min=0, owner_max=8, activation_scale=4) == "4"
    assert desired_min_scale(9, owner_min=0) == "9"
    assert desired_min_scale(2, owner_min=2) is None
    assert desired_min_scale(9, owner_min=5, owner_max=5) is None
    assert desired_min_scale(0, owner_min=0) is None
    assert desired_min_scale(None, owner_min=0) is None


number_texts = st.integers(0, 20).map(str)
owner_dicts = st.dictionaries(
    st.sampled_from([AUTOSCALING + key for key in (*KEYS, "target", "minScale")]), number_texts
)
desired_dicts = st.dictionaries(st.sampled_from(KEYS), st.none() | number_texts)


@given(owner_dicts, st.lists(desired_dicts, max_size=5))
def test_revert_restores_the_annotations_after_any_sequence_of_values(
    before: dict[str, str], desired_values: list[dict[str, str | None]]
) -> None:
    annotations, managed = dict(before), frozenset[str]()
    for desired in [*desired_values, {}]:
        change = patch(annotations, desired, managed)
        annotations = applied(annotations, change, managed)
        managed = frozenset(change.apply) if change else managed
    assert annotations == before


@given(owner_dicts, desired_dicts)
def test_applied_patch_needs_no_further_patch(before: dict[str, str], desired: dict[str, str | None]) -> None:
    change = patch(before, desired)
    after = applied(before, change, frozenset())
    assert patch(after, desired, frozenset(change.apply) if change else ()) is None
    assert owner_annotations(after) == before


@given(owner_dicts, desired_dicts, number_texts)
def test_value_of_a_person_survives_a_revert(
    before: dict[str, str], desired: dict[str, str | None], persons_value: str
) -> None:
    change = patch(before, desired)
    managed = frozenset(change.apply) - {MIN} if change else frozenset[str]()
    annotations = applied(before, change, frozenset()) | {MIN: persons_value}
    if applied_value(annotations, FLOOR) is None:
        assert applied(annotations, revert_patch(annotations, managed), managed)[MIN] == persons_value


@given(owner_dicts, desired_dicts)
def test_min_scale_of_the_owner_is_only_raised(
    before: dict[str, str], desired: dict[str, str | None]
) -> None:
    after = applied(before, patch(before, desired), frozenset())
    assert int(after.get(MIN, "0")) >= int(before.get(MIN, "0"))


def test_applied_settings_omit_values_replaced_by_a_person() -> None:
    annotations = applied({}, patch({}, {FLOOR: "3", "window": "15s"}), frozenset())
    assert applied_settings(annotations) == KpaSettings(window_s=15)
    assert not has_stale_mark(annotations)
    changed = annotations | {AUTOSCALING + "window": "40s"}
    assert applied_settings(changed) == UNSET
    assert has_stale_mark(changed)


def test_second_write_of_applied_values_removes_stale_marks_only() -> None:
    annotations = applied({}, patch({}, {FLOOR: "3", "window": "15s"}), frozenset())
    changed = annotations | {AUTOSCALING + "window": "40s"}
    kept = applied(changed, patch(changed, {FLOOR: "3"}), frozenset())
    assert kept == {MIN: "3", SET_MIN: "3", OWNER_MIN: "", AUTOSCALING + "window": "40s"}
    assert not has_stale_mark(kept)


def test_setting_in_legacy_spelling_is_set_by_the_owner() -> None:
    legacy = {AUTOSCALING + "panicThresholdPercentage": "150"}
    assert owner_sets(legacy, "panic-threshold-percentage")
    assert not owner_sets(legacy, "window")
    assert patch(legacy, {"panic-threshold-percentage": "110"}) is None
