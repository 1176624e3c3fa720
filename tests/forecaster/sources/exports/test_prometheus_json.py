"""Answers of Prometheus, kept as files."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from forecaster.sources.exports import (
    ExportError,
    read_export,
)

T = 1_700_000_040


Write = Callable[..., Path]


def answer(result: Sequence[object]) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def test_a_prometheus_answer_tells_of_the_step_before(write: Write) -> None:
    values = [[T + 60, "0.5"], [T + 120, "2"], [T + 180, "NaN"]]
    metric = {"__name__": "x", "namespace": "shop", "service": "web"}
    export = read_export(write(answer([{"metric": metric, "values": values}]), "q.json"))
    assert (export.series, export.start_s, export.step_s) == (("shop/web",), T, 60)
    np.testing.assert_array_equal(export.counts, [[30, 120, math.nan]])
    counts = read_export(write(answer([{"metric": metric, "values": values}]), "q.json"), values="count")
    np.testing.assert_array_equal(counts.counts, [[0.5, 2, math.nan]])


def test_a_prometheus_answer_of_unknown_labels_has_them_as_names(write: Write) -> None:
    some = [[T, "1"], [T + 60, "2"]]
    result = [{"metric": {"z": "1", "a": f"{k}"}, "values": some} for k in range(2)]
    assert read_export(write(answer(result), "q.json")).series == ('{a="0", z="1"}', '{a="1", z="1"}')


@pytest.mark.parametrize(
    ("text", "says"),
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
def test_a_bad_prometheus_answer(write: Write, text: str, says: str) -> None:
    with pytest.raises(ExportError, match=says):
        read_export(write(text, "q.json"))
