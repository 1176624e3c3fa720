"""A scenario file that is not valid is refused with all of its problems."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.problems import ConfigError
from scaler.kpa.scenario_file import load_scenario_input, read_scenario_input


def valid_input(**changed: Any) -> dict[str, Any]:
    return {
        "pipeline": "autoscaler",
        "config": {},
        "annotations": {},
        "container_concurrency": 0,
        "reachability": "Reachable",
        "pods": {"startup_delay_s": 5, "initial_replicas": 1, "initial_ready": 1},
        "idle_stats": "zeros",
        "load": [1.0, None, 2],
    } | changed


def test_optional_keys_have_defaults() -> None:
    given = valid_input()
    for name in ("config", "annotations", "container_concurrency", "reachability"):
        del given[name]
    got = read_scenario_input(given)
    assert got == read_scenario_input(valid_input())
    assert got.activator == [None, None, None]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"pipeline": "hpa"}, 'input.pipeline: "hpa": one of autoscaler, kpa'),
        ({"pipeline": "kpa"}, "input.pa: missing: an object"),
        ({"load": None}, "input.load: null: a list of one number or null a second, at most 10000000"),
        ({"load": [1, "2"]}, 'input.load[1]: "2": a number, at least 0, or null'),
        ({"load": [1, True]}, "input.load[1]: true: a number, at least 0, or null"),
        ({"load": [-1]}, "input.load[0]: -1: a number, at least 0, or null"),
        ({"activator": [1]}, "input.activator: 1 entries: one for each of load, 3"),
        ({"proxied": {}}, "input.proxied: {}: a list of one number or null a second, at most 10000000"),
        ({"idle_stats": None}, "input.idle_stats: null: one of zeros, none"),
        ({"reachability": "yes"}, 'input.reachability: "yes": one of Reachable, Unreachable, Unknown'),
        ({"container_concurrency": 1.5}, "input.container_concurrency: 1.5: a whole number, 0 to 2147483647"),
        ({"config": {"stable-window": 60}}, "input.config: "),
        ({"pods": 3}, "input.pods: 3: an object"),
        (
            {"pods": {"startup_delay_s": 1, "initial_replicas": 1, "initial_ready": 2}},
            "input.pods.initial_ready: 2: a whole number, 0 to 1",
        ),
        ({"extra_stats": [{"t": 1}]}, "input.extra_stats[0].concurrency: missing: a number, at least 0"),
        ({"extra_stats": [3]}, "input.extra_stats: [3]: a list of objects"),
    ],
)
def test_single_problem_is_reported(changed: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_scenario_input(valid_input(**changed))
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(line)


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        read_scenario_input({"pipeline": "kpa", "load": ["x", -1], "pods": {}})
    assert len(refused.value.problems) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: "),
        ("{", "line 1, column 2: "),
        ('{"input": {"load": [NaN]}}', "NaN is not JSON"),
        ("[]", "one JSON object with an object `input`"),
        ('{"expected": {}}', "no object `input` in "),
        ("[" * 100_000, "one JSON object in UTF-8"),
        ("\udcff", "one JSON object in UTF-8"),
    ],
)
def test_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "scenario.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as refused:
        load_scenario_input(file)
    (line,) = refused.value.problems
    assert line.startswith(f"{file}: ")
    assert message in line


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory"):
        load_scenario_input(tmp_path / "none.json")


def test_unknown_keys_are_ignored_and_named(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps({"input": valid_input(activater=[1])}))
    assert load_scenario_input(file).ignored_keys == ("activater",)
