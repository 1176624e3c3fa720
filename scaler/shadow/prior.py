"""Read what candidates cost on public traces of intermittent traffic: evidence for services without history.

tests/bench/prior.py writes the table: for each candidate its metrics per pod-second of the KPA alone,
averaged over the traces.
"""

import csv
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES

COLUMNS = ("pods", "delayed", "waited", "starts", "requests")
"""Columns of the table, in the order of the metrics of scaler.shadow.evaluate."""


@cache
def prior() -> NDArray[np.float64]:
    """Return the metrics (e, N_METRICS) of each candidate per pod-second of the KPA alone."""
    with files("scaler.shadow").joinpath("prior.csv").open(encoding="utf-8") as file:
        by_candidate = {
            row["candidate"]: [float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)
        }
    return np.array([by_candidate[str(candidate)] for candidate in CANDIDATES])
