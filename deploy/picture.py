"""Draw deploy/picture.svg, the picture of the README, from the trace in tests/data.

    .venv/bin/python deploy/picture.py

The picture shows two days of the NASA web server in July 1995; each request is assumed to occupy a pod for
four seconds.  The plan of each minute uses only the demand up to half a minute before.
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
from scaler.plan.timing import PlanTiming

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = replace(SCENARIOS["heavy"], startup_seconds=45.0, service_seconds=4.0, container_concurrency=1)
DAYS, STEP_S = 2, 60
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 260, 46, 26, 30


def series() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (n,) requests in flight, and (n,) the floor planned for each minute of the last days."""
    export = read_export(ROOT / "tests" / "data" / "nasa_http_60s.csv.gz")
    export = replace(export, series=export.series[:1], counts=export.counts[:1])
    rates = export.counts[0, ~np.isnan(export.counts[0])] / STEP_S
    n = rates.size
    first = n - DAYS * 1440
    policy = RevisionPolicy(mode=Mode.ACT)
    timing = PlanTiming(period_s=STEP_S, hold_s=300)
    planned = plan_export(export, SCENARIO, policy, timing, at_s=export.start_s + first * STEP_S)
    planner, spec = planned.planner, planned.spec
    floors = np.zeros(n - first)
    for j in range(first, n):
        now_s = export.start_s + (j + 1) * STEP_S
        if j % 60 == 0:
            planner.prepare_refit()
        start_s = planner.observed_until_s
        observed = rates[(start_s - export.start_s) // STEP_S : j][None].astype(np.float32)
        if observed.size:
            key = spec.keys[0]
            busy = observed * np.float32(SCENARIO.service_seconds)
            planner.observe(Demand((key,), spec.services, observed, busy, start_s, STEP_S, 30.0))
        floors[j - first] = planner.plan(spec, now_s).floor[0]
    return rates[first:] * 4.0, floors


def svg(demand: NDArray[np.float64], floor: NDArray[np.float64]) -> str:
    """Return the picture as SVG, readable on light and dark pages."""
    top = float(np.ceil(max(demand.max(), floor.max()) / 5) * 5)
    px_per_minute = (WIDTH - LEFT - 10) / demand.size

    def point(j: float, value: float) -> str:
        return f"{LEFT + px_per_minute * j:.1f},{TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top):.1f}"

    area = " ".join([point(0, 0), *(point(j, v) for j, v in enumerate(demand)), point(demand.size, 0)])
    changes = np.flatnonzero(np.diff(floor, prepend=-1))
    steps = []
    for j, start in enumerate(changes):
        end = changes[j + 1] if j + 1 < changes.size else floor.size
        steps += [point(float(start), floor[start]), point(float(end), floor[start])]
    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y}" y2="{y}" class="g"/>'
        f'<text x="{LEFT - 6}" y="{float(y) + 4}" text-anchor="end">{value:.0f}</text>'
        for value in np.arange(0, top + 1, 5)
        for y in [point(0, value).split(",")[1]]
    )
    hours = "".join(
        f'<text x="{point(60 * h, 0).split(",")[0]}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{h % 24:02d}:00</text>"
        for h in range(6, 24 * DAYS, 6)
    )
    legend = "pods: needed by the actual traffic (blue), kept warm by the plan before it (orange)"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"
 aria-label="Requests in flight over two days, and the floor that Tidecast planned ahead of them">
<style>
 text {{ font: 12px system-ui, sans-serif; fill: #57606a }}
 .g {{ stroke: #8c959f; stroke-opacity: .25 }}
 .d {{ fill: #54aeff; fill-opacity: .45 }}
 .f {{ fill: none; stroke: #bc4c00; stroke-width: 1.8 }}
 @media (prefers-color-scheme: dark) {{ text {{ fill: #9198a1 }} .f {{ stroke: #f0883e }} }}
</style>
<text x="{LEFT}" y="16">{legend}</text>
{grid}{hours}
<polygon class="d" points="{area}"/>
<polyline class="f" points="{" ".join(steps)}"/>
</svg>
"""


if __name__ == "__main__":
    (ROOT / "deploy" / "picture.svg").write_text(svg(*series()))
