"""`tidecast backtest`: output, files, and errors."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import run_cli

from scaler.policies.names import DEFAULT, NAMES

TIDECAST = Path(sys.executable).with_name("tidecast")
NASA = Path(__file__).resolve().parents[2] / "data" / "nasa_http_60s.csv.gz"
METRICS = ["requests", "delayed", "cold", "wait_s", "pod_s", "busy_pod_s", "starts", "changes", "rum"]
START_S = 1_700_000_040
HEADING = "timestamp,series,requests\n"


def tidecast(*args: object) -> tuple[int, str, str]:
    """Run the command; return its exit code, stdout, and stderr on one line without frames."""
    run = run_cli(*args)
    return run.returncode, run.stdout, " ".join(run.stderr.replace("│", " ").split())


@pytest.fixture(name="shop", scope="module")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with two services and two hours in steps of a minute."""
    rng = np.random.default_rng(3)
    cart, idle = rng.poisson(300, 120), rng.poisson(0.2, 120)
    rows = [
        f"{START_S + 60 * i},shop/cart,{cart[i]}\n{START_S + 60 * i},shop/idle,{idle[i]}\n"
        for i in range(120)
    ]
    path = tmp_path_factory.mktemp("traffic") / "shop.csv"
    path.write_text(HEADING + "".join(rows))
    return path


def quick(*options: object) -> tuple[object, ...]:
    return ("--policy", "kpa-tuned", "--policy", "oracle", "--scenario", "sparse", *options)


def test_json_has_documented_fields(shop: Path) -> None:
    code, out, err = tidecast("backtest", shop, *quick("--delay-cost", 3, "--delay-cost", 30, "--json"))
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert list(result) == ["scenario", "policies"]
    assert result["scenario"]["startup-seconds"] == 5
    keys = [(policy["policy"], policy["delay_cost"]) for policy in result["policies"]]
    assert keys == [("kpa-tuned", 3), ("kpa-tuned", 30), ("oracle", None)]
    for policy in result["policies"]:
        assert list(policy["total"]) == METRICS
        assert [list(series) for series in policy["series"]] == [["series", *METRICS]] * 2
    names = [series["series"] for series in result["policies"][0]["series"]]
    assert names == ["shop/cart", "shop/idle"]


def test_yaml_equals_json(shop: Path) -> None:
    import yaml

    common = ("backtest", shop, *quick("--delay-cost", 30))
    assert yaml.safe_load(tidecast(*common, "-o", "yaml")[1]) == json.loads(tidecast(*common, "--json")[1])


def test_table_begins_with_kpa_alone(shop: Path) -> None:
    code, out, _ = tidecast("backtest", shop, *quick("--series", "*cart"))
    assert code == 0
    head, kpa, *rows = out.splitlines()
    heading = "POLICY DELAY COST DELAYED % COLD % WAIT S PER REQUEST POD HOURS X KPA STARTS RUM COST"
    assert " ".join(head.split()) == heading
    assert kpa.split()[:2] == ["kpa", "-"]
    assert [row.split()[:2] for row in rows] == [
        *(["kpa-tuned", cost] for cost in ("1", "3", "10", "30", "100", "300")),
        ["oracle", "-"],
    ]


def test_jobs_change_no_output_and_seed_does(shop: Path) -> None:
    common = ("backtest", shop, *quick("--delay-cost", 30, "--json"))
    first = tidecast(*common, "--jobs", 1)
    assert first == tidecast(*common, "--jobs", 2) == tidecast(*common, "--jobs", 8) == tidecast(*common)
    assert first != tidecast(*common, "--seed", 8)


def test_warm_up_is_simulated_but_not_scored(shop: Path) -> None:
    common = ("backtest", shop, "--series", "*cart", "--policy", "kpa", "--json")
    whole, second = (
        json.loads(tidecast(*common, *options)[1])["policies"][0]["total"]
        for options in ((), ("--score-from", "2023-11-14T23:14:00Z"))
    )
    assert second["requests"] == pytest.approx(whole["requests"] / 2, rel=0.1)
    assert second["cold"] == 0 < whole["cold"]


def test_plan_file_is_byte_identical_each_time(shop: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for path in (first, second):
        common = ("--policy", "kpa-tuned", "--policy", "kpa", "--delay-cost", 100, "--scenario", "heavy")
        code, out, err = tidecast("backtest", shop, *common, "--plan-out", path)
        assert code == 0
        assert out.startswith("POLICY")
        assert err == f"tidecast: the plan: {path}"
    assert first.read_bytes() == second.read_bytes()
    with first.open() as file:
        rows = list(csv.DictReader(file))
    keys = [(row["series"], int(row["timestamp"])) for row in rows]
    assert keys == sorted(set(keys))
    assert {row["series"] for row in rows} == {"shop/cart", "shop/idle"}
    assert keys[0] == ("shop/cart", START_S)
    assert all(row["floor"] for row in rows)


def test_report_is_one_html_page(shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    code, _, err = tidecast("backtest", shop, *quick("--delay-cost", 30), "--report", path)
    assert (code, err) == (0, f"tidecast: the report: {path}")
    page = path.read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "shop/cart" in page


def test_help_names_every_policy() -> None:
    code, out, _ = tidecast("backtest", "--help")
    words = set(out.replace("│", " ").replace(",", " ").replace(";", " ").replace(".", " ").split())
    assert code == 0
    assert set(NAMES) | set(DEFAULT) <= words


def test_scale_to_sets_the_mean_rate(shop: Path) -> None:
    common = ("backtest", shop, "--policy", "kpa", "--json", "--series", "*cart", "--scale-to", 50)
    total = json.loads(tidecast(*common)[1])["policies"][0]["total"]
    assert total["requests"] == pytest.approx(50 * 7200, rel=0.02)


def test_prometheus_response_is_read_as_rates_or_counts(tmp_path: Path) -> None:
    values = [[START_S + 60 * i, "2"] for i in range(60)]
    series = {"metric": {"namespace": "shop", "service": "cart"}, "values": values}
    path = tmp_path / "response.json"
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [series]}}))
    for values_are, requests in (("rate", 7200), ("count", 120)):
        code, out, _ = tidecast("backtest", path, "--policy", "kpa", "--json", "--values", values_are)
        assert code == 0
        assert json.loads(out)["policies"][0]["total"]["requests"] == requests


WRONG: list[Any] = [
    pytest.param(("--policy", "phap"), "no policy 'phap'; do you mean phpa", id="misspelled policy"),
    pytest.param(("--policy", "x"), "Allowed: kpa, kpa-u50", id="unknown policy"),
    pytest.param(("--scale-to", "nan"), "Invalid value for '--scale-to'", id="scale nan"),
    pytest.param(("--delay-cost", "nan"), "Invalid value for '--delay-cost'", id="delay-cost nan"),
    pytest.param(("--delay-cost", "3", "--delay-cost", "0"), "--delay-cost", id="delay-cost 0"),
    pytest.param(("--score-from", "soon"), "'soon' is not a time", id="invalid time"),
    pytest.param(("--score-from", "2030-01-01"), "nothing to score", id="time after the end"),
    pytest.param(("--series", "x*"), "matches none of the 2 series", id="no series"),
    pytest.param(("--scenario", "nope"), "heavy, web, sparse", id="no scenario"),
    pytest.param(("--jobs", "0"), "--jobs", id="no jobs"),
    pytest.param(("--report", "/nonexistent/r.html"), "there is no folder", id="report in missing folder"),
    pytest.param(("--report", "/"), "is a folder", id="report is a folder"),
    pytest.param(("--plan-out", "/nonexistent/p.csv"), "there is no folder", id="plan in missing folder"),
    pytest.param(("--plan-out", "p.csv"), "exactly one --delay-cost", id="plan of many delay-costs"),
    pytest.param(("--plan-out", "p.csv", "--delay-cost", "30"), "one --policy", id="plan of many policies"),
    pytest.param(
        ("--plan-out", "p.csv", "--delay-cost", "30", "--policy", "kpa"),
        "one --policy",
        id="plan of the KPA",
    ),
    pytest.param(
        ("--plan-out", "p.csv", "--delay-cost", "30", "--policy", "oracle"),
        "hindsight",
        id="plan with hindsight",
    ),
    pytest.param(("--json", "-o", "yaml"), "exclude each other", id="two formats"),
]


@pytest.mark.parametrize(("args", "message"), WRONG)
def test_wrong_arguments_are_reported_before_the_run(
    shop: Path, args: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import scaler.backtest.run

    def unexpected_run(*_: Any, **__: Any) -> None:
        raise AssertionError("the backtest was run")

    monkeypatch.setattr(scaler.backtest.run, "run", unexpected_run)
    code, out, err = tidecast("backtest", shop, *args)
    assert (code, out) == (2, "")
    assert message in err


def test_read_only_folder_of_a_report_is_an_error(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write in every folder, whatever its permissions.
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, _, err = tidecast("backtest", shop, "--report", shop.with_name("r.html"))
    assert code == 2
    assert "cannot be written" in err


def test_full_disk_is_reported_after_the_table(shop: Path) -> None:
    code, out, err = tidecast("backtest", shop, "--policy", "kpa", "--report", "/dev/full")
    assert code == 2
    assert out.startswith("POLICY")
    assert err == "tidecast: /dev/full: No space left on device"


def minutes(series: str, *requests: object, step_s: int = 60, start_s: int = START_S) -> str:
    return "".join(f"{start_s + step_s * i},{series},{value}\n" for i, value in enumerate(requests))


REFUSED = [
    pytest.param("time,series,requests\n1,a,1\n", "column timestamp is missing", id="wrong columns"),
    pytest.param(HEADING, "no rows", id="0 rows"),
    pytest.param(
        HEADING + minutes("a", 1, 2, 3) + minutes("a", *[1] * 12, step_s=90, start_s=START_S + 180),
        "rows are 90 s apart, so whole steps after",
        id="mixed intervals",
    ),
    pytest.param(
        HEADING + minutes("a", 1, 2) + minutes("a", 5),
        "row 3, timestamp: 1700000040: series a",
        id="duplicates",
    ),
    pytest.param(
        HEADING + minutes("a", 1, -2, 3), "row 2, requests: -2: a count is 0 or more", id="negative"
    ),
    pytest.param(
        HEADING + minutes("a", *[1] * 40) + minutes("b", *[1] * 12, step_s=120),
        "series b continues in steps of 120 s, most rows in 60 s",
        id="two series of different step",
    ),
    pytest.param(
        HEADING + "1700000040000,a,1\n1700000100000,a,1\n", "this looks like milliseconds", id="milliseconds"
    ),
    pytest.param(HEADING + minutes("a", 1, "many"), "row 2, requests: 'many'", id="no number"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_unusable_file_is_an_error_with_location(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    code, out, err = tidecast("backtest", path, "--policy", "kpa")
    assert (code, out) == (2, "")
    assert err.startswith(f"tidecast: {path}: ")
    assert message in err


REPAIRED = [
    pytest.param(
        HEADING + minutes("a", 60, "NaN", "", 60), "2 rows without a number of requests", id="NaN and nothing"
    ),
    pytest.param(
        HEADING + minutes("a", 60, start_s=START_S + 180) + minutes("a", 60, 0), "are sorted", id="unsorted"
    ),
    pytest.param(HEADING + minutes("a", 60) + minutes("a", 60, 0, start_s=START_S + 240), "", id="a gap"),
]


@pytest.mark.parametrize(("text", "message"), REPAIRED)
def test_repaired_file_is_reported(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    code, out, err = tidecast("backtest", path, "--policy", "kpa", "--json")
    assert code == 0
    assert json.loads(out)["policies"][0]["total"]["requests"] == 120
    assert message in err


def test_truncated_or_missing_file_is_an_error(tmp_path: Path) -> None:
    parquet, packed = tmp_path / "cut.parquet", tmp_path / "cut.csv.gz"
    parquet.write_bytes(b"PAR1" + bytes(100))
    packed.write_bytes(gzip.compress((HEADING + minutes("a", *range(500))).encode())[:-200])
    for path in (parquet, packed, tmp_path / "absent.csv"):
        code, out, err = tidecast("backtest", path)
        assert (code, out) == (2, "")
        assert err.startswith(f"tidecast: {path}: ")


def test_backtest_of_real_traffic_in_a_process() -> None:
    args = ("--scenario", "heavy", "--scale-to", "40", "--policy", "kpa", "--policy", "oracle", "--json")
    command = [str(TIDECAST), "backtest", str(NASA), *args, "--score-from", "1995-07-08T00:00:00Z"]
    got = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    kpa, oracle = (policy["total"] for policy in json.loads(got.stdout)["policies"])
    assert got.stderr == ""
    assert 100 * kpa["delayed"] / kpa["requests"] == pytest.approx(3.13, abs=0.1)
    assert oracle["pod_s"] / kpa["pod_s"] == pytest.approx(0.85, abs=0.01)
    assert oracle["delayed"] == 0


def test_ctrl_c_prints_completed_series(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text(HEADING + "".join(minutes(f"s{k:04d}", *[60] * 120) for k in range(2000)))
    command = [str(TIDECAST), "backtest", str(path), "--policy", "kpa-tuned", "--json", "--jobs", "1"]
    for delay_s in (2.5, 5, 10, 20):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(delay_s)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        if out:
            break
    completed = len(json.loads(out)["policies"][0]["series"])
    assert 0 < completed < 2000
    assert err == f"tidecast: stopped: {completed} of 2000 series are completed\n"
