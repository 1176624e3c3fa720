"""Draws deploy/picture.svg, the picture of the README, from the trace that ships with the tests.

    .venv/bin/python deploy/picture.py

Two days of the NASA web server in July 1995, each request taken to hold a pod for four seconds.  The plan of
each minute uses only what was known half a minute before.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.policy import Mode, RevisionPolicy
from config.scenario import SCENARIOS
from forecaster.sources.demand import Demand
from forecaster.sources.exports import read_export
from scaler.controller.offline import plan_export
from scaler.plan.timing import Timing

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = replace(SCENARIOS["heavy"], startup_seconds=45.0, service_seconds=4.0, container_concurrency=1)
DAYS, STEP_S = 2, 60
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 260, 46, 26, 30


def series() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) requests in flight, and (n,) the floor planned for each minute of the last days."""
    export = read_export(ROOT / "tests" / "data" / "nasa_http_60s.csv.gz")
    export = replace(export, series=export.series[:1], counts=export.counts[:1])
    rates = export.counts[0, ~np.isnan(export.counts[0])] / STEP_S
    n = rates.size
    first = n - DAYS * 1440
    policy = RevisionPolicy(mode=Mode.ACT)
    timing = Timing(period_s=STEP_S, hold_s=300)
    made = plan_export(export, SCENARIO, policy, timing, at_s=export.start_s + first * STEP_S)
    cycle, spec = made.cycle, made.spec
    floors = np.zeros(n - first)
    for j in range(first, n):
        now_s = export.start_s + (j + 1) * STEP_S
        if j % 60 == 0:
            cycle.refit()
        start_s = cycle.known_until_s
        known = rates[(start_s - export.start_s) // STEP_S : j][None].astype(np.float32)
        if known.size:
            key = spec.keys[0]
            busy = known * np.float32(SCENARIO.service_seconds)
            cycle.observe(Demand((key,), spec.services, known, busy, start_s, STEP_S, 30.0))
        floors[j - first] = cycle.plan(spec, now_s).floor[0]
    return rates[first:] * 4.0, floors


def drawn(demand: NDArray[np.float64], floor: NDArray[np.float64]) -> str:
    """The picture as SVG, readable on light and dark pages."""
    most = float(np.ceil(max(demand.max(), floor.max()) / 5) * 5)
    across = (WIDTH - LEFT - 10) / demand.size

    def place(j: float, value: float) -> str:
        return f"{LEFT + across * j:.1f},{TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most):.1f}"

    area = " ".join([place(0, 0), *(place(j, v) for j, v in enumerate(demand)), place(demand.size, 0)])
    changes = np.flatnonzero(np.diff(floor, prepend=-1))
    steps = []
    for j, at in enumerate(changes):
        until = changes[j + 1] if j + 1 < changes.size else floor.size
        steps += [place(float(at), floor[at]), place(float(until), floor[at])]
    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y}" y2="{y}" class="g"/>'
        f'<text x="{LEFT - 6}" y="{float(y) + 4}" text-anchor="end">{value:.0f}</text>'
        for value in np.arange(0, most + 1, 5)
        for y in [place(0, value).split(",")[1]]
    )
    hours = "".join(
        f'<text x="{place(60 * h, 0).split(",")[0]}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{h % 24:02d}:00</text>"
        for h in range(6, 24 * DAYS, 6)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"
 aria-label="Requests in flight over two days, and the floor that Tidecast planned ahead of them">
<style>
 text {{ font: 12px system-ui, sans-serif; fill: #57606a }}
 .g {{ stroke: #8c959f; stroke-opacity: .25 }}
 .d {{ fill: #54aeff; fill-opacity: .45 }}
 .f {{ fill: none; stroke: #bc4c00; stroke-width: 1.8 }}
 @media (prefers-color-scheme: dark) {{ text {{ fill: #9198a1 }} .f {{ stroke: #f0883e }} }}
</style>
<text x="{LEFT}" y="16">pods: needed by the traffic that came (blue), warm by plan before it (orange)</text>
{grid}{hours}
<polygon class="d" points="{area}"/>
<polyline class="f" points="{" ".join(steps)}"/>
</svg>
"""


if __name__ == "__main__":
    (ROOT / "deploy" / "picture.svg").write_text(drawn(*series()))
