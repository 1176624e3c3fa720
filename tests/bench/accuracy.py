"""Measure the accuracy of the ensemble on public series, next to models of numpy and statsmodels alone.

    python tests/bench/accuracy.py --traces DIR [--json]

Rolling origin: 60 origins over the last 40 % of a series; the first 20 only calibrate, and 40 are scored.
Horizons are 1-6 and 1-30 steps of the series.  A model is trained on the 14 days before the origin (28 days
for half hours).  The quantile 0.9 of a model is its path plus the empirical quantile of its errors at that
horizon at all earlier origins, the same for every model.  The blend has its own quantiles, from forecasts of
its members at earlier origins at a distance of ORIGIN_DISTANCE_S, as the ensemble has them after it has run
for some time.  These use more data than the quantiles of the others, so the path of the blend is also listed
with a quantile computed like theirs.  Losses are scaled by the mean error of the seasonal naive forecast
(day) before the first origin.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from forecaster.sources.exports import read_export
from models.ensemble import MEMBERS
from models.ensemble.blend import LEVELS, RollingForecasts, blend
from models.ensemble.fourier import fourier_terms
from models.ensemble.rolling import actuals_after
from models.ensemble.safe_fit import safe_forecast
from models.ensemble.training import DAY_S, WEEK_S, TrainingSeries, training_series

Floats = NDArray[np.float64]
ORIGINS, CALIBRATE, SHORT_HORIZON, HORIZON = 60, 20, 6, 30
LEVEL = 0.9
ORIGIN_DISTANCE_S, BEFORE_S = 4 * 3600, 10 * DAY_S
SERIES = (
    ("elb", "nab_elb_300s.csv.gz", "elb_8c0756"),
    ("taxi", "nyc_taxi_1800s.csv.gz", "nyc_taxi"),
    ("AMZN", "nab_tweets_300s.csv.gz", "tweets_AMZN"),
)
BLEND, BLEND_PATH = "blend", "blend, quantile as of the others"
OWN = {BLEND, BLEND_PATH, "np seasonal AR", "level since shift", "seasonal naive found"}
"""Models of this project, which are no peers."""


def stl_forecast(before: TrainingSeries, horizon: int) -> Floats:
    """Return the forecast of STL with jumps, and of an AR(3) of the remainder."""
    from statsmodels.tsa.ar_model import AutoReg
    from statsmodels.tsa.forecasting.stl import STLForecast

    day = before.steps(DAY_S)
    jumps = {
        "seasonal_jump": max(1, day // 50),
        "trend_jump": day // 10 or 1,
        "low_pass_jump": day // 10 or 1,
    }
    model = STLForecast(before.y, AutoReg, model_kwargs={"lags": 3}, period=day, **jumps)
    return np.asarray(model.fit().forecast(horizon), np.float64)


def state_space(
    build: Callable[[Floats, Floats, int], Any], y: Floats, step_s: int, origins: NDArray[np.int64]
) -> Floats:
    """Return (k, h) forecasts of a model whose parameters are fitted at the first origin, and then kept.

    All origins share one scale and one phase of the Fourier terms, because the parameters depend on them.
    """
    window = _window(step_s)
    low = max(0, origins[0] - window)
    scale = y[low : origins[0]].mean()
    first_training = TrainingSeries(y[low : origins[0]], 1.0, step_s)
    seasons = tuple(n for n in (first_training.steps(DAY_S), first_training.steps(WEEK_S)) if n)
    x = fourier_terms(replace(first_training, seasons=seasons), y.size - origins[0] + HORIZON)
    params, out = None, []
    for o in origins:
        first = max(0, o - window)
        model = build(y[first:o] / scale, x[first - low : o - low], step_s)
        if params is None:
            params = model.fit(disp=0).params
        regressors = {} if model.k_exog == 0 else {"exog": x[o - low : o - low + HORIZON]}
        out.append(np.maximum(model.filter(params).forecast(HORIZON, **regressors), 0) * scale)
    return np.stack(out)


def _components(y: Floats, _: Floats, step_s: int) -> Any:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    return UnobservedComponents(
        y, level="llevel", freq_seasonal=[{"period": DAY_S // step_s, "harmonics": 4}]
    )


def _sarimax(y: Floats, x: Floats, _: int) -> Any:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    return SARIMAX(y, exog=x, order=(1, 0, 1))


STATE_SPACE = {
    "sm UC llevel+trig (params reused)": _components,
    "sm SARIMAX(1,0,1)+Fourier (params reused)": _sarimax,
}


def of_last_hour(statistic: Callable[[Floats], Any]) -> Callable[[TrainingSeries, int], Floats]:
    """Return a model that forecasts one statistic of the last hour."""
    return lambda before, horizon: np.full(horizon, statistic(before.y[-max(1, 3600 // before.step_s) :]))


def peers() -> dict[str, Callable[[TrainingSeries, int], Floats]]:
    """Return models that are no members of the ensemble: too slow, or without use in it."""
    return {
        "mean last hour": of_last_hour(np.mean),
        "max last hour": of_last_hour(np.max),
        "sm STLForecast AR3 (jumps)": stl_forecast,
    }


def _window(step_s: int) -> int:
    return (28 if step_s >= 1800 else 14) * DAY_S // step_s


def training_at(y: Floats, step_s: int, origins: NDArray[np.int64]) -> list[TrainingSeries]:
    """Return the training series of each origin, with the seasons detected in it."""
    window = _window(step_s)
    return [training_series(y[max(0, o - window) : o], step_s) for o in origins.tolist()]


def forecasts(model: Callable[[TrainingSeries, int], Floats], training: list[TrainingSeries]) -> Floats:
    """Return the (k, h) forecasts of a model."""
    return np.stack([model(series, HORIZON) for series in training])


def losses(actual: Floats, quantiles: Floats) -> Floats:
    """Return the pinball losses at LEVEL, (k, h) like the arguments."""
    over = actual - quantiles
    return np.asarray(np.maximum(LEVEL * over, (LEVEL - 1) * over), np.float64)


def calibrated(actual: Floats, paths: Floats) -> Floats:
    """Return (k, h) paths plus the quantile of earlier errors; NaN at the first CALIBRATE origins."""
    out = np.full(paths.shape, np.nan)
    for k in range(CALIBRATE, len(paths)):
        out[k] = paths[k] + np.quantile(actual[:k] - paths[:k], LEVEL, axis=0)
    return np.asarray(np.maximum(out, 0), np.float64)


def row(series: str, model: str, scaled_losses: Floats, errors: Floats, cpu_ms: float) -> dict[str, Any]:
    """Return one row of the table, from (k, h) scaled losses and absolute errors at the scored origins."""
    return {
        "series": series,
        "model": model,
        "pl_1_6": round(float(scaled_losses[:, :SHORT_HORIZON].mean()), 4),
        "pl_1_30": round(float(scaled_losses.mean()), 4),
        "mase_1_6": round(float(errors[:, :SHORT_HORIZON].mean()), 3),
        "mase_1_30": round(float(errors.mean()), 3),
        "cpu_ms": round(cpu_ms, 1),
    }


def measure(series: str, y: Floats, step_s: int) -> list[dict[str, Any]]:
    """Return all rows of one series."""
    origins = np.linspace(int(0.6 * y.size), y.size - HORIZON, ORIGINS).astype(np.int64)
    first = max(3 * DAY_S // step_s, origins[0] - BEFORE_S // step_s)
    all_origins = np.union1d(origins, np.arange(first, origins[-1], max(1, ORIGIN_DISTANCE_S // step_s)))
    scored, actual = np.isin(all_origins, origins), actuals_after(y, origins, HORIZON)
    day, first_part = DAY_S // step_s, y[: origins[0]]
    scale = float(np.abs(first_part[day:] - first_part[:-day]).mean())

    def row_of(name: str, paths: Floats, cpu_ms: float, quantiles: Floats | None = None) -> dict[str, Any]:
        quantiles = calibrated(actual, paths) if quantiles is None else quantiles
        scaled = losses(actual, quantiles) / scale
        errors = np.abs(actual - paths) / scale
        return row(series, name, scaled[CALIBRATE:], errors[CALIBRATE:], cpu_ms)

    training, training_ms = timed(partial(training_at, y, step_s, all_origins), all_origins.size)
    of_members = {
        name: timed(partial(forecasts, member, training), all_origins.size)
        for name, member in MEMBERS.items()
    }
    rolling = RollingForecasts(
        all_origins,
        np.stack([paths for paths, _ in of_members.values()], axis=1),
        actuals_after(y, all_origins, HORIZON),
    )
    found, blend_ms = timed(partial(blend, rolling, step_s), all_origins.size)
    blend_ms += training_ms + sum(cpu_ms for _, cpu_ms in of_members.values())
    paths, quantiles = found.mean[scored], found.quantiles[scored][:, int(np.flatnonzero(LEVELS == LEVEL)[0])]
    rows = [row_of(BLEND, paths, blend_ms, quantiles), row_of(BLEND_PATH, paths, blend_ms)]
    single = {name: (paths[scored], cpu_ms) for name, (paths, cpu_ms) in of_members.items()}
    for name, fit in peers().items():
        selected = [series for series, is_scored in zip(training, scored, strict=True) if is_scored]
        single[name] = timed(partial(forecasts, partial(safe_forecast, fit), selected), ORIGINS)
    for name, build in STATE_SPACE.items():
        single[name] = timed(partial(state_space, build, y, step_s, origins), ORIGINS)
    return rows + [row_of(name, *pair) for name, pair in single.items() if np.isfinite(pair[0]).all()]


def timed(work: Callable[[], Any], times: int) -> tuple[Any, float]:
    """Return the result, and CPU milliseconds divided by `times`."""
    start_s = time.process_time()
    result = work()
    return result, (time.process_time() - start_s) / times * 1e3


def read(traces: Path) -> tuple[list[tuple[str, Floats, int]], list[str]]:
    """Return (name, requests/s (n,), seconds of a step) of every series, and notes on missing ones."""
    out, notes = [], []
    for name, file, series in SERIES:
        export = read_export(traces / file)
        names = [series] if series in export.series else sorted(export.series)
        if names != [series]:
            notes.append(f"{file} has no {series}; used instead: {', '.join(names)}")
        for found in names:
            counts = np.asarray(export.counts[export.series.index(found)], np.float64)
            counts = counts[np.flatnonzero(np.isfinite(counts))[0] :]
            out.append(
                (name if found == series else found, np.nan_to_num(counts) / export.step_s, export.step_s)
            )
    return out, notes


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the loss of the blend over that of the best peer: on each series, and in the mean over all."""
    by: dict[str, dict[str, dict[str, Any]]] = {}
    for row_ in rows:
        by.setdefault(row_["series"], {})[row_["model"]] = row_
    out: dict[str, Any] = {}
    for span in ("pl_1_6", "pl_1_30"):
        for series, models in by.items():
            best = min((m[span], name) for name, m in models.items() if name not in OWN)
            out[f"{series} {span}"] = compare(models[BLEND][span], models[BLEND_PATH][span], best)
        everywhere = set.intersection(*(set(models) for models in by.values()))
        means = {name: float(np.mean([by[s][name][span] for s in by])) for name in everywhere}
        best = min((mean, name) for name, mean in means.items() if name not in OWN)
        out[f"mean {span}"] = compare(means[BLEND], means[BLEND_PATH], best)
    return out


def compare(blend_loss: float, path_loss: float, best: tuple[float, str]) -> dict[str, Any]:
    """Return two losses, relative to the best peer."""
    return {
        "ratio": round(blend_loss / best[0], 3),
        "ratio_of_its_path": round(path_loss / best[0], 3),
        "best": best[1],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", action="append", help="only these: elb, taxi, AMZN or their replacements")
    options = parser.parse_args()
    series, notes = read(options.traces)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [
            row_
            for name, y, step_s in series
            if not options.series or name in options.series
            for row_ in measure(name, y, step_s)
        ]
    if options.json:
        print(json.dumps({"rows": rows, "against_best_peer": summary(rows), "notes": notes}))
        return
    print("\n".join(notes))
    for row_ in rows:
        print(
            f"{row_['series']:>12} {row_['model']:<42} MASE {row_['mase_1_6']:.2f} / {row_['mase_1_30']:.2f} "
            f" PL {row_['pl_1_6']:.4f} / {row_['pl_1_30']:.4f}  {row_['cpu_ms']:.1f} ms"
        )
    for label, found in summary(rows).items():
        print(
            f"{label:>24} blend / best {found['ratio']:.3f}, "
            f"path alone {found['ratio_of_its_path']:.3f}  ({found['best']})"
        )


if __name__ == "__main__":
    main()
