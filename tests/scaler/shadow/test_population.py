"""Items as arrays: candidates and settings of each, and the items that continue when a fleet changes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from builders import simulated_revision

from config.policy import Lever
from config.scenario import SCENARIOS
from scaler.plan.candidates import CANDIDATES
from scaler.shadow.population import MAX_STARTUP_S, Population, SimulatedRevision, carry_state, population
from scaler.simulation.pod_model import PodModel, pod_model_of

WEB, SPARSE = pod_model_of(SCENARIOS["web"]), pod_model_of(SCENARIOS["sparse"])


def revision(
    name: str, pod_model: PodModel = WEB, levers: frozenset[Lever] = frozenset(Lever), *, limited: bool = True
) -> SimulatedRevision:
    return simulated_revision(pod_model, name, levers, limited=limited)


def marked(*revisions: SimulatedRevision) -> Population:
    """Return a population in which the values of each item contain the number of the item."""
    items = population(revisions)
    k = len(items.of_item)
    items.batch.revision["queue"] = np.arange(k) + 1.0
    items.batch.buckets[:] = np.arange(k)[:, np.newaxis, np.newaxis] + 1.0
    items.batch.spec["min_scale"] = np.arange(k) + 1
    return items


def test_revision_has_an_item_per_permitted_candidate() -> None:
    floors_only = frozenset({Lever.FLOOR})
    items = population([revision("a"), revision("b", levers=floors_only), revision("c", levers=frozenset())])
    assert np.diff(items.first).tolist() == [len(revision.candidates) for revision in items.revisions]
    assert items.first[1] == len(CANDIDATES)
    assert items.candidate[items.first[2] :].tolist() == [0]
    specs = items.batch.spec[items.first[1] : items.first[2]]
    assert set(specs["stable_window_s"].tolist()) == {WEB.spec.stable_window_s}


def test_settings_of_a_candidate_replace_those_of_the_owner() -> None:
    items = population([revision("a")])
    for i, candidate in enumerate(CANDIDATES):
        spec, settings = items.batch.spec[i], candidate.settings
        assert spec["stable_window_s"] == (settings.window_s or WEB.spec.stable_window_s)
        percent = settings.utilization_percentage
        expected = WEB.spec.target_value if percent is None else WEB.spec.total_value * percent / 100
        assert spec["target_value"] == pytest.approx(expected)
    assert items.batch.baseline["target_value"] == pytest.approx(WEB.spec.target_value)


def test_empty_population_has_no_items_and_long_startup_is_limited() -> None:
    assert len(population([]).of_item) == 0
    mixed = population([revision("a", replace(WEB, startups_s=(2.0, 2.0, 2.0, 4.0, 90.0)))])
    assert mixed.batch.starting_groups.shape[1] >= 92
    items = population([revision("a", replace(WEB, startup_s=1e6))])
    assert items.pod_params["startups_s"].max() == MAX_STARTUP_S


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="other revision removed"),
        pytest.param([revision("new", SPARSE)], id="revision added"),
        pytest.param([revision("b", replace(WEB, startup_s=500.0))], id="other revision starts more slowly"),
    ],
)
def test_continuing_items_keep_the_state(others: Sequence[SimulatedRevision]) -> None:
    old = marked(revision("b"), revision("a"))
    new = population([*others, revision("a")])
    previous = carry_state(old, new)
    continuing = new.of_item == len(others)
    assert previous[continuing].tolist() == np.flatnonzero(old.of_item == 1).tolist()
    assert (
        new.batch.revision["queue"][continuing].tolist()
        == old.batch.revision["queue"][previous[continuing]].tolist()
    )
    np.testing.assert_array_equal(
        new.batch.spec["min_scale"][continuing], old.batch.spec["min_scale"][previous[continuing]]
    )
    width = min(new.batch.buckets.shape[2], old.batch.buckets.shape[2])
    np.testing.assert_array_equal(
        new.batch.buckets[continuing, :, :width], old.batch.buckets[previous[continuing], :, :width]
    )


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(revision("a", SPARSE), id="other settings of the owner"),
        pytest.param(revision("a", levers=frozenset({Lever.FLOOR})), id="other levers"),
        pytest.param(revision("a", limited=False), id="requests no longer limited"),
    ],
)
def test_changed_candidate_begins_without_state(changed: SimulatedRevision) -> None:
    new = population([changed])
    assert (carry_state(marked(revision("a")), new) == -1).all()
    assert not new.batch.revision["queue"].any()


def test_changed_service_time_keeps_the_state() -> None:
    new = population([revision("a", replace(WEB, service_time_s=9.0))])
    assert (carry_state(marked(revision("a")), new) >= 0).all()
    assert set(new.pod_params["service_time_s"].tolist()) == {9.0}
    assert new.batch.revision["queue"].min() == 1.0


def test_shorter_startup_keeps_all_starting_pods() -> None:
    slow, fast = revision("a", replace(WEB, startup_s=100.0)), revision("a", replace(WEB, startup_s=2.0))
    old = population([slow])
    for i in range(50):
        old.batch.starting_groups[:, i] = (1000 + 2 * i, 3)
    old.batch.revision["starting_groups"], old.batch.revision["starting"] = 50, 150
    new = population([fast])
    carry_state(old, new)
    assert set(new.batch.revision["starting_groups"].tolist()) == {1}
    assert new.batch.starting_groups[0, 0].tolist() == [1000, 150]
    # The same start-up time changes nothing.
    again = population([fast])
    carry_state(new, again)
    assert again.batch.starting_groups[0, 0].tolist() == [1000, 150]
