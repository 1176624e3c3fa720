"""Data on standard output, as a table, JSON and YAML."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import yaml

from config.policy import Lever, Mode
from models.fleet.keys import RevisionKey
from scaler.cli.options import Format
from scaler.cli.output import write_rows, write_value
from scaler.plan.revision import Metric


@dataclass(frozen=True)
class Record:
    key: RevisionKey
    floor: np.int64
    lead_s: float


ROWS = [
    {"revision": RevisionKey("shop", "web-00001"), "floor": np.int32(3), "peak": np.float32(12.5), "why": ""},
    {"revision": RevisionKey("shop", "b"), "floor": 12, "peak": float("nan"), "why": "[bold]"},
]


def test_table_without_terminal_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, Format.TABLE)
    assert capsys.readouterr().out == (
        "REVISION        FLOOR  PEAK  WHY\n"
        "shop/web-00001      3  12.5  -\n"
        "shop/b             12     -  [bold]\n"
    )  # fmt: skip


def test_table_has_only_requested_columns(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, Format.TABLE, columns=["floor"])
    assert capsys.readouterr().out == "FLOOR\n    3\n   12\n"


def test_table_without_rows_has_headings(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows([], Format.TABLE, columns=["revision", "floor"])
    assert capsys.readouterr().out == "REVISION  FLOOR\n"


def test_json_has_plain_numbers_and_null_for_nan(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(ROWS, Format.JSON, columns=["floor"])
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {"revision": "shop/web-00001", "floor": 3, "peak": 12.5, "why": ""}
    assert rows[1]["peak"] is None


def test_yaml_of_nested_values_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    value = {
        "mode": Mode.OFF,
        "levers": frozenset({Lever.WINDOW, Lever.FLOOR}),
        "metric": Metric.RPS,
        "record": Record(RevisionKey("a", "b"), np.int64(1), 0.5),
        "values": np.array([[1.0, np.nan]]),
    }
    write_value(value, Format.YAML)
    assert yaml.safe_load(capsys.readouterr().out) == {
        "mode": "off",
        "levers": ["floor", "window"],
        "metric": "rps",
        "record": {"key": "a/b", "floor": 1, "lead_s": 0.5},
        "values": [[1.0, None]],
    }


def test_table_on_a_terminal_shows_brackets_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    write_rows(ROWS, Format.TABLE)
    assert "[bold]" in capsys.readouterr().out
