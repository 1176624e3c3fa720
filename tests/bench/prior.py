"""Write scaler/shadow/prior.csv: the metrics of every candidate on public traces of sparse traffic.

    python tests/bench/prior.py --traces DIR [--out FILE]

DIR has the traces named in TRACES.  No part of a trace is skipped as warm-up: one of them has only a few
hours.
"""

import argparse
import csv
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from forecaster.sources.exports import read_export
from scaler.backtest.series import traffic_of
from scaler.plan.candidates import CANDIDATES, KPA_INDEX
from scaler.shadow.evaluate import PODS

TRACES = ("azure2019_8h_60s.csv.gz", "nab_tweets_300s.csv.gz", "azure_vm_arrivals_300s.csv.gz")
COLUMNS = ("candidate", "pods", "delayed", "waited", "starts", "requests")


def candidate_metrics(trace: Path) -> NDArray[np.float64]:
    """Return the metrics (e, N_METRICS) of the candidates on a trace, per pod-second of the KPA alone."""
    from scaler.policies.evaluation import evaluate_series

    traffic = traffic_of(read_export(trace), SCENARIOS["sparse"])
    with ThreadPoolExecutor(2) as threads:
        evaluations = threads.map(
            lambda k: evaluate_series(traffic.series_at(k)).cost.sum(axis=0, dtype=float),
            range(len(traffic)),
        )
        total = np.sum(list(evaluations), axis=0)
    return np.asarray(total / total[KPA_INDEX, PODS])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "scaler" / "shadow" / "prior.csv")
    options = parser.parse_args()
    mean = np.mean([candidate_metrics(options.traces / name) for name in TRACES], axis=0)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for candidate, row in zip(CANDIDATES, mean, strict=True):
            writer.writerow([candidate, *(f"{value:.6g}" for value in row)])


if __name__ == "__main__":
    main()
