"""Rows of a plan: floors and KPA settings, each row active from its second until the next row."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaler.kpa.config import MIN_TARGET
from scaler.kpa.resolve import panic_window_s
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.simulation.pod_model import PodModel
from scaler.simulation.state import ROW

NO_PLAN = np.zeros(0, ROW)
"""The plan without rows: the KPA alone."""


def plan_rows(
    pod_model: PodModel,
    at_s: ArrayLike,
    floor: ArrayLike,
    *,
    target_utilization: ArrayLike = math.nan,
    window_s: ArrayLike = math.nan,
    panic_threshold: ArrayLike = math.nan,
    retention_s: ArrayLike = math.nan,
) -> NDArray[np.void]:
    """Return a plan for a replay: (p,) ROW.

    A setting is (p,) or one value for all rows; NaN = the baseline of the Revision.

    at_s                 (p,) seconds from the first arrival, ascending
    floor                (p,) pods
    target_utilization   percent
    window_s             seconds of the stable window; the panic window keeps its percentage of it
    panic_threshold      percent
    retention_s          seconds that the last pod is retained

    Raises:
        ValueError: `at_s` is not ascending.
    """
    at_s = np.asarray(at_s, np.int64)
    if (np.diff(at_s) < 0).any():
        raise ValueError("at_s: the rows of a plan must be in ascending order of time")
    rows = np.zeros(len(at_s), ROW)
    rows["at_s"], rows["floor"] = at_s, floor
    utilization = np.asarray(target_utilization, float) / 100
    rows["target_value"] = np.maximum(MIN_TARGET, pod_model.spec.total_value * utilization)
    rows["stable_window_s"] = window_s
    windows, inverse = np.unique(rows["stable_window_s"], return_inverse=True)
    panic_windows = [
        math.nan if math.isnan(seconds) else panic_window_s(int(seconds), pod_model.panic_window_percentage)
        for seconds in windows
    ]
    rows["panic_window_s"] = np.array(panic_windows)[inverse]
    rows["panic_threshold"] = np.asarray(panic_threshold, float) / 100
    rows["pod_retention_period_s"] = retention_s
    return rows


def settings_rows(pod_model: PodModel, settings: KpaSettings, at_s: int = 0) -> NDArray[np.void]:
    """Return a plan that applies settings from second `at_s` on, with their min-scale as the floor: (1,) ROW.

    Settings without a value that hold from the start need no row: the plan is then NO_PLAN.
    """
    if settings == UNSET and at_s == 0:
        return NO_PLAN
    return floor_rows(pod_model, settings, [at_s], [settings.min_scale or 0])


def floor_rows(
    pod_model: PodModel, settings: KpaSettings, at_s: ArrayLike, floor: ArrayLike
) -> NDArray[np.void]:
    """Return a plan whose floors change and whose settings stay the same: (p,) ROW.

    at_s    (p,) seconds from the first arrival, ascending
    floor   (p,) pods

    Raises:
        ValueError: `at_s` is not ascending.
    """
    utilization, window_s, panic_threshold, retention_s = settings.row()
    return plan_rows(
        pod_model,
        at_s,
        floor,
        target_utilization=utilization,
        window_s=window_s,
        panic_threshold=panic_threshold,
        retention_s=retention_s,
    )
