"""`tidecast check-config`."""

import subprocess
import sys
from pathlib import Path

from builders import run_cli

TIDECAST = Path(sys.executable).with_name("tidecast")
SHIPPED = Path(__file__).parents[3] / "deploy" / "config-tidecast.yaml"


def test_shipped_configuration_has_no_problem_in_a_process() -> None:
    command = [*map(str, (TIDECAST, "check-config", SHIPPED))]
    got = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (got.returncode, got.stdout) == (0, "")
    assert got.stderr == f"tidecast: no problem in {SHIPPED}\n"


def test_every_problem_is_a_line_on_stdout(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mode: maybe\nhold: 2\ndelay-cots: 3\n")
    got = run_cli("check-config", file)
    assert got.returncode == 2
    assert got.stdout.splitlines() == [
        "mode: maybe: one of observe, act, off",
        "hold: 2: a duration in whole seconds such as 30s, 2m, 1m30s or 28d, from 0s to 1h",
        "delay-cots: 3: unknown key; did you mean delay-cost?",
    ]
    assert got.stderr == f"tidecast: 3 problems in {file}\n"


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    got = run_cli("check-config", tmp_path / "none.yaml")
    assert got.returncode == 2
    assert got.stdout == f"{tmp_path}/none.yaml: No such file or directory: a file that can be read\n"


def test_broken_yaml_is_a_problem_with_line_number(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mode: act\nhold: [\n")
    got = run_cli("check-config", file)
    assert got.returncode == 2
    assert got.stdout.startswith(f"{file}: line 3, column 1: ")
    assert len(got.stdout.splitlines()) == 1
