"""Measure how the cost of Tidecast depends on its tuned constants: each at half and at twice its value.

    python tests/bench/sensitivity.py [--constant NAME ...] [--export FILE] [--scenario NAME] [--scale-to N]
    [--json]

A constant is measured if the line under it cites this file.  A ratio above 1 means a higher cost than with
the value in the code: pod-seconds + 30 x delayed requests of policy `tidecast` in `tidecast backtest`.

A number x becomes x/2 and 2x, whole numbers at least 1.  A weight between 0.5 and 1, such as a decay, becomes
1 - 2(1 - x) and 1 - (1 - x)/2: the memory halves and doubles.

Each value is written into a copy of the packages in a temporary folder, and compiled there: about a minute
per value.
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "forecaster", "models", "scaler")
DELAY_COST = 30.0
FACTORS = (0.5, 2.0)


@dataclass(frozen=True)
class Constant:
    """A tuned constant: its file, its name, and the place of its numbers in the source."""

    file: str
    name: str
    numbers: tuple[ast.Constant, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def constants() -> Iterator[Constant]:
    """Yield the constants whose line cites this file; of a tuple of names, one constant for each."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(file.read_text())
            for node, following in zip(tree.body, tree.body[1:], strict=False):
                if isinstance(node, ast.Assign) and "bench/sensitivity.py" in _text(following):
                    yield from _split(str(file.relative_to(ROOT)), node)


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


def _split(file: str, node: ast.Assign) -> Iterator[Constant]:
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = list(zip(target.elts, node.value.elts, strict=True))
    else:
        pairs = [(target, node.value)]
    for name, value in pairs:
        numbers = [n for n in ast.walk(value) if isinstance(n, ast.Constant) and _is_number(n.value)]
        # Of a product such as 3 * 86400.0, only the first factor is scaled.
        yield Constant(file, ast.unparse(name), tuple(numbers[:1]))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def scaled(value: float, factor: float) -> float:
    """Return a value at half or at twice its size, as in the docstring of this file."""
    if isinstance(value, int):
        return max(1, round(value * factor))
    if 0.5 < value < 1:
        return 1 - (1 - value) / factor
    return value * factor


def write_variant(constant: Constant, factor: float, folder: Path) -> None:
    """Write the packages with another value of the constant to a folder."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / constant.file
    lines = file.read_text().splitlines(keepends=True)
    for number in constant.numbers:
        assert isinstance(number.value, int | float)
        line = lines[number.lineno - 1]
        text = repr(scaled(number.value, factor))
        lines[number.lineno - 1] = line[: number.col_offset] + text + line[number.end_col_offset :]
    file.write_text("".join(lines))


def cost(folder: Path, arguments: list[str]) -> float:
    """Return the cost of Tidecast in a backtest with the packages in a folder."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": compiled}
        program = "from scaler.cli import main; main()"
        command = [
            sys.executable,
            "-P",
            "-c",
            program,
            "backtest",
            *arguments,
            "--policy",
            "tidecast",
            "--json",
        ]
        command += ["--delay-cost", f"{DELAY_COST:g}"]
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    if run.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
    outcome = next(row for row in json.loads(run.stdout)["policies"] if row["policy"] == "tidecast")
    return float(outcome["total"]["pod_s"] + DELAY_COST * outcome["total"]["delayed"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--constant", nargs="+", help="names; default all")
    parser.add_argument("--export", type=Path, default=ROOT / "tests/data/nasa_http_60s.csv.gz")
    parser.add_argument("--scenario", default="heavy")
    parser.add_argument("--scale-to", default="40")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    arguments = [str(options.export.resolve()), "--scenario", options.scenario]
    arguments += ["--scale-to", options.scale_to] if options.scale_to else []
    base = cost(ROOT, arguments)
    for constant in constants():
        if options.constant and constant.name not in options.constant:
            continue
        ratios = []
        for factor in FACTORS:
            with tempfile.TemporaryDirectory(prefix="tidecast-sensitivity-") as folder:
                write_variant(constant, factor, Path(folder))
                ratios.append(cost(Path(folder), arguments) / base)
        values = [number.value for number in constant.numbers]
        row = {"constant": str(constant), "value": values, "half": ratios[0], "double": ratios[1]}
        print(
            json.dumps(row) if options.json else f"{constant!s:60} {ratios[0]:8.4f} {ratios[1]:8.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
