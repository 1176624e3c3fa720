"""Measure the calibration of forecasts: coverage of the peak of the lead window, and reliability of events.

    python tests/bench/calibration.py --traces DIR [--only GLOB] [--json]

DIR has the traces named in WARM_DAYS.  For a series that is busy in most of its steps: the share of windows
whose peak did not exceed the forecast quantile, over the scored span and in the worst week; and the same with
the traffic doubled from the middle of the scored span on.  For the other series of a trace together: how
often a window had a request, by tenths of the forecast probability.
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from config.scenario import SCENARIOS
from forecaster.sources.exports import read_export
from models.peak.state import LEVELS
from scaler.backtest.series import traffic_of
from scaler.policies.policy import Series
from scaler.shadow.hindcast import STEP_S, Hindcast, hindcast

WARM_DAYS = {
    "nasa_http_60s": 7,
    "twitter_stream_60s": 5,
    "nab_elb_300s": 3,
    "huawei_coldstarts_60s": 7,
    "nyc_taxi_1800s": 14,
    "azure2019_8h_60s": 0,
    "nab_tweets_300s": 7,
    "azure_vm_arrivals_300s": 7,
}
"""Trace -> days that are simulated and not scored."""
MIN_DAYS = 2
"""Days that a busy series must have to be scored."""
COVERAGE_LEVELS = (0.5, 0.9, 0.95, 0.99)
DAY_S, WEEK_S = 86400, 7 * 86400


@dataclass(frozen=True, eq=False)
class Windows:
    """The scored windows of one series.

    from_s         (n,) seconds from the first arrival
    level          (n,) level of the peak in the forecast distribution
    event_prob     (n,) forecast probability of an event
    busy           (n,) whether the window had a request
    intermittent   (n,) whether an event is any request; else it is a burst
    """

    from_s: NDArray[np.int64]
    level: NDArray[np.float64]
    event_prob: NDArray[np.float64]
    busy: NDArray[np.bool_]
    intermittent: NDArray[np.bool_]


def windows_of(series: Series, arrivals: NDArray[np.float32], score_s: int) -> Windows:
    """Return the windows of a series with these arrivals that begin at `score_s` or later."""
    delay_s, lead_s = series.scenario.metrics_delay_seconds, series.pod_model.startup_s + STEP_S
    forecast = hindcast(arrivals, series.start_s, series.pod_model, delay_s)
    steps = int(np.ceil(lead_s / STEP_S))
    rates = arrivals[: len(arrivals) // STEP_S * STEP_S].reshape(-1, STEP_S).mean(axis=1)
    cumulated = np.concatenate([[0.0], np.cumsum(arrivals, dtype=np.float64)])
    scored = np.flatnonzero((forecast.at_s >= score_s) & (forecast.at_s // STEP_S + steps <= len(rates)))
    at_s = forecast.at_s[scored]
    ahead = at_s[:, np.newaxis] // STEP_S + np.arange(steps)
    return Windows(
        from_s=at_s,
        level=level_of(forecast, scored, rates[ahead].max(axis=1)),
        event_prob=forecast.event_prob[scored].astype(float),
        busy=cumulated[at_s + int(np.ceil(lead_s))] > cumulated[at_s],
        intermittent=forecast.intermittent[scored],
    )


def level_of(forecast: Hindcast, rows: NDArray[np.intp], peak: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the level (n,) of each peak in its forecast; between two quantiles it is linear."""
    count = LEVELS.size
    calm, bursts = forecast.point_rates[rows, :count], forecast.point_rates[rows, count:]
    burst = forecast.point_weights[rows, count:].sum(axis=1, dtype=float)
    below = (calm < peak[:, np.newaxis]).sum(axis=1)
    index = np.arange(len(peak))
    low, high = np.clip(below - 1, 0, None), np.clip(below, None, count - 1)
    width = np.maximum(calm[index, high] - calm[index, low], 1e-12)
    part = np.clip((peak - calm[index, low]) / width, 0.0, 1.0)
    levels = np.where(below == 0, LEVELS[0], LEVELS[low] + part * (LEVELS[high] - LEVELS[low]))
    levels[below == count] = 1.0
    return np.asarray((1 - burst) * levels + burst * (bursts < peak[:, np.newaxis]).mean(axis=1))


def coverage(windows: Windows) -> dict[str, dict[str, float]]:
    """Return the share of windows within each level, and that of the worst week."""
    week = (windows.from_s - windows.from_s[0]) // WEEK_S
    # The incomplete week at the end belongs to the week before it.
    week = np.minimum(week, max(0, (windows.from_s[-1] - windows.from_s[0]) // WEEK_S - 1))
    found = {}
    for level in COVERAGE_LEVELS:
        within = windows.level <= level
        weeks = [float(within[week == w].mean()) for w in np.unique(week)]
        found[f"{level:g}"] = {
            "all": float(within.mean()),
            "worst week": max(weeks, key=lambda share: abs(share - level)),
        }
    return found


def reliability(event_prob: NDArray[np.float64], busy: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Return, for tenths of the windows by forecast probability: its mean, and the share with an event."""
    order = np.argsort(event_prob, kind="stable")
    return [
        {
            "forecast": float(event_prob[tenth].mean()),
            "actual": float(busy[tenth].mean()),
            "windows": len(tenth),
        }
        for tenth in np.array_split(order, 10)
        if len(tenth)
    ]


def measure(path: Path, warm_days: int) -> dict[str, Any]:
    """Return the results of one trace."""
    heavy, sparse = (traffic_of(read_export(path), SCENARIOS[name]) for name in ("heavy", "sparse"))
    counts, score_s = heavy.export.counts, warm_days * DAY_S
    found: dict[str, Any] = {}
    rare: list[Windows] = []
    for k, name in enumerate(heavy.series):
        if np.mean(counts[k][np.isfinite(counts[k])] > 0) <= 0.5:
            rare.append(windows_of(series := sparse.series_at(k), series.arrivals, score_s))
            continue
        series = heavy.series_at(k)
        arrivals = series.arrivals
        if len(arrivals) - score_s < MIN_DAYS * DAY_S:
            continue
        found[name] = {"unchanged": coverage(windows_of(series, arrivals, score_s))}
        doubled = arrivals.copy()
        doubled[(score_s + len(arrivals)) // 2 :] *= 2
        found[name]["doubled from the middle on"] = coverage(windows_of(series, doubled, score_s))
    if rare:
        found["sparse series"] = reliability(
            np.concatenate([windows.event_prob[windows.intermittent] for windows in rare]),
            np.concatenate([windows.busy[windows.intermittent] for windows in rare]),
        )
    return found


def text(trace: str, found: dict[str, Any]) -> str:
    """Return the results for people."""
    lines = [trace]
    for series, results in found.items():
        if series == "sparse series":
            lines.append(f"  {series}: forecast -> actual probability, by tenths of windows")
            lines += [
                f"    {row['forecast']:8.4f} -> {row['actual']:.4f}  of {row['windows']}" for row in results
            ]
            continue
        lines.append(f"  {series}: within the level (worst week)")
        for case, levels in results.items():
            shares = (f"{level}: {c['all']:.3f} ({c['worst week']:.3f})" for level, c in levels.items())
            lines.append(f"    {case:27} {'   '.join(shares)}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--only", default="*", metavar="GLOB", help="traces whose names match")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {}
    for trace, warm_days in WARM_DAYS.items():
        if fnmatchcase(trace, options.only):
            found[trace] = measure(options.traces / f"{trace}.csv.gz", warm_days)
            if not options.json:
                print(text(trace, found[trace]), flush=True)
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
