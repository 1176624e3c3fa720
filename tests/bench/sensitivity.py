"""Measure how the cost of Tidecast depends on its tuned constants: each at half and at twice its value.

    python tests/bench/sensitivity.py [--constant NAME ...] [--traces DIR [--trace NAME ...]] [--json]

A constant is measured if the line under it cites this file; so are the parameters of the rules in the table
of candidates, each on all candidates together.  A ratio above 1 means a higher cost than with the value in
the code: pod-seconds + 30 x delayed requests of policy `tidecast` in `tidecast backtest`.  Without --traces,
the trace is that in tests/data; with it, the traces in DIR that frontier.py names, in their first scenario.

A number x becomes x/2 and 2x, whole numbers at least 1.  A weight between 0.5 and 1, such as a decay, becomes
1 - 2(1 - x) and 1 - (1 - x)/2: the memory halves and doubles.

Each value is written into a copy of the packages in a temporary folder, and compiled there: about a minute
per value.
"""

import argparse
import ast
import csv
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
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.frontier_results import SCALED_TO, SUFFIX, TRACES

PACKAGES = ("config", "forecaster", "models", "scaler")
CANDIDATES = "scaler/plan/candidates.py"
RULE_PARAMETERS = ("sizing_delay_cost", "hold_s", "min_event_prob")
DELAY_COST = 30.0
FACTORS = (0.5, 2.0)


@dataclass(frozen=True)
class Constant:
    """A tuned constant: its file, its name, and its numbers in the syntax tree."""

    file: str
    name: str
    numbers: tuple[ast.Constant, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def constants() -> Iterator[Constant]:
    """Yield the constants whose line cites this file (a tuple of names has several), and the rules'
    parameters.
    """
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(file.read_text())
            for node, following in zip(tree.body, tree.body[1:], strict=False):
                if isinstance(node, ast.Assign) and "bench/sensitivity.py" in _text(following):
                    yield from _split(str(file.relative_to(ROOT)), node)
    rules = [
        node
        for node in ast.walk(ast.parse((ROOT / CANDIDATES).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Rule"
    ]
    for parameter in RULE_PARAMETERS:
        values = [keyword.value for rule in rules for keyword in rule.keywords if keyword.arg == parameter]
        yield Constant(
            CANDIDATES, f"Rule.{parameter}", tuple(v for v in values if isinstance(v, ast.Constant))
        )


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
    # From the end of a line to its begin: a longer number moves only what was replaced already.
    for number in sorted(constant.numbers, key=lambda n: (n.lineno, n.col_offset), reverse=True):
        assert isinstance(number.value, int | float)
        line = lines[number.lineno - 1]
        text = repr(scaled(number.value, factor))
        lines[number.lineno - 1] = line[: number.col_offset] + text + line[number.end_col_offset :]
    file.write_text("".join(lines))
    if constant.file == CANDIDATES:
        _rename_prior(folder)


def _rename_prior(folder: Path) -> None:
    """Write the new texts of the candidates into prior.csv, whose rows are in their order."""
    program = "from scaler.plan.candidates import CANDIDATES; print('\\n'.join(map(str, CANDIDATES)))"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    file = folder / "scaler" / "shadow" / "prior.csv"
    header, *rows = csv.reader(file.read_text().splitlines())
    with file.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([text, *row[1:]] for text, row in zip(run.stdout.splitlines(), rows, strict=True))


def trace_arguments(traces: Path | None, names: list[str] | None) -> dict[str, list[str]]:
    """Return trace -> arguments of `tidecast backtest`."""
    if traces is None:
        shipped = ROOT / "tests" / "data" / "nasa_http_60s.csv.gz"
        return {"nasa_http_60s": [str(shipped), "--scenario", "heavy", "--scale-to", "40"]}
    found = {}
    for name, trace in TRACES.items():
        if names is None or name in names:
            scenario, file = trace.scenarios[0], traces.resolve() / (name + SUFFIX)
            scale = ["--scale-to", f"{SCALED_TO[scenario]:g}"] if scenario in SCALED_TO else []
            found[name] = [str(file), "--scenario", scenario, *scale]
    return found


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


def variant_cost(constant: Constant, factor: float, arguments: list[str]) -> float:
    """Return the cost with another value of the constant."""
    with tempfile.TemporaryDirectory(prefix="tidecast-sensitivity-") as folder:
        write_variant(constant, factor, Path(folder))
        return cost(Path(folder), arguments)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--constant", nargs="+", help="names; default all")
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--trace", nargs="+", choices=TRACES, help="names; default all")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for trace, arguments in trace_arguments(options.traces, options.trace).items():
        base = cost(ROOT, arguments)
        for constant in constants():
            if options.constant and constant.name not in options.constant:
                continue
            ratios = [variant_cost(constant, factor, arguments) / base for factor in FACTORS]
            row = {
                "trace": trace,
                "constant": str(constant),
                "half": ratios[0],
                "one": 1.0,
                "double": ratios[1],
            }
            line = f"{trace:24} {constant!s:60} {ratios[0]:8.4f} {1:8.4f} {ratios[1]:8.4f}"
            print(json.dumps(row) if options.json else line, flush=True)


if __name__ == "__main__":
    main()
