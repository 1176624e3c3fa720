"""Sum the demand of Revisions to services, and average it to longer steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.demand import Demand
from models.fleet.keys import ServiceKey

CHUNK_COLUMNS = 32
"""Columns that are summed together, which bounds the memory of copies."""


@dataclass(frozen=True, eq=False)
class ServiceDemand:
    """Demand summed over the Revisions of each service.

    keys              (s,) sorted.
    arrivals, busy    (s, n) float32 requests/s and requests in flight; NaN = not observed.
    start_s, step_s   as in Demand.
    """

    keys: tuple[ServiceKey, ...]
    arrivals: NDArray[np.float32]
    busy: NDArray[np.float32]
    start_s: int
    step_s: int


@dataclass(frozen=True, eq=False)
class ServiceGroups:
    """The service to which each row of a Demand is added; the same for every Demand with the same services.

    services   (r,) the service of each row.
    keys       (s,) the distinct services, sorted.
    index      (r,) index into `keys` of each row.
    """

    services: tuple[ServiceKey, ...]
    keys: tuple[ServiceKey, ...]
    index: NDArray[np.intp]


def group_by_service(services: tuple[ServiceKey, ...]) -> ServiceGroups:
    """The groups of rows that belong to `services` (r,)."""
    keys = tuple(sorted(set(services)))
    row = {key: i for i, key in enumerate(keys)}
    return ServiceGroups(services, keys, np.array([row[key] for key in services], np.intp))


def sum_by_service(demand: Demand, groups: ServiceGroups | None = None) -> ServiceDemand:
    """Sum demand over the Revisions of each service; a step is observed if any of these Revisions was.

    If each service has one Revision, the arrays are those of the demand, not copies.

    groups   the groups of the rows; None: they are computed
    """
    groups = groups or group_by_service(demand.services)
    if groups.keys == groups.services:
        return ServiceDemand(groups.keys, demand.arrivals, demand.busy, demand.start_s, demand.step_s)

    def summed(values: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.zeros((len(groups.keys), values.shape[1]), np.float32)
        for first in range(0, values.shape[1], CHUNK_COLUMNS):
            chunk = slice(first, first + CHUNK_COLUMNS)
            observed = np.zeros(out[:, chunk].shape, bool)
            np.add.at(out[:, chunk], groups.index, np.nan_to_num(values[:, chunk]))
            np.logical_or.at(observed, groups.index, ~np.isnan(values[:, chunk]))
            out[:, chunk][~observed] = np.nan
        return out

    return ServiceDemand(
        groups.keys, summed(demand.arrivals), summed(demand.busy), demand.start_s, demand.step_s
    )


def coarsen(values: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """(s, n // steps) means over `steps` columns each; NaN where fewer than half of them were observed.

    values   (s, n); NaN = not observed
    """
    n = values.shape[1] // steps
    blocks = values[:, : n * steps].reshape(values.shape[0], n, steps)
    observed = ~np.isnan(blocks)
    count = observed.sum(axis=2)
    mean = np.where(observed, blocks, 0).sum(axis=2) / np.maximum(count, 1)
    return np.where(2 * count >= steps, mean, np.nan).astype(np.float32)
