"""Two processes elect a leader by one Lease on a real API server."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from running import RunningCluster
from typer.testing import CliRunner, Result

from scaler.cli.release import release
from scaler.knative.connection import Connection
from scaler.knative.lease import expired, read_lease

pytestmark = pytest.mark.cluster

DURATION_S = 3
CANDIDATE = f"""
import sys, time
from pathlib import Path
from scaler.knative.connection import Connection
from scaler.knative.lease import LeaderElection
kubeconfig, identity = sys.argv[1:]
election = LeaderElection(Connection.open(Path(kubeconfig)), "tidecast", identity, duration_s={DURATION_S})
election.start()
was_leader = None
while True:
    if election.is_leader != was_leader:
        was_leader = election.is_leader
        print("leads" if was_leader else "waits", flush=True)
    if not sys.stdin.isatty() and election.is_leader and Path(kubeconfig + ".stop-" + identity).exists():
        election.stop()
        print("ended", flush=True)
        break
    time.sleep(0.02)
"""

Candidate = subprocess.Popen[str]


@pytest.fixture
def account(serving: RunningCluster) -> Path:
    return serving.account("tidecast", "tidecast")


@pytest.fixture
def candidates(account: Path) -> Iterator[list[Candidate]]:
    started: list[Candidate] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def start_candidate(candidates: list[Candidate], account: Path, identity: str) -> Candidate:
    command = [sys.executable, "-c", CANDIDATE, str(account), identity]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    candidates.append(process)
    return process


def read_line(process: Candidate) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def wait_for_lead(process: Candidate) -> None:
    while (line := read_line(process)) != "leads":
        assert line == "waits"


def test_standby_leads_after_the_lease_of_a_killed_leader_expires(
    account: Path, candidates: list[Candidate]
) -> None:
    first = start_candidate(candidates, account, "first")
    wait_for_lead(first)
    second = start_candidate(candidates, account, "second")
    assert read_line(second) == "waits"
    connection = Connection.open(account)
    first.kill()
    killed_s = time.monotonic()
    wait_for_lead(second)
    assert DURATION_S * 0.5 < time.monotonic() - killed_s < DURATION_S * 4
    lease = read_lease(connection, "tidecast")
    assert lease is not None
    assert lease.spec.holder_identity == "second"
    assert (lease.spec.lease_transitions or 0) >= 1
    Path(f"{account}.stop-second").touch()
    assert read_line(second) == "ended"
    assert expired(read_lease(connection, "tidecast"), time.time())


def run_release(account: Path, *options: str) -> Result:
    app = typer.Typer()
    app.command()(release)
    return CliRunner().invoke(app, ["--kubeconfig", str(account), "--namespace", "tidecast", *options])


def test_release_reverts_nothing_under_a_leader_and_succeeds_without_one(
    account: Path, candidates: list[Candidate]
) -> None:
    process = start_candidate(candidates, account, "third")
    wait_for_lead(process)
    under_leader = run_release(account, "-o", "json")
    assert (under_leader.exit_code, under_leader.stdout) == (0, "[]\n")
    assert "third is the leader" in under_leader.stderr
    Path(f"{account}.stop-third").touch()
    assert read_line(process) == "ended"
    without_leader = run_release(account, "-o", "json")
    assert (without_leader.exit_code, without_leader.stderr) == (0, "")
