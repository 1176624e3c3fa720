"""The real control plane, for tests marked `cluster`.  A missing build fails them: they are never skipped."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from running import NotBuiltError, RunningCluster, running

# Tests are not timed; the first call of compiled code may take seconds.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")

# A shell has what it runs in the background ignore Ctrl-C, and so would every process that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"


def _cluster(tmp_path_factory: pytest.TempPathFactory, serving: str) -> Iterator[RunningCluster]:
    with ExitStack() as stack:
        try:
            up = stack.enter_context(running(tmp_path_factory.mktemp(f"serving-{serving}"), serving))
        except NotBuiltError as e:
            pytest.fail(str(e), pytrace=False)
        up.apply(DEPLOY / "namespace.yaml", DEPLOY / "rbac.yaml")
        yield up


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """Serving 1.23, with Tidecast's namespace and rights but without Tidecast."""
    yield from _cluster(tmp_path_factory, "1.23")


@pytest.fixture(scope="session")
def serving_1_15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """The same with Serving 1.15, where floors are written on PodAutoscalers."""
    yield from _cluster(tmp_path_factory, "1.15")
