"""Builders of the values that many tests need, each valid and with a default for every field."""

import contextlib
import io
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from subprocess import CompletedProcess

import numpy as np
from numpy.typing import ArrayLike

from config.policy import Lever, Mode, RevisionPolicy
from forecaster.sources.demand import Demand
from models.fleet.keys import RevisionKey, ServiceKey
from scaler.plan.revision import RevisionSpec
from scaler.shadow.population import SimulatedRevision
from scaler.simulation.pod_model import PodModel

NAMESPACE = "shop"
KEY = RevisionKey(NAMESPACE, "cart-00001")
SERVICE = ServiceKey(NAMESPACE, "cart")
ACT = RevisionPolicy(mode=Mode.ACT)


def revision_spec(policy: RevisionPolicy = ACT, **fields: object) -> RevisionSpec:
    """Return a Revision as the planner sees it: four requests in a pod, mode act."""
    spec = RevisionSpec(
        key=KEY, service=SERVICE, uid="u1", container_concurrency=4, total_value=4.0, policy=policy
    )
    return replace(spec, **fields)  # type: ignore[arg-type]


def simulated_revision(
    pod_model: PodModel,
    name: str = KEY.name,
    levers: frozenset[Lever] = frozenset(Lever),
    *,
    limited: bool = True,
    policy: RevisionPolicy | None = None,
) -> SimulatedRevision:
    """Return a Revision as the shadow evaluation simulates it, with every lever permitted."""
    key = RevisionKey(NAMESPACE, name)
    return SimulatedRevision(key, pod_model, levers, limited, policy or RevisionPolicy())


def demand(
    arrivals: ArrayLike,
    start_s: int,
    step_s: int,
    services: Mapping[RevisionKey, ServiceKey],
    *,
    service_time_s: float = 1.0,
    delay_s: float = 30.0,
) -> Demand:
    """Return the demand of Revisions: arrivals (r, n) in requests/s from `start_s` on, and busy time."""
    rates = np.atleast_2d(np.asarray(arrivals, np.float32))
    busy = (rates * np.float32(service_time_s)).astype(np.float32)
    return Demand(tuple(services), tuple(services.values()), rates, busy, start_s, step_s, delay_s)


def run_cli(*arguments: object) -> CompletedProcess[str]:
    """Run `tidecast` in this process; return its exit code and what it wrote."""
    from scaler.cli import main

    words, out, err = ["tidecast", *map(str, arguments)], io.StringIO(), io.StringIO()
    code: object = 0
    interrupt, argv = signal.getsignal(signal.SIGINT), sys.argv
    sys.argv = words
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
    finally:
        signal.signal(signal.SIGINT, interrupt)
        sys.argv = argv
    assert isinstance(code, int)
    return CompletedProcess(words, code, out.getvalue(), err.getvalue())
