"""All policies by name: the light list and the table agree, and fixed settings are what their names say."""

import math

import numpy as np
import pytest

from config.scenario import SCENARIOS
from scaler.policies.names import DEFAULT, NAMES
from scaler.policies.policy import PlanRows, Series
from scaler.policies.table import POLICIES
from scaler.simulation.pod_model import pod_model_of


def plan(name: str) -> PlanRows:
    world = SCENARIOS["heavy"]
    its = Series("shop/cart", 1_700_000_123, np.ones(99, np.float32), world, pod_model_of(world))
    return POLICIES[name].plan(its, 30.0)


def test_the_names_are_those_of_the_table() -> None:
    assert tuple(POLICIES) == NAMES
    assert set(DEFAULT) <= set(NAMES)


def test_every_policy_says_what_it_is_and_where_it_is_from() -> None:
    for policy in POLICIES.values():
        assert policy.about
        assert policy.source


def test_what_knows_the_future_says_so() -> None:
    assert {name for name, policy in POLICIES.items() if policy.hindsight} == {"kpa-fixed", "oracle"}


def test_the_kpa_alone_has_no_plan() -> None:
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
def test_a_fixed_setting_is_said_once_and_nothing_else(name: str, field: str, value: float) -> None:
    (row,) = plan(name)
    assert row[field] == pytest.approx(value)
    others = {"target_value", "stable_window_s", "panic_threshold", "pod_retention_period_s"} - {field}
    assert all(math.isnan(row[other]) for other in others)
    assert row["at_s"] == 0
    assert row["floor"] == (value if field == "floor" else 0)
