"""All policies by name: the list of names equals the table, and fixed settings match their names."""

import math

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.policies.names import DEFAULT, NAMES
from scaler.policies.policy import PlanRows, Series
from scaler.policies.table import POLICIES
from scaler.simulation.pod_model import pod_model_of


def plan(name: str) -> PlanRows:
    heavy = SCENARIOS["heavy"]
    series = Series("shop/cart", 1_700_000_123, np.ones(99, np.float32), heavy, pod_model_of(heavy))
    return POLICIES[name].plan(series, 30.0)


def test_names_equal_those_of_the_table() -> None:
    assert tuple(POLICIES) == NAMES
    assert set(DEFAULT) <= set(NAMES)


def test_every_policy_has_a_description_and_a_source() -> None:
    for policy in POLICIES.values():
        assert policy.description
        assert policy.source


def test_policies_with_hindsight_are_marked() -> None:
    assert {name for name, policy in POLICIES.items() if policy.hindsight} == {"kpa-fixed", "oracle"}


def test_kpa_alone_has_no_plan() -> None:
    assert len(plan("kpa")) == 0


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("kpa-u50", "target_value", 2.0),
        ("kpa-u35", "target_value", 1.4),
        ("min-scale-1", "floor", 1),
        ("keepalive-5", "pod_retention_period_s", 300),
        ("keepalive-10", "pod_retention_period_s", 600),
        ("keepalive-20", "pod_retention_period_s", 1200),
    ],
)
def test_fixed_policy_sets_one_value_from_the_start(name: str, field: str, value: float) -> None:
    (row,) = plan(name)
    assert row[field] == pytest.approx(value)
    others = {"target_value", "stable_window_s", "panic_threshold", "pod_retention_period_s"} - {field}
    assert all(math.isnan(row[other]) for other in others)
    assert row["at_s"] == 0
    assert row["floor"] == (value if field == "floor" else 0)
