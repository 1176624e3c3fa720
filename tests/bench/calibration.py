"""Whether forecasts hold what they say: coverage of the lead window's peak, and how likely events are.

    python tests/bench/calibration.py --traces DIR [--only GLOB] [--json]

DIR has the traces named in WARM_DAYS.  Of a series that is busy in most of its steps: the share of windows
whose peak was at most the quantile said, over the scored span and in the week that is furthest off; the same
once more with its traffic doubled from the middle of the scored span on.  Of the others, by trace: how often
a window had a request, by tenths of what was said of it.
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
"""Trace -> days that are lived through and not scored."""
MIN_DAYS = 2
"""Of a busy series that has fewer to score nothing is told."""
N_METRICS = (0.5, 0.9, 0.95, 0.99)
DAY_S, WEEK_S = 86400, 7 * 86400


@dataclass(frozen=True, eq=False)
class Windows:
    """The scored windows of one series.

    from_s    (n,) seconds from the first arrival.
    level     (n,) of the quantile that the peak came to: its place in the distribution that was said.
    chance    (n,) that was said of any request.
    busy      (n,) True where one came.
    intermittent   (n,) True where `chance` is of any request, not of a burst.
    """

    from_s: NDArray[np.int64]
    level: NDArray[np.float64]
    chance: NDArray[np.float64]
    busy: NDArray[np.bool_]
    intermittent: NDArray[np.bool_]


def windows_of(subject: Series, arrivals: NDArray[np.float32], score_s: int) -> Windows:
    """The windows of a subject with these arrivals that begin at `score_s` or later, and end with them."""
    delay_s, lead_s = subject.scenario.metrics_delay_seconds, subject.pod_model.startup_s + STEP_S
    said = hindcast(arrivals, subject.start_s, subject.pod_model, delay_s)
    steps = int(np.ceil(lead_s / STEP_S))
    rates = arrivals[: len(arrivals) // STEP_S * STEP_S].reshape(-1, STEP_S).mean(axis=1)
    upto = np.concatenate([[0.0], np.cumsum(arrivals, dtype=np.float64)])
    scored = np.flatnonzero((said.at_s >= score_s) & (said.at_s // STEP_S + steps <= len(rates)))
    at_s = said.at_s[scored]
    ahead = at_s[:, np.newaxis] // STEP_S + np.arange(steps)
    return Windows(
        from_s=at_s,
        level=level_of(said, scored, rates[ahead].max(axis=1)),
        chance=said.event_prob[scored].astype(float),
        busy=upto[at_s + int(np.ceil(lead_s))] > upto[at_s],
        intermittent=said.intermittent[scored],
    )


def level_of(said: Hindcast, at: NDArray[np.intp], peak: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) the share of each forecast that lies below the peak; quantiles are joined by straight lines."""
    count = LEVELS.size
    calm, bursts = said.point_rates[at, :count], said.point_rates[at, count:]
    burst = said.point_weights[at, count:].sum(axis=1, dtype=float)
    below = (calm < peak[:, np.newaxis]).sum(axis=1)
    every = np.arange(len(peak))
    low, high = np.clip(below - 1, 0, None), np.clip(below, None, count - 1)
    width = np.maximum(calm[every, high] - calm[every, low], 1e-12)
    part = np.clip((peak - calm[every, low]) / width, 0.0, 1.0)
    levels = np.where(below == 0, LEVELS[0], LEVELS[low] + part * (LEVELS[high] - LEVELS[low]))
    levels[below == count] = 1.0
    return np.asarray((1 - burst) * levels + burst * (bursts < peak[:, np.newaxis]).mean(axis=1))


def coverage(windows: Windows) -> dict[str, dict[str, float]]:
    """Of each level told: the share of windows within it, and that of the week furthest off."""
    week = (windows.from_s - windows.from_s[0]) // WEEK_S
    # What is left at the end counts to the week before it.
    week = np.minimum(week, max(0, (windows.from_s[-1] - windows.from_s[0]) // WEEK_S - 1))
    told = {}
    for level in N_METRICS:
        within = windows.level <= level
        weeks = [float(within[week == each].mean()) for each in np.unique(week)]
        told[f"{level:g}"] = {
            "all": float(within.mean()),
            "worst week": max(weeks, key=lambda share: abs(share - level)),
        }
    return told


def reliability(chance: NDArray[np.float64], busy: NDArray[np.bool_]) -> list[dict[str, float]]:
    """By tenths of windows in the order of the chance that was said: its mean, and the share that came."""
    order = np.argsort(chance, kind="stable")
    return [
        {"said": float(chance[tenth].mean()), "came": float(busy[tenth].mean()), "windows": len(tenth)}
        for tenth in np.array_split(order, 10)
        if len(tenth)
    ]


def measure(path: Path, warm_days: int) -> dict[str, Any]:
    """The figures of one trace."""
    heavy, sparse = (traffic_of(read_export(path), SCENARIOS[name]) for name in ("heavy", "sparse"))
    counts, score_s = heavy.export.counts, warm_days * DAY_S
    found: dict[str, Any] = {}
    rare: list[Windows] = []
    for k, series in enumerate(heavy.series):
        if np.mean(counts[k][np.isfinite(counts[k])] > 0) <= 0.5:
            rare.append(windows_of(subject := sparse.series_at(k), subject.arrivals, score_s))
            continue
        subject = heavy.series_at(k)
        arrivals = subject.arrivals
        if len(arrivals) - score_s < MIN_DAYS * DAY_S:
            continue
        found[series] = {"as it is": coverage(windows_of(subject, arrivals, score_s))}
        doubled = arrivals.copy()
        doubled[(score_s + len(arrivals)) // 2 :] *= 2
        found[series]["doubled from the middle on"] = coverage(windows_of(subject, doubled, score_s))
    if rare:
        of_any = [each.intermittent for each in rare]
        found["sparse series"] = reliability(
            np.concatenate([each.chance[kept] for each, kept in zip(rare, of_any, strict=True)]),
            np.concatenate([each.busy[kept] for each, kept in zip(rare, of_any, strict=True)]),
        )
    return found


def text(trace: str, found: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [trace]
    for series, figures in found.items():
        if series == "sparse series":
            lines.append(f"  {series}: said -> came, by tenths of windows")
            lines += [f"    {row['said']:8.4f} -> {row['came']:.4f}  of {row['windows']}" for row in figures]
            continue
        lines.append(f"  {series}: within the level (worst week)")
        for case, told in figures.items():
            shares = (f"{level}: {one['all']:.3f} ({one['worst week']:.3f})" for level, one in told.items())
            lines.append(f"    {case:27} {'   '.join(shares)}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--only", default="*", metavar="GLOB", help="traces whose names fit")
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
