"""Demand of Revisions summed to services, and averaged to longer steps."""

import numpy as np

from forecaster.history.service_demand import coarsen, sum_by_service
from forecaster.sources.demand import Demand
from models.fleet.keys import RevisionKey, ServiceKey

X, Y = ServiceKey("a", "x"), ServiceKey("a", "y")
NAN = float("nan")


def test_revisions_are_summed_to_services_and_unobserved_stays_unobserved() -> None:
    values = np.array([[1, 2, NAN], [10, NAN, NAN], [5, 0, NAN]], np.float32)
    revisions = tuple(RevisionKey("a", name) for name in ("x-00001", "x-00002", "y-00001"))
    got = sum_by_service(Demand(revisions, (X, X, Y), values, 0.5 * values, 0, 30, 30.0))
    assert got.keys == (X, Y)
    np.testing.assert_equal(got.arrivals, np.array([[11, 2, NAN], [5, 0, NAN]], np.float32))


def test_coarse_step_is_mean_if_half_of_fine_steps_were_observed() -> None:
    got = coarsen(np.array([[1, 3, NAN, NAN, 4, NAN, 9]], np.float32), 2)
    np.testing.assert_equal(got, np.array([[2, NAN, 4]], np.float32))
