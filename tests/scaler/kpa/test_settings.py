"""KPA settings as numbers, as annotations, and back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import Lever
from scaler.kpa.annotations import read_annotations
from scaler.kpa.config import AutoscalerConfig
from scaler.kpa.settings import KEYS, LEVERS, UNSET, WEBHOOK_RANGES, KpaSettings, from_row, read_texts

WHOLE = KpaSettings(35.0, 15, 110.0, 60)


def test_every_lever_except_the_floor_is_a_setting() -> None:
    assert set(LEVERS) == set(Lever) - {Lever.FLOOR}
    assert list(WHOLE.texts()) == list(KEYS.values())
    assert WHOLE.texts() == {
        "target-utilization-percentage": "35",
        "window": "15s",
        "panic-threshold-percentage": "110",
        "scale-to-zero-pod-retention-period": "60s",
    }


def test_unset_value_is_nan_and_no_annotation() -> None:
    assert UNSET.texts() == UNSET.annotations() == {}
    assert all(math.isnan(x) for x in UNSET.row())
    assert KpaSettings(min_scale=2).annotations() == {"autoscaling.knative.dev/min-scale": "2"}
    assert KpaSettings(min_scale=2).texts() == {}


values = [st.none() | st.integers(int(minimum), int(maximum)) for minimum, maximum in WEBHOOK_RANGES]


@given(st.tuples(*values))
def test_settings_survive_writing_and_reading(row: tuple[int | None, ...]) -> None:
    settings = from_row(tuple(math.nan if x is None else float(x) for x in row))  # type: ignore[arg-type]
    assert read_texts(settings.texts()) == settings
    _, problems = read_annotations(settings.annotations(), AutoscalerConfig())
    assert not problems


@pytest.mark.parametrize("text", ["", "5", "2h", "soon"])
def test_text_that_knative_refuses_counts_as_not_set(text: str) -> None:
    assert read_texts({"window": text, "panic-threshold-percentage": "110"}) == KpaSettings(
        panic_threshold_percentage=110.0
    )


def test_durations_may_have_any_unit() -> None:
    assert read_texts({"window": "1m30s", "scale-to-zero-pod-retention-period": "2m"}) == KpaSettings(
        window_s=90, retention_s=120
    )
