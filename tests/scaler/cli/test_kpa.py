"""`tidecast kpa`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import run_cli

TIDECAST = Path(sys.executable).with_name("tidecast")
GOLDEN = Path(__file__).parents[2] / "golden"
POKED = GOLDEN / "p28_poke_from_zero.json"


def scenario_file(tmp_path: Path, **changed: Any) -> Path:
    """Write the input of a golden scenario with changed keys, without its expected result."""
    scenario = json.loads(POKED.read_text())["input"]
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps({"input": scenario | changed}))
    return file


def test_scenario_with_pokes_in_a_process(tmp_path: Path) -> None:
    command = [*map(str, (TIDECAST, "kpa", scenario_file(tmp_path)))]
    got = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (got.returncode, got.stderr) == (0, "")
    assert json.loads(got.stdout) == {"expected": json.loads(POKED.read_text())["expected"]}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"config": {"stable-window": "5s"}},
            "tidecast: config-autoscaler stable-window: 5s: 6s to 1h, in whole seconds\n",
        ),
        (
            {"annotations": {"min-scale": "3", "max-scale": "2"}},
            "tidecast: autoscaling.knative.dev/max-scale: 2: 0, or at least min-scale (3)\n",
        ),
        (
            {"container_concurrency": 1001},
            "tidecast: containerConcurrency: 1001: a whole number, 0 to 1000\n",
        ),
        ({"load": "much"}, "tidecast: input.load: "),
    ],
)
def test_values_that_knative_refuses_exit_2_with_the_reason(tmp_path: Path, changed: Any, line: str) -> None:
    got = run_cli("kpa", scenario_file(tmp_path, **changed))
    assert (got.returncode, got.stdout) == (2, "")
    assert got.stderr.startswith(line)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    got = run_cli("kpa", tmp_path / "none.json")
    assert (got.returncode, got.stdout) == (2, "")
    assert "No such file or directory" in got.stderr


def test_misspelled_key_is_reported(tmp_path: Path) -> None:
    got = run_cli("kpa", scenario_file(tmp_path, activater=[]))
    assert got.returncode == 0
    assert got.stderr == "tidecast: input.activater is not known and is ignored\n"
