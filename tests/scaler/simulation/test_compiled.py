"""Machine code is cached where the cache can be written, and compiled again where it cannot."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = "from scaler.simulation.kpa_kernel import elapsed_s; print(elapsed_s(1.0, 3.5))"


def run_with_cache(cache: Path) -> str:
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


def test_machine_code_is_cached_outside_the_checkout(tmp_path: Path) -> None:
    assert run_with_cache(tmp_path) == "2.5\n"
    cached = sorted(tmp_path.rglob("*.nbc"))
    assert len(cached) == 1
    written_ns = cached[0].stat().st_mtime_ns
    assert run_with_cache(tmp_path) == "2.5\n"
    assert cached[0].stat().st_mtime_ns == written_ns
    assert not list((ROOT / "scaler").rglob("*.nbc"))


def test_compiled_code_runs_without_a_writable_cache(tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.write_text("")
    assert run_with_cache(file / "cache") == "2.5\n"
