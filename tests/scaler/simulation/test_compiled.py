"""Machine code is kept where it can be, and made anew where it cannot."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = "from scaler.simulation.kpa_kernel import elapsed_s; print(elapsed_s(1.0, 3.5))"


def run_with(cache: Path) -> str:
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    got = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=env,
        cwd=ROOT,
    )
    assert got.stderr == ""
    return got.stdout


def test_what_was_compiled_is_kept_outside_the_checkout(tmp_path: Path) -> None:
    assert run_with(tmp_path) == "2.5\n"
    kept = sorted(tmp_path.rglob("*.nbc"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    assert run_with(tmp_path) == "2.5\n"
    assert kept[0].stat().st_mtime_ns == before
    assert not list((ROOT / "scaler").rglob("*.nbc"))


def test_without_a_place_to_keep_it_everything_works(tmp_path: Path) -> None:
    taken = tmp_path / "a-file"
    taken.write_text("")
    assert run_with(taken / "cache") == "2.5\n"
