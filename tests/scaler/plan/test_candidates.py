"""The table of candidates, and the candidates that a set of levers permits."""

import csv
from importlib.resources import files

import numpy as np
import pytest

from config.policy import Lever
from scaler.plan.candidates import CANDIDATES, KPA_ALONE, NO_FLOOR, Candidate, allowed
from scaler.shadow.prior import prior

ALL = frozenset(Lever)
FLOORS = frozenset({Lever.FLOOR})


def permitted(levers: frozenset[Lever], *, limited: bool = True) -> list[Candidate]:
    return [candidate for _, candidate in allowed(levers, limited=limited)]


def test_candidate_names_are_unique_and_no_more_than_a_hundred() -> None:
    names = [str(candidate) for candidate in CANDIDATES]
    assert len(set(names)) == len(names) == len(set(CANDIDATES)) <= 100
    assert str(KPA_ALONE) == "no floor"


def test_prior_has_one_row_per_candidate() -> None:
    with files("scaler.shadow").joinpath("prior.csv").open(encoding="utf-8") as file:
        names = [row["candidate"] for row in csv.DictReader(file)]
    assert names == [str(candidate) for candidate in CANDIDATES]
    assert np.isfinite(prior()).all()
    assert (prior() >= 0).all()
    assert prior()[0, 0] == 1


def test_all_levers_permit_every_candidate_in_order() -> None:
    assert list(allowed(ALL, limited=True)) == list(enumerate(CANDIDATES))


def test_no_lever_permits_only_kpa_alone() -> None:
    assert list(allowed(frozenset(), limited=True)) == [(0, KPA_ALONE)]


def test_floor_lever_permits_each_rule_once_without_settings() -> None:
    candidates = permitted(FLOORS)
    assert {candidate.settings for candidate in candidates} == {KPA_ALONE.settings}
    rules = [candidate.rule for candidate in candidates]
    assert sorted(map(str, rules)) == sorted({str(candidate.rule) for candidate in CANDIDATES})


def test_other_levers_permit_only_settings() -> None:
    candidates = permitted(ALL - FLOORS)
    assert {candidate.rule for candidate in candidates} == {NO_FLOOR}
    assert {candidate.settings for candidate in candidates} == {
        candidate.settings for candidate in CANDIDATES
    }


def test_unlimited_pods_have_no_target_utilization() -> None:
    candidates = permitted(ALL, limited=False)
    assert all(candidate.settings.utilization_percentage is None for candidate in candidates)
    assert any(candidate.settings.window_s is not None for candidate in candidates)


def test_window_is_permitted_only_with_retention() -> None:
    candidates = permitted(frozenset({Lever.FLOOR, Lever.WINDOW}))
    assert all(candidate.settings.window_s is None for candidate in candidates)
    candidates = permitted(frozenset({Lever.FLOOR, Lever.WINDOW, Lever.RETENTION}))
    assert any(candidate.settings.window_s is not None for candidate in candidates)


@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("lever", Lever)
def test_kpa_alone_is_first_and_candidates_are_distinct_under_any_levers(lever: Lever, limited: bool) -> None:
    for levers in (frozenset({lever}), ALL - {lever}):
        candidates = list(allowed(levers, limited=limited))
        indices = [index for index, _ in candidates]
        assert candidates[0] == (0, KPA_ALONE)
        assert indices == sorted(set(indices))
        assert len({candidate for _, candidate in candidates}) == len(candidates)
