"""Items as arrays: which there are, with which settings, and which of them go on when a fleet changes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from config.policy import Lever, RevisionPolicy
from config.scenario import SCENARIOS
from models.fleet.keys import RevisionKey
from scaler.plan.candidates import CANDIDATES
from scaler.shadow.population import MAX_STARTUP_S, Population, SimulatedRevision, carry_state, population
from scaler.simulation.pod_model import PodModel, pod_model_of

WEB, SPARSE = pod_model_of(SCENARIOS["web"]), pod_model_of(SCENARIOS["sparse"])


def revision(
    name: str, world: PodModel = WEB, levers: frozenset[Lever] = frozenset(Lever), *, limited: bool = True
) -> SimulatedRevision:
    return SimulatedRevision(RevisionKey("shop", name), world, levers, limited, RevisionPolicy())


def marked(*lived: SimulatedRevision) -> Population:
    """Items whose every figure tells which they are."""
    made = population(lived)
    k = len(made.of_item)
    made.batch.revision["queue"] = np.arange(k) + 1.0
    made.batch.buckets[:] = np.arange(k)[:, np.newaxis, np.newaxis] + 1.0
    made.batch.spec["min_scale"] = np.arange(k) + 1
    return made


def test_a_revision_has_an_item_for_every_candidate_that_its_levers_allow() -> None:
    floors_only = frozenset({Lever.FLOOR})
    made = population([revision("a"), revision("b", levers=floors_only), revision("c", levers=frozenset())])
    assert np.diff(made.first).tolist() == [len(one.candidates) for one in made.revisions]
    assert made.first[1] == len(CANDIDATES)
    assert made.candidate[made.first[2] :].tolist() == [0]
    specs = made.batch.spec[made.first[1] : made.first[2]]
    assert set(specs["stable_window_s"].tolist()) == {WEB.spec.stable_window_s}


def test_settings_are_laid_over_what_the_owner_has() -> None:
    made = population([revision("a")])
    for e, candidate in enumerate(CANDIDATES):
        spec, setting = made.batch.spec[e], candidate.settings
        assert spec["stable_window_s"] == (setting.window_s or WEB.spec.stable_window_s)
        percent = setting.utilization_percentage
        wanted = WEB.spec.target_value if percent is None else WEB.spec.total_value * percent / 100
        assert spec["target_value"] == pytest.approx(wanted)
    assert made.batch.baseline["target_value"] == pytest.approx(WEB.spec.target_value)


def test_no_revisions_have_no_items_and_a_very_long_start_is_cut() -> None:
    assert len(population([]).of_item) == 0
    drawn = population([revision("a", replace(WEB, startups_s=(2.0, 2.0, 2.0, 4.0, 90.0)))])
    assert drawn.batch.starting_groups.shape[1] >= 92
    made = population([revision("a", replace(WEB, startup_s=1e6))])
    assert made.pod_params["startups_s"].max() == MAX_STARTUP_S


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="the others go"),
        pytest.param([revision("new", SPARSE)], id="another one comes"),
        pytest.param([revision("b", replace(WEB, startup_s=500.0))], id="the other one starts more slowly"),
    ],
)
def test_items_that_stay_go_on_where_they_were(others: Sequence[SimulatedRevision]) -> None:
    old = marked(revision("b"), revision("a"))
    new = population([*others, revision("a")])
    before = carry_state(old, new)
    mine = new.of_item == len(others)
    assert before[mine].tolist() == np.flatnonzero(old.of_item == 1).tolist()
    for name in ("queue",):
        assert new.batch.revision[name][mine].tolist() == old.batch.revision[name][before[mine]].tolist()
    np.testing.assert_array_equal(
        new.batch.spec["min_scale"][mine], old.batch.spec["min_scale"][before[mine]]
    )
    width = min(new.batch.buckets.shape[2], old.batch.buckets.shape[2])
    np.testing.assert_array_equal(
        new.batch.buckets[mine, :, :width], old.batch.buckets[before[mine], :, :width]
    )


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(revision("a", SPARSE), id="other settings of its owner"),
        pytest.param(revision("a", levers=frozenset({Lever.FLOOR})), id="other levers"),
        pytest.param(revision("a", limited=False), id="requests are not limited any more"),
    ],
)
def test_an_item_that_would_be_another_one_begins(changed: SimulatedRevision) -> None:
    new = population([changed])
    assert (carry_state(marked(revision("a")), new) == -1).all()
    assert not new.batch.revision["queue"].any()


def test_other_service_times_change_how_an_item_goes_on_and_not_where_it_is() -> None:
    new = population([revision("a", replace(WEB, service_time_s=9.0))])
    assert (carry_state(marked(revision("a")), new) >= 0).all()
    assert set(new.pod_params["service_time_s"].tolist()) == {9.0}
    assert new.batch.revision["queue"].min() == 1.0


def test_no_pod_is_lost_where_there_is_room_for_fewer_batches() -> None:
    slow, fast = revision("a", replace(WEB, startup_s=100.0)), revision("a", replace(WEB, startup_s=2.0))
    old = population([slow])
    for at in range(50):
        old.batch.starting_groups[:, at] = (1000 + 2 * at, 3)
    old.batch.revision["starting_groups"], old.batch.revision["starting"] = 50, 150
    new = population([fast])
    carry_state(old, new)
    assert set(new.batch.revision["starting_groups"].tolist()) == {1}
    assert new.batch.starting_groups[0, 0].tolist() == [1000, 150]
    # With the same start-up nothing is touched.
    again = population([fast])
    carry_state(new, again)
    assert again.batch.starting_groups[0, 0].tolist() == [1000, 150]
