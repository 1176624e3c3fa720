"""What a reader may rely on: what imports cost, and that the checkout speaks of itself alone."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = ["kubernetes", "numba", "numpy", "pandas", "prometheus_api_client", "pyarrow", "scipy", "statsmodels"]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def loaded_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    got = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(got.stdout.split())


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by("import scaler.cli.app").isdisjoint(HEAVY)


def test_the_configuration_loads_nothing_heavy() -> None:
    assert loaded_by("import config.configmap, config.overrides, config.scenario").isdisjoint(HEAVY)


def test_no_path_of_one_machine_is_in_a_tracked_file() -> None:
    homes = re.compile(r"(?<![\w.~-])/(?:root|work|home/\w+|Users/\w+)/\w")
    found = []
    for file in tracked():
        try:
            lines = file.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(ROOT)}: {line.strip()[:80]}" for line in lines if homes.search(line)]
    assert found == []


def test_files_stay_short() -> None:
    packages = ("config", "models", "forecaster", "scaler")
    long = [
        f"{file.relative_to(ROOT)}: {count}"
        for file in tracked()
        if file.suffix == ".py" and file.relative_to(ROOT).parts[0] in packages
        if (count := len(file.read_text().splitlines())) > 400
    ]
    assert long == []
