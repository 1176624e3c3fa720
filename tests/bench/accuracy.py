"""How near the slow lane's forecasts come on public series, beside models of numpy and statsmodels alone.

    python tests/bench/accuracy.py --traces DIR [--json]

Rolling origin: 60 origins over the last 40 % of a series, of which the first 20 only calibrate and 40 are
scored; horizons in steps of the series, 1-6 and 1-30; what a model is given are the 14 days before (28 of
half hours).  A model's quantile at 0.9 is its path plus the empirical quantile of its errors at that horizon
at all origins before, the same for every model.  The blend has quantiles of its own, from what its members
said at origins before, APART_S apart: what the lane has heard when it runs for a while.  That is more than
the others' quantiles are from, so its path is also listed with a quantile made as theirs.  Losses are scaled
by the mean error of the day before, in the part of the series before the first origin.
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
ORIGINS, CALIBRATE, NEAR, HORIZON = 60, 20, 6, 30
LEVEL = 0.9
APART_S, BEFORE_S = 4 * 3600, 10 * DAY_S
SERIES = (
    ("elb", "nab_elb_300s.csv.gz", "elb_8c0756"),
    ("taxi", "nyc_taxi_1800s.csv.gz", "nyc_taxi"),
    ("AMZN", "nab_tweets_300s.csv.gz", "tweets_AMZN"),
)
BLEND, BLEND_PATH = "blend", "blend, quantile as the others"
OURS = {BLEND, BLEND_PATH, "np seasonal AR", "level since shift", "seasonal naive found"}
"""What no table of models had before."""


def stl_forecast(before: TrainingSeries, horizon: int) -> Floats:
    """STL with jumps, AR(3) of what is left."""
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
    build: Callable[[Floats, Floats, int], Any], y: Floats, step_s: int, at: NDArray[np.int64]
) -> Floats:
    """(k, h) of a model whose parameters are fitted at the first origin and then only filtered with.

    One scale and one phase of the waves for all origins, else the parameters would not be the same.
    """
    window = _window(step_s)
    low = max(0, at[0] - window)
    scale = y[low : at[0]].mean()
    begun = TrainingSeries(y[low : at[0]], 1.0, step_s)
    given = tuple(steps for steps in (begun.steps(DAY_S), begun.steps(WEEK_S)) if steps)
    x = fourier_terms(replace(begun, seasons=given), y.size - at[0] + HORIZON)
    params, out = None, []
    for o in at:
        first = max(0, o - window)
        model = build(y[first:o] / scale, x[first - low : o - low], step_s)
        if params is None:
            params = model.fit(disp=0).params
        ahead = {} if model.k_exog == 0 else {"exog": x[o - low : o - low + HORIZON]}
        out.append(np.maximum(model.filter(params).forecast(HORIZON, **ahead), 0) * scale)
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


def last_hour(best: Callable[[Floats], Any]) -> Callable[[TrainingSeries, int], Floats]:
    """One figure of the last hour goes on."""
    return lambda before, horizon: np.full(horizon, best(before.y[-max(1, 3600 // before.step_s) :]))


def others() -> dict[str, Callable[[TrainingSeries, int], Floats]]:
    """Models that are no members: too slow for a lane, or no use in it."""
    return {
        "mean last hour": last_hour(np.mean),
        "max last hour": last_hour(np.max),
        "sm STLForecast AR3 (jumps)": stl_forecast,
    }


def _window(step_s: int) -> int:
    return (28 if step_s >= 1800 else 14) * DAY_S // step_s


def pasts(y: Floats, step_s: int, at: NDArray[np.int64]) -> list[TrainingSeries]:
    """The days before each of the origins `at`, and the seasons found in them."""
    window = _window(step_s)
    return [training_series(y[max(0, o - window) : o], step_s) for o in at.tolist()]


def said(model: Callable[[TrainingSeries, int], Floats], known: list[TrainingSeries]) -> Floats:
    """(k, h) what a model says, of each past alone."""
    return np.stack([model(before, HORIZON) for before in known])


def losses(came: Floats, quantiles: Floats) -> Floats:
    """Pinball at LEVEL, (k, h) as both."""
    over = came - quantiles
    return np.asarray(np.maximum(LEVEL * over, (LEVEL - 1) * over), np.float64)


def calibrated(came: Floats, paths: Floats) -> Floats:
    """(k, h) paths and the quantile of the errors at origins before; NaN at the first CALIBRATE."""
    out = np.full(paths.shape, np.nan)
    for k in range(CALIBRATE, len(paths)):
        out[k] = paths[k] + np.quantile(came[:k] - paths[:k], LEVEL, axis=0)
    return np.asarray(np.maximum(out, 0), np.float64)


def row(series: str, model: str, figures: Floats, errors: Floats, cpu_ms: float) -> dict[str, Any]:
    """One line of the table; (k, h) scaled losses and absolute errors at the scored origins."""
    return {
        "series": series,
        "model": model,
        "pl_1_6": round(float(figures[:, :NEAR].mean()), 4),
        "pl_1_30": round(float(figures.mean()), 4),
        "mase_1_6": round(float(errors[:, :NEAR].mean()), 3),
        "mase_1_30": round(float(errors.mean()), 3),
        "cpu_ms": round(cpu_ms, 1),
    }


def measured(series: str, y: Floats, step_s: int) -> list[dict[str, Any]]:
    """All lines of one series."""
    origins = np.linspace(int(0.6 * y.size), y.size - HORIZON, ORIGINS).astype(np.int64)
    first = max(3 * DAY_S // step_s, origins[0] - BEFORE_S // step_s)
    at = np.union1d(origins, np.arange(first, origins[-1], max(1, APART_S // step_s)))
    scored, came = np.isin(at, origins), actuals_after(y, origins, HORIZON)
    day, begun = DAY_S // step_s, y[: origins[0]]
    scale = float(np.abs(begun[day:] - begun[:-day]).mean())

    def line(name: str, paths: Floats, cpu_ms: float, quantiles: Floats | None = None) -> dict[str, Any]:
        quantiles = calibrated(came, paths) if quantiles is None else quantiles
        lost, off = losses(came, quantiles) / scale, np.abs(came - paths) / scale
        return row(series, name, lost[CALIBRATE:], off[CALIBRATE:], cpu_ms)

    known, past_ms = timed(partial(pasts, y, step_s, at), at.size)
    heard = {name: timed(partial(said, member, known), at.size) for name, member in MEMBERS.items()}
    told = RollingForecasts(
        at, np.stack([paths for paths, _ in heard.values()], axis=1), actuals_after(y, at, HORIZON)
    )
    found, blend_ms = timed(partial(blend, told, step_s), at.size)
    blend_ms += past_ms + sum(cpu_ms for _, cpu_ms in heard.values())
    paths, quantiles = found.mean[scored], found.quantiles[scored][:, int(np.flatnonzero(LEVELS == LEVEL)[0])]
    rows = [line(BLEND, paths, blend_ms, quantiles), line(BLEND_PATH, paths, blend_ms)]
    beside = {name: (paths[scored], cpu_ms) for name, (paths, cpu_ms) in heard.items()}
    for name, fit in others().items():
        asked = [before for before, this in zip(known, scored, strict=True) if this]
        beside[name] = timed(partial(said, partial(safe_forecast, fit), asked), ORIGINS)
    for name, build in STATE_SPACE.items():
        beside[name] = timed(partial(state_space, build, y, step_s, origins), ORIGINS)
    return rows + [line(name, *each) for name, each in beside.items() if np.isfinite(each[0]).all()]


def timed(work: Callable[[], Any], times: int) -> tuple[Any, float]:
    """What it gives, and CPU milliseconds of one of `times`."""
    began = time.process_time()
    made = work()
    return made, (time.process_time() - began) / times * 1e3


def read(traces: Path) -> tuple[list[tuple[str, Floats, int]], list[str]]:
    """(name, requests/s (n,), seconds of a step) of every series, and what had to be left out."""
    out, told = [], []
    for name, file, wanted in SERIES:
        export = read_export(traces / file)
        names = [wanted] if wanted in export.series else sorted(export.series)
        if names != [wanted]:
            told.append(f"{file} has no {wanted}; taken instead: {', '.join(names)}")
        for each in names:
            counts = np.asarray(export.counts[export.series.index(each)], np.float64)
            counts = counts[np.flatnonzero(np.isfinite(counts))[0] :]
            out.append(
                (name if each == wanted else each, np.nan_to_num(counts) / export.step_s, export.step_s)
            )
    return out, told


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The blend beside the best of the others: on each series, and in the mean of those on all."""
    by: dict[str, dict[str, dict[str, Any]]] = {}
    for each in rows:
        by.setdefault(each["series"], {})[each["model"]] = each
    out: dict[str, Any] = {}
    for span in ("pl_1_6", "pl_1_30"):
        for series, models in by.items():
            best = min((m[span], name) for name, m in models.items() if name not in OURS)
            out[f"{series} {span}"] = beside(models[BLEND][span], models[BLEND_PATH][span], best)
        everywhere = set.intersection(*(set(models) for models in by.values()))
        means = {name: float(np.mean([by[s][name][span] for s in by])) for name in everywhere}
        best = min((mean, name) for name, mean in means.items() if name not in OURS)
        out[f"mean {span}"] = beside(means[BLEND], means[BLEND_PATH], best)
    return out


def beside(ours: float, path_alone: float, best: tuple[float, str]) -> dict[str, Any]:
    """Two losses over the best of the others."""
    return {
        "ratio": round(ours / best[0], 3),
        "ratio_of_its_path": round(path_alone / best[0], 3),
        "best": best[1],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", action="append", help="only these, of elb, taxi, AMZN or what is instead")
    options = parser.parse_args()
    series, told = read(options.traces)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [
            each
            for name, y, step_s in series
            if not options.series or name in options.series
            for each in measured(name, y, step_s)
        ]
    if options.json:
        print(json.dumps({"rows": rows, "beside_the_best": summary(rows), "notes": told}))
        return
    print("\n".join(told))
    for each in rows:
        print(
            f"{each['series']:>12} {each['model']:<42} MASE {each['mase_1_6']:.2f} / {each['mase_1_30']:.2f} "
            f" PL {each['pl_1_6']:.4f} / {each['pl_1_30']:.4f}  {each['cpu_ms']:.1f} ms"
        )
    for what, found in summary(rows).items():
        print(
            f"{what:>24} blend / best {found['ratio']:.3f}, "
            f"path alone {found['ratio_of_its_path']:.3f}  ({found['best']})"
        )


if __name__ == "__main__":
    main()
