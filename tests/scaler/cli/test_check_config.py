"""`tidecast check-config` as a process."""

import subprocess
import sys
from pathlib import Path

TIDECAST = Path(sys.executable).with_name("tidecast")
SHIPPED = Path(__file__).parents[3] / "deploy" / "config-tidecast.yaml"


def check(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TIDECAST, "check-config", file], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_shipped_configuration_is_fine() -> None:
    got = check(SHIPPED)
    assert (got.returncode, got.stdout) == (0, "")
    assert got.stderr == f"tidecast: no fault in {SHIPPED}\n"


def test_every_fault_is_a_line_on_stdout(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mode: maybe\nhold: 2\ndelay-cots: 3\n")
    got = check(file)
    assert got.returncode == 2
    assert got.stdout.splitlines() == [
        "mode: maybe: one of observe, act, off",
        "hold: 2: a duration in whole seconds such as 30s, 2m, 1m30s or 28d, from 0s to 1h",
        "delay-cots: 3: unknown key; did you mean delay-cost?",
    ]
    assert got.stderr == f"tidecast: 3 faults in {file}\n"


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    got = check(tmp_path / "none.yaml")
    assert got.returncode == 2
    assert got.stdout == f"{tmp_path}/none.yaml: No such file or directory: a file that can be read\n"


def test_broken_yaml_is_a_fault_that_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mode: act\nhold: [\n")
    got = check(file)
    assert got.returncode == 2
    assert got.stdout.startswith(f"{file}: line 3, column 1: ")
    assert len(got.stdout.splitlines()) == 1
