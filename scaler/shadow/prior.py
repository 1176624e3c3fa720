"""What candidates came to on public traces of sparse traffic: all that a service without a past has to go by.

The table is written by tests/bench/prior.py: of each trace what a candidate came to for a pod-second that the
KPA_INDEX alone held, and the mean of the traces.
"""

import csv
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from scaler.plan.candidates import CANDIDATES

COLUMNS = ("pods", "delayed", "waited", "starts", "requests")


@cache
def prior() -> NDArray[np.float64]:
    """(e, N_METRICS) what a candidate came to for a pod-second of the KPA_INDEX alone."""
    with files("scaler.shadow").joinpath("prior.csv").open(encoding="utf-8") as file:
        said = {row["candidate"]: [float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)}
    return np.array([said[str(candidate)] for candidate in CANDIDATES])
