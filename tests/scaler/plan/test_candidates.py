"""The table of candidates, and what is left of it under few levers."""

import csv
from importlib.resources import files

import numpy as np
import pytest

from config.policy import Lever
from scaler.plan.candidates import CANDIDATES, KPA_ALONE, NO_FLOOR, Candidate, allowed
from scaler.shadow.prior import prior

ALL = frozenset(Lever)
FLOORS = frozenset({Lever.FLOOR})


def under(levers: frozenset[Lever], *, limited: bool = True) -> list[Candidate]:
    return [candidate for _, candidate in allowed(levers, limited=limited)]


def test_no_two_candidates_have_a_name_in_common_and_there_are_a_hundred_at_most() -> None:
    names = [str(candidate) for candidate in CANDIDATES]
    assert len(set(names)) == len(names) == len(set(CANDIDATES)) <= 100
    assert str(KPA_ALONE) == "no floor"


def test_what_public_traces_taught_is_of_exactly_these_candidates() -> None:
    with files("scaler.shadow").joinpath("prior.csv").open(encoding="utf-8") as file:
        names = [row["candidate"] for row in csv.DictReader(file)]
    assert names == [str(candidate) for candidate in CANDIDATES]
    assert np.isfinite(prior()).all()
    assert (prior() >= 0).all()
    assert prior()[0, 0] == 1


def test_with_all_levers_every_candidate_is_in_its_place() -> None:
    assert list(allowed(ALL, limited=True)) == list(enumerate(CANDIDATES))


def test_without_a_lever_the_kpa_alone_is_left() -> None:
    assert list(allowed(frozenset(), limited=True)) == [(0, KPA_ALONE)]


def test_with_floors_only_each_rule_is_there_once_and_nothing_is_set() -> None:
    left = under(FLOORS)
    assert {candidate.settings for candidate in left} == {KPA_ALONE.settings}
    rules = [candidate.rule for candidate in left]
    assert sorted(map(str, rules)) == sorted({str(candidate.rule) for candidate in CANDIDATES})


def test_without_floors_settings_alone_are_left() -> None:
    left = under(ALL - FLOORS)
    assert {candidate.rule for candidate in left} == {NO_FLOOR}
    assert {c.settings for c in left} == {c.settings for c in CANDIDATES}


def test_where_a_pod_is_not_limited_there_is_no_utilization_to_set() -> None:
    left = under(ALL, limited=False)
    assert all(candidate.settings.utilization_percentage is None for candidate in left)
    assert any(candidate.settings.window_s is not None for candidate in left)


def test_a_window_is_set_only_where_the_last_pod_can_be_retained() -> None:
    left = under(frozenset({Lever.FLOOR, Lever.WINDOW}))
    assert all(candidate.settings.window_s is None for candidate in left)
    left = under(frozenset({Lever.FLOOR, Lever.WINDOW, Lever.RETENTION}))
    assert any(candidate.settings.window_s is not None for candidate in left)


@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("lever", Lever)
def test_the_kpa_alone_is_first_and_each_is_there_once_whatever_is_allowed(
    lever: Lever, limited: bool
) -> None:
    for levers in (frozenset({lever}), ALL - {lever}):
        left = list(allowed(levers, limited=limited))
        places = [place for place, _ in left]
        assert left[0] == (0, KPA_ALONE)
        assert places == sorted(set(places))
        assert len({candidate for _, candidate in left}) == len(left)
