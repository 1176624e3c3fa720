"""Two processes, one Lease, a real API server: one leads, and when it dies the other does."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from running import Running
from typer.testing import CliRunner, Result

from scaler.cli.release import release
from scaler.knative.connection import Connection
from scaler.knative.lease import expired, read_lease

pytestmark = pytest.mark.cluster

DURATION_S = 3
MEMBER = f"""
import sys, time
from pathlib import Path
from scaler.knative.connection import Connection
from scaler.knative.lease import Leadership
kubeconfig, identity = sys.argv[1:]
member = Leadership(Connection.open(Path(kubeconfig)), "tidecast", identity, duration_s={DURATION_S})
member.start()
led = None
while True:
    if member.leading != led:
        led = member.leading
        print("leads" if led else "waits", flush=True)
    if not sys.stdin.isatty() and member.leading and Path(kubeconfig + ".stop-" + identity).exists():
        member.stop()
        print("ended", flush=True)
        break
    time.sleep(0.02)
"""

Member = subprocess.Popen[str]


@pytest.fixture
def account(serving: Running) -> Path:
    return serving.account("tidecast", "tidecast")


@pytest.fixture
def members(account: Path) -> Iterator[list[Member]]:
    started: list[Member] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def member(members: list[Member], account: Path, identity: str) -> Member:
    command = [sys.executable, "-c", MEMBER, str(account), identity]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    members.append(process)
    return process


def says(process: Member) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def leads(process: Member) -> None:
    while (said := says(process)) != "leads":
        assert said == "waits"


def test_a_killed_leader_is_followed_by_the_other_after_the_lease(
    account: Path, members: list[Member]
) -> None:
    first = member(members, account, "first")
    leads(first)
    second = member(members, account, "second")
    assert says(second) == "waits"
    connection = Connection.open(account)
    first.kill()
    killed_s = time.monotonic()
    leads(second)
    assert DURATION_S * 0.5 < time.monotonic() - killed_s < DURATION_S * 4
    lease = read_lease(connection, "tidecast")
    assert lease is not None
    assert lease.spec.holder_identity == "second"
    assert (lease.spec.lease_transitions or 0) >= 1
    Path(f"{account}.stop-second").touch()
    assert says(second) == "ended"
    assert expired(read_lease(connection, "tidecast"), time.time())


def run_release(account: Path, *options: str) -> Result:
    app = typer.Typer()
    app.command()(release)
    return CliRunner().invoke(app, ["--kubeconfig", str(account), "--namespace", "tidecast", *options])


def test_release_waits_for_nobody_where_nobody_leads(account: Path, members: list[Member]) -> None:
    process = member(members, account, "third")
    leads(process)
    managed_annotations = run_release(account, "-o", "json")
    assert (managed_annotations.exit_code, managed_annotations.stdout) == (0, "[]\n")
    assert "third leads" in managed_annotations.stderr
    Path(f"{account}.stop-third").touch()
    assert says(process) == "ended"
    free = run_release(account, "-o", "json")
    assert (free.exit_code, free.stderr) == (0, "")
