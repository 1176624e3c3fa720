"""Layout of the checkout: cost of imports, no machine paths, length of files."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = ["kubernetes", "numba", "numpy", "pandas", "prometheus_api_client", "pyarrow", "scipy", "statsmodels"]


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules_loaded_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_help_imports_no_heavy_module() -> None:
    assert modules_loaded_by("import scaler.cli.app").isdisjoint(HEAVY)


def test_configuration_imports_no_heavy_module() -> None:
    assert modules_loaded_by("import config.configmap, config.overrides, config.scenario").isdisjoint(HEAVY)


def test_tracked_files_contain_no_machine_paths() -> None:
    homes = re.compile(r"(?<![\w.~-])/(?:root|work|home/\w+|Users/\w+)/\w")
    matches = []
    for file in tracked_files():
        try:
            lines = file.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        matches += [f"{file.relative_to(ROOT)}: {line.strip()[:80]}" for line in lines if homes.search(line)]
    assert matches == []


def test_product_files_stay_within_320_lines() -> None:
    packages = ("config", "models", "forecaster", "scaler")
    too_long = [
        f"{file.relative_to(ROOT)}: {count}"
        for file in tracked_files()
        if file.suffix == ".py" and file.relative_to(ROOT).parts[0] in packages
        if (count := len(file.read_text().splitlines())) > 320
    ]
    assert too_long == []
