"""The command as a process: exit codes, what goes to stdout and what to stderr."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from scaler.cli.app import app

TIDECAST = Path(sys.executable).with_name("tidecast")
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "COLUMNS": "120"}


def tidecast(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TIDECAST, *args], capture_output=True, text=True, env=BARE, timeout=60, check=False, cwd="/"
    )


def names() -> list[str]:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    return list(command.commands)


def test_help_lists_every_command_and_needs_nothing() -> None:
    got = tidecast("--help")
    assert (got.returncode, got.stderr) == (0, "")
    assert all(name in got.stdout for name in names())


@pytest.mark.parametrize("name", names())
def test_every_command_has_a_help_of_its_own(name: str) -> None:
    got = tidecast(name, "--help")
    assert (got.returncode, got.stderr) == (0, "")
    assert f"tidecast {name}" in got.stdout


def test_help_costs_little() -> None:
    # The best of three: what others do on this machine at the same time adds to CPU seconds too.
    costs = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        tidecast("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(costs) < 0.4


def test_version() -> None:
    got = tidecast("--version")
    assert (got.returncode, got.stderr) == (0, "")
    assert got.stdout.startswith("tidecast 0.")


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(["--no-such-option"], id="unknown option"),
        pytest.param(["no-such-command"], id="unknown command"),
        pytest.param(["check-config"], id="missing argument"),
        pytest.param([], id="nothing asked"),
    ],
)
def test_usage_errors_exit_2_and_leave_stdout_empty(args: list[str]) -> None:
    got = tidecast(*args)
    assert got.returncode == 2
    assert "Usage: tidecast" in got.stdout + got.stderr
    assert not args or got.stdout == ""


def run_main(body: str) -> subprocess.CompletedProcess[str]:
    """`tidecast boom`, a command whose body is given, as a process."""
    program = f"""
import sys
from scaler.cli import main
from scaler.cli.app import app

class Refused(Exception):
    exit_code = 3

@app.command()
def boom() -> None:
    {body}

sys.argv = ["tidecast", "boom"]
main()
"""
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )


def test_an_error_that_others_must_mend_is_one_line_without_traceback() -> None:
    got = run_main("raise Refused('HTTP 401 from http://p')")
    assert (got.returncode, got.stdout) == (3, "")
    assert got.stderr == "tidecast: HTTP 401 from http://p\n"


def test_every_fault_of_a_configuration_has_its_line() -> None:
    got = run_main("from config.problems import ConfigError; raise ConfigError(['a: 1: x', 'b: 2: y'])")
    assert (got.returncode, got.stderr) == (2, "tidecast: a: 1: x\ntidecast: b: 2: y\n")


def test_a_fault_of_ours_shows_a_traceback_and_asks_for_a_report() -> None:
    got = run_main("1 / 0")
    assert (got.returncode, got.stdout) == (1, "")
    assert "ZeroDivisionError" in got.stderr
    assert "please report it" in got.stderr.lower()


def test_ctrl_c_exits_130() -> None:
    got = run_main("raise KeyboardInterrupt")
    assert (got.returncode, got.stdout) == (130, "")
    assert "Traceback" not in got.stderr


def test_ctrl_c_from_a_terminal_exits_130() -> None:
    program = (
        "import sys, signal; from scaler.cli import main; from scaler.cli.app import app\n"
        "@app.command()\n"
        "def wait() -> None:\n"
        "    print('waiting', flush=True); signal.pause()\n"
        "sys.argv = ['tidecast', 'wait']; main()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 130
