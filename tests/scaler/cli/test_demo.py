"""`tidecast demo` as a process: what goes where, the same table again, and Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TIDECAST = Path(sys.executable).with_name("tidecast")
QUICK = ("demo", "--hours", "0.25", "--speed", "0", "--no-page")
POLICIES = ["KPA alone", "Tidecast", "oracle"]


def tidecast(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TIDECAST, *args], capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module", name="quick")
def _quick() -> subprocess.CompletedProcess[str]:
    return tidecast(*QUICK)


def test_only_the_table_goes_to_stdout(quick: subprocess.CompletedProcess[str]) -> None:
    assert quick.returncode == 0
    lines = quick.stdout.splitlines()
    assert lines[0].split("  ")[0] == "POLICY"
    assert [each[:9].strip() for each in lines[1:]] == POLICIES
    assert all(said.startswith("tidecast: ") for said in quick.stderr.splitlines())
    assert "delayed so far" in quick.stderr
    assert "\x1b" not in quick.stderr + quick.stdout


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    quick: subprocess.CompletedProcess[str],
) -> None:
    assert tidecast(*QUICK, "--seed", "7").stdout == quick.stdout
    assert tidecast(*QUICK, "--seed", "8").stdout != quick.stdout


def test_json_has_the_figures_of_a_backtest() -> None:
    got = tidecast(*QUICK, "--json")
    rows = json.loads(got.stdout)
    assert [row["policy"] for row in rows] == POLICIES
    assert set(rows[0]) == {
        "policy", "requests", "delayed", "cold", "wait_s", "pod_s", "busy_pod_s", "starts", "changes", "rum",
    }  # fmt: skip
    assert len({row["requests"] for row in rows}) == 1


@pytest.mark.parametrize(
    "args", [["--hours", "18"], ["--speed", "-1"], ["--port", "65536"], ["--seed", "-1"]]
)
def test_what_cannot_be_is_refused(args: list[str]) -> None:
    got = tidecast("demo", *args)
    assert (got.returncode, got.stdout) == (2, "")
    assert args[0] in got.stderr


def test_ctrl_c_keeps_and_tells_what_was_done() -> None:
    with subprocess.Popen(
        [TIDECAST, "demo", "--speed", "600", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = [next(process.stderr)]
        while "delayed so far" not in said[-1]:
            said.append(next(process.stderr))
        assert any("the page: http://127.0.0.1:" in each for each in said)
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [each[:9].strip() for each in out.splitlines()[1:]] == POLICIES
    assert "stopped: the table is of what was until then" in rest
    assert "Traceback" not in rest


def test_ctrl_c_before_the_show_ends_it_at_once() -> None:
    with subprocess.Popen(
        [TIDECAST, "demo", "--no-page"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while "two weeks of traffic" not in next(process.stderr):
            pass
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in said


def test_a_terminal_gets_a_live_view() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [TIDECAST, *QUICK], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        # Reading ends with an error when the other side has closed.
        while chunk := _read(ours):
            shown += chunk
        assert process.stdout is not None
        table = process.stdout.read().decode()
    os.close(ours)
    assert process.returncode == 0
    assert table.startswith("POLICY")
    assert "hello-00002" in shown.decode()
    assert "▁" in shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
