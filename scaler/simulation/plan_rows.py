"""TODO."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaler.kpa.config import MIN_TARGET
from scaler.kpa.resolve import panic_window_s
from scaler.kpa.settings import UNSET, KpaSettings
from scaler.simulation.pod_model import PodModel
from scaler.simulation.state import (
    ROW,
)


def plan_rows(
    world: PodModel,
    at_s: ArrayLike,
    floor: ArrayLike,
    *,
    target_utilization: ArrayLike = math.nan,
    window_s: ArrayLike = math.nan,
    panic_threshold: ArrayLike = math.nan,
    retention_s: ArrayLike = math.nan,
) -> NDArray[np.void]:
    """A plan for a replay: (p,) ROW.

    at_s, floor          (p,) rising seconds, and pods
    target_utilization   (p,) or one for all: percent; NaN = as the Revision has it, here and below
    window_s             seconds
    panic_threshold      percent
    retention_s          seconds
    """
    at_s = np.asarray(at_s, np.int64)
    if (np.diff(at_s) < 0).any():
        raise ValueError("the rows of a plan are in the order of time")
    rows = np.zeros(len(at_s), ROW)
    rows["at_s"], rows["floor"] = at_s, floor
    utilization = np.asarray(target_utilization, float) / 100
    rows["target_value"] = np.maximum(MIN_TARGET, world.spec.total_value * utilization)
    rows["stable_window_s"] = window_s
    windows, which = np.unique(rows["stable_window_s"], return_inverse=True)
    panics = [
        math.nan if math.isnan(seconds) else panic_window_s(int(seconds), world.panic_window_percentage)
        for seconds in windows
    ]
    rows["panic_window_s"] = np.array(panics)[which]
    rows["panic_threshold"] = np.asarray(panic_threshold, float) / 100
    rows["pod_retention_period_s"] = retention_s
    return rows


NO_PLAN = np.zeros(0, ROW)
"""The KPA alone."""


def setting_rows(world: PodModel, setting: KpaSettings, at_s: int = 0) -> NDArray[np.void]:
    """A plan that has this setting from `at_s` on: (1,) ROW, or none at the start where it says nothing."""
    if setting == UNSET and at_s == 0:
        return NO_PLAN
    return steered(world, setting, [at_s], [setting.min_scale or 0])


def steered(world: PodModel, setting: KpaSettings, at_s: ArrayLike, floor: ArrayLike) -> NDArray[np.void]:
    """A plan that has this setting all the time, and floors (p,) from `at_s` (p,) on: (p,) ROW."""
    utilization, window_s, panic_threshold, retention_s = setting.row()
    return plan_rows(
        world,
        at_s,
        floor,
        target_utilization=utilization,
        window_s=window_s,
        panic_threshold=panic_threshold,
        retention_s=retention_s,
    )
