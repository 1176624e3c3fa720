"""Files of traffic for the tests of reading."""

from collections.abc import Callable
from pathlib import Path

import pytest

from forecaster.sources.exports import csv_file


@pytest.fixture(params=["arrow", "no arrow"])
def write(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Writes a CSV file; the test runs twice, with pyarrow and without."""
    if request.param == "no arrow":
        monkeypatch.setattr(csv_file, "find_spec", lambda _: None)

    def write_text(text: str, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_text
