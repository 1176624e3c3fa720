"""Plays a show: the wall clock paces it, and decides nothing in it."""

import threading
import time
from collections.abc import Callable

from scaler.demo.show import Show

LOOK_S = 0.125
"""Wall seconds from one look of those who watch to the next."""


def play(show: Show, *, speed: float, stop: threading.Event, look: Callable[[], None]) -> None:
    """Play until the end, or until `stop` is set.

    speed  simulated seconds in a second of the wall clock; 0 = as fast as it goes.  What is late is caught up
           with.
    look   called every now and then, and at the end: something may be new.
    """
    began_s, looked_s = time.monotonic(), -LOOK_S
    while not show.over and not stop.is_set():
        show.step()
        if speed:
            due_s = (show.now_s - show.story.begin_s) / speed
            stop.wait(max(0.0, due_s - (time.monotonic() - began_s)))
        if time.monotonic() - looked_s >= LOOK_S:
            look()
            looked_s = time.monotonic()
    look()
