"""Play a demo run at the pace of the wall clock, which decides nothing in it."""

import threading
import time
from collections.abc import Callable

from scaler.demo.demo_run import DemoRun

REFRESH_S = 0.125
"""Wall seconds from one refresh of the view to the next."""


def play(run: DemoRun, *, speed: float, stop: threading.Event, refresh: Callable[[], None]) -> None:
    """Play until the end, or until `stop` is set.

    speed     simulated seconds per second of the wall clock; 0 = as fast as possible.  Delays are made up
              for.
    refresh   called regularly, and at the end
    """
    began_s, refreshed_s = time.monotonic(), -REFRESH_S
    while not run.over and not stop.is_set():
        run.step()
        if speed:
            due_s = (run.now_s - run.workload.begin_s) / speed
            stop.wait(max(0.0, due_s - (time.monotonic() - began_s)))
        if time.monotonic() - refreshed_s >= REFRESH_S:
            refresh()
            refreshed_s = time.monotonic()
    refresh()
