"""`tidecast demo`: output, the same table for the same seed, and Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders import run_cli

TIDECAST = Path(sys.executable).with_name("tidecast")
QUICK = ("demo", "--hours", "0.25", "--speed", "0", "--no-page")
POLICIES = ["KPA alone", "Tidecast", "oracle"]


@pytest.fixture(scope="module", name="quick")
def _quick() -> subprocess.CompletedProcess[str]:
    """A demo of a quarter of an hour at full speed, in a process."""
    command = [*map(str, (TIDECAST, *QUICK))]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_only_the_table_is_written_to_stdout(quick: subprocess.CompletedProcess[str]) -> None:
    assert quick.returncode == 0
    heading, *rows = quick.stdout.splitlines()
    assert heading.split("  ")[0] == "POLICY"
    assert [row[:9].strip() for row in rows] == POLICIES
    assert all(line.startswith("tidecast: ") for line in quick.stderr.splitlines())
    assert "delayed so far" in quick.stderr
    assert "\x1b" not in quick.stderr + quick.stdout


@pytest.mark.slow
def test_table_depends_on_the_seed_only(quick: subprocess.CompletedProcess[str]) -> None:
    assert run_cli(*QUICK, "--seed", 7).stdout == quick.stdout
    assert run_cli(*QUICK, "--seed", 8).stdout != quick.stdout


def test_json_has_the_metrics_of_a_backtest() -> None:
    got = run_cli(*QUICK, "--json")
    rows = json.loads(got.stdout)
    assert [row["policy"] for row in rows] == POLICIES
    assert set(rows[0]) == {
        "policy", "requests", "delayed", "cold", "wait_s", "pod_s", "busy_pod_s", "starts", "changes", "rum",
    }  # fmt: skip
    assert len({row["requests"] for row in rows}) == 1


@pytest.mark.parametrize(
    "args", [["--hours", "18"], ["--speed", "-1"], ["--port", "65536"], ["--seed", "-1"]]
)
def test_invalid_options_exit_2_with_the_name(args: list[str]) -> None:
    got = run_cli("demo", *args)
    assert (got.returncode, got.stdout) == (2, "")
    assert args[0] in got.stderr


@pytest.mark.slow
def test_ctrl_c_prints_the_table_so_far() -> None:
    with subprocess.Popen(
        [TIDECAST, "demo", "--speed", "600", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines = [next(process.stderr)]
        while "delayed so far" not in lines[-1]:
            lines.append(next(process.stderr))
        assert any("the page: http://127.0.0.1:" in line for line in lines)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [row[:9].strip() for row in stdout.splitlines()[1:]] == POLICIES
    assert "stopped: the table covers the time until then" in stderr
    assert "Traceback" not in stderr


def test_ctrl_c_before_the_replay_ends_the_process() -> None:
    with subprocess.Popen(
        [TIDECAST, "demo", "--no-page"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while "two weeks of traffic" not in next(process.stderr):
            pass
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_terminal_has_a_live_view() -> None:
    terminal, process_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [TIDECAST, *QUICK], stdout=subprocess.PIPE, stderr=process_end, env=environment
    ) as process:
        os.close(process_end)
        shown = b""
        # Reading fails after the process has closed its end.
        while chunk := _read(terminal):
            shown += chunk
        assert process.stdout is not None
        table = process.stdout.read().decode()
    os.close(terminal)
    assert process.returncode == 0
    assert table.startswith("POLICY")
    assert "hello-00002" in shown.decode()
    assert "▁" in shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
