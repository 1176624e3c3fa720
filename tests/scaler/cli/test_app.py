"""The command `tidecast`: exit codes, standard output and standard error."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from builders import run_cli

from config.problems import ConfigError
from scaler.cli.app import app

TIDECAST = Path(sys.executable).with_name("tidecast")
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "COLUMNS": "120"}


def start_help() -> subprocess.CompletedProcess[str]:
    """Run `tidecast --help` as a process with a minimal environment."""
    return subprocess.run(
        [TIDECAST, "--help"], capture_output=True, text=True, env=BARE, timeout=60, check=False, cwd="/"
    )


def command_names() -> list[str]:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    return list(command.commands)


def test_help_as_a_process_lists_every_command() -> None:
    got = start_help()
    assert (got.returncode, got.stderr) == (0, "")
    assert all(name in got.stdout for name in command_names())


@pytest.mark.parametrize("name", command_names())
def test_every_command_has_help(name: str) -> None:
    got = run_cli(name, "--help")
    assert (got.returncode, got.stderr) == (0, "")
    assert f"tidecast {name}" in got.stdout


def test_help_needs_little_cpu_time() -> None:
    # The smallest of three: other work on this machine adds to the CPU seconds.
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start_help()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.4


def test_version_is_printed() -> None:
    got = run_cli("--version")
    assert (got.returncode, got.stderr) == (0, "")
    assert got.stdout.startswith("tidecast 0.")


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(["--no-such-option"], id="unknown option"),
        pytest.param(["no-such-command"], id="unknown command"),
        pytest.param(["check-config"], id="missing argument"),
        pytest.param([], id="no command"),
    ],
)
def test_usage_error_exits_2_with_empty_stdout(args: list[str]) -> None:
    got = run_cli(*args)
    assert got.returncode == 2
    assert "Usage: tidecast" in got.stdout + got.stderr
    assert not args or got.stdout == ""


RunRaising = Callable[[BaseException], subprocess.CompletedProcess[str]]


@pytest.fixture(name="run_raising")
def _run_raising(monkeypatch: pytest.MonkeyPatch) -> RunRaising:
    """Run `tidecast boom`, an additional command that raises the given error."""

    def run(error: BaseException) -> subprocess.CompletedProcess[str]:
        def boom() -> None:
            raise error

        monkeypatch.setattr(app, "registered_commands", [*app.registered_commands])
        app.command()(boom)
        return run_cli("boom")

    return run


class UnlistedError(Exception):
    """An error that a user must resolve."""

    exit_code = 3


def test_error_with_exit_code_is_one_line_without_traceback(run_raising: RunRaising) -> None:
    got = run_raising(UnlistedError("HTTP 401 from http://p"))
    assert (got.returncode, got.stdout) == (3, "")
    assert got.stderr == "tidecast: HTTP 401 from http://p\n"


def test_every_problem_of_a_configuration_has_a_line(run_raising: RunRaising) -> None:
    got = run_raising(ConfigError(["a: 1: x", "b: 2: y"]))
    assert (got.returncode, got.stderr) == (2, "tidecast: a: 1: x\ntidecast: b: 2: y\n")


def test_internal_error_has_a_traceback_and_asks_for_a_report(run_raising: RunRaising) -> None:
    got = run_raising(ZeroDivisionError("division by zero"))
    assert (got.returncode, got.stdout) == (1, "")
    assert "ZeroDivisionError" in got.stderr
    assert "please report it" in got.stderr.lower()


def test_keyboard_interrupt_exits_130(run_raising: RunRaising) -> None:
    got = run_raising(KeyboardInterrupt())
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
