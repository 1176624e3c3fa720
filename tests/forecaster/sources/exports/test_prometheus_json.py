"""Answers of Prometheus in files."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from forecaster.sources.exports import ExportError, read_export

T = 1_700_000_040
Write = Callable[..., Path]


def answer(result: Sequence[object]) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def test_value_is_placed_on_step_before(write: Write) -> None:
    values = [[T + 60, "0.5"], [T + 120, "2"], [T + 180, "NaN"]]
    metric = {"__name__": "x", "namespace": "shop", "service": "web"}
    export = read_export(write(answer([{"metric": metric, "values": values}]), "q.json"))
    assert (export.series, export.start_s, export.step_s) == (("shop/web",), T, 60)
    np.testing.assert_array_equal(export.counts, [[30, 120, math.nan]])
    counts = read_export(write(answer([{"metric": metric, "values": values}]), "q.json"), values="count")
    np.testing.assert_array_equal(counts.counts, [[0.5, 2, math.nan]])


def test_series_with_unknown_labels_is_named_by_all_labels(write: Write) -> None:
    values = [[T, "1"], [T + 60, "2"]]
    result = [{"metric": {"z": "1", "a": f"{k}"}, "values": values} for k in range(2)]
    assert read_export(write(answer(result), "q.json")).series == ('{a="0", z="1"}', '{a="1", z="1"}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html>", "not an answer of Prometheus"),
        ('{"status":"error","error":"bad query"}', "bad query"),
        (answer([]), "no samples"),
        (answer([{"metric": {}, "values": [[T, "1"], [T + 60, "-1"]]}]), "row 2, requests"),
        (answer([{"metric": {}, "values": [[T, "1"], [T + 60, "+Inf"]]}]), "row 2, requests"),
        (answer([{"metric": {}, "values": [[T + 0.5, "1"], [T + 60.5, "1"]]}]), "whole seconds"),
        (answer([{"metric": {}, "value": [T, "1"]}]), "two are needed"),
    ],
)
def test_invalid_answer_is_reported(write: Write, text: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        read_export(write(text, "q.json"))
