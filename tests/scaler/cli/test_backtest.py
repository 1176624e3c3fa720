"""`tidecast backtest`: what it prints and writes, and what it says of what is wrong."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scaler.cli
from scaler.policies.names import DEFAULT, NAMES

TIDECAST = Path(sys.executable).with_name("tidecast")
NASA = Path(__file__).resolve().parents[2] / "data" / "nasa_http_60s.csv.gz"
METRICS = ["requests", "delayed", "cold", "wait_s", "pod_s", "busy_pod_s", "starts", "changes", "rum"]
START_S = 1_700_000_040
HEADING = "timestamp,series,requests\n"

Told = tuple[int, str, str]
Command = Callable[..., Told]


@pytest.fixture(name="tidecast")
def _tidecast(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in this process: arguments -> exit code, stdout, stderr without line breaks of its own."""

    def run(*args: object) -> Told:
        monkeypatch.setattr(sys, "argv", ["tidecast", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            scaler.cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, " ".join(err.replace("│", " ").split())

    return run


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    """Two services, two hours by the minute."""
    rng = np.random.default_rng(3)
    cart, idle = rng.poisson(300, 120), rng.poisson(0.2, 120)
    rows = [
        f"{START_S + 60 * i},shop/cart,{cart[i]}\n{START_S + 60 * i},shop/idle,{idle[i]}\n"
        for i in range(120)
    ]
    path = tmp_path / "shop.csv"
    path.write_text(HEADING + "".join(rows))
    return path


def quick(*more: object) -> tuple[object, ...]:
    return ("--policy", "kpa-tuned", "--policy", "oracle", "--scenario", "sparse", *more)


def test_the_json_is_as_promised(tidecast: Command, shop: Path) -> None:
    code, out, err = tidecast("backtest", shop, *quick("--delay-cost", 3, "--delay-cost", 30, "--json"))
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert list(told) == ["scenario", "policies"]
    assert told["scenario"]["startup-seconds"] == 5
    keys = [(each["policy"], each["delay_cost"]) for each in told["policies"]]
    assert keys == [("kpa-tuned", 3), ("kpa-tuned", 30), ("oracle", None)]
    for each in told["policies"]:
        assert list(each["total"]) == METRICS
        assert [list(one) for one in each["series"]] == [["series", *METRICS]] * 2
    names = [one["series"] for one in told["policies"][0]["series"]]
    assert names == ["shop/cart", "shop/idle"]


def test_yaml_has_the_same(tidecast: Command, shop: Path) -> None:
    import yaml

    common = ("backtest", shop, *quick("--delay-cost", 30))
    assert yaml.safe_load(tidecast(*common, "-o", "yaml")[1]) == json.loads(tidecast(*common, "--json")[1])


def test_the_table_sets_everything_beside_the_kpa_alone(tidecast: Command, shop: Path) -> None:
    code, out, _ = tidecast("backtest", shop, *quick("--series", "*cart"))
    assert code == 0
    head, kpa, *rows = out.splitlines()
    told = "POLICY DELAY COST DELAYED % COLD % WAIT S PER REQUEST POD HOURS X KPA STARTS RUM COST"
    assert " ".join(head.split()) == told
    assert kpa.split()[:2] == ["kpa", "-"]
    assert [row.split()[:2] for row in rows] == [
        *(["kpa-tuned", cost] for cost in ("1", "3", "10", "30", "100", "300")),
        ["oracle", "-"],
    ]


def test_jobs_change_nothing_and_the_seed_does(tidecast: Command, shop: Path) -> None:
    common = ("backtest", shop, *quick("--delay-cost", 30, "--json"))
    first = tidecast(*common, "--jobs", 1)
    assert first == tidecast(*common, "--jobs", 2) == tidecast(*common, "--jobs", 8) == tidecast(*common)
    assert first != tidecast(*common, "--seed", 8)


def test_warm_up_is_lived_through_and_not_scored(tidecast: Command, shop: Path) -> None:
    common = ("backtest", shop, "--series", "*cart", "--policy", "kpa", "--json")
    whole, second = (
        json.loads(tidecast(*common, *more)[1])["policies"][0]["total"]
        for more in ((), ("--score-from", "2023-11-14T23:14:00Z"))
    )
    assert second["requests"] == pytest.approx(whole["requests"] / 2, rel=0.1)
    assert second["cold"] == 0 < whole["cold"]


def test_the_plan_is_a_file_of_the_same_bytes_each_time(tidecast: Command, shop: Path) -> None:
    first, again = shop.with_name("first.csv"), shop.with_name("again.csv")
    for path in (first, again):
        common = ("--policy", "kpa-tuned", "--policy", "kpa", "--delay-cost", 100, "--scenario", "heavy")
        code, out, err = tidecast("backtest", shop, *common, "--plan-out", path)
        assert code == 0
        assert out.startswith("POLICY")
        assert err == f"tidecast: the plan: {path}"
    assert first.read_bytes() == again.read_bytes()
    with first.open() as file:
        rows = list(csv.DictReader(file))
    keys = [(row["series"], int(row["timestamp"])) for row in rows]
    assert keys == sorted(set(keys))
    assert {row["series"] for row in rows} == {"shop/cart", "shop/idle"}
    assert keys[0] == ("shop/cart", START_S)
    assert all(row["floor"] for row in rows)


def test_the_report_is_one_page(tidecast: Command, shop: Path) -> None:
    path = shop.with_name("report.html")
    code, _, err = tidecast("backtest", shop, *quick("--delay-cost", 30), "--report", path)
    assert (code, err) == (0, f"tidecast: the report: {path}")
    page = path.read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "shop/cart" in page


def test_help_names_every_policy(tidecast: Command) -> None:
    code, out, _ = tidecast("backtest", "--help")
    told = set(out.replace("│", " ").replace(",", " ").replace(";", " ").replace(".", " ").split())
    assert code == 0
    assert set(NAMES) | set(DEFAULT) <= told


def test_the_scale_is_that_of_the_mean(tidecast: Command, shop: Path) -> None:
    common = ("backtest", shop, "--policy", "kpa", "--json", "--series", "*cart", "--scale-to", 50)
    total = json.loads(tidecast(*common)[1])["policies"][0]["total"]
    assert total["requests"] == pytest.approx(50 * 7200, rel=0.02)


def test_a_prometheus_answer_holds_rates_or_counts(tidecast: Command, tmp_path: Path) -> None:
    values = [[START_S + 60 * i, "2"] for i in range(60)]
    series = {"metric": {"namespace": "shop", "service": "cart"}, "values": values}
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [series]}}))
    for values_are, requests in (("rate", 7200), ("count", 120)):
        code, out, _ = tidecast("backtest", path, "--policy", "kpa", "--json", "--values", values_are)
        assert code == 0
        assert json.loads(out)["policies"][0]["total"]["requests"] == requests


WRONG: list[Any] = [
    pytest.param(("--policy", "phap"), "no policy 'phap'; is it phpa", id="a policy that is near another"),
    pytest.param(("--policy", "x"), "Allowed: kpa, kpa-u50", id="a policy that is near none"),
    pytest.param(("--scale-to", "nan"), "Invalid value for '--scale-to'", id="scale nan"),
    pytest.param(("--delay-cost", "nan"), "Invalid value for '--delay-cost'", id="delay-cost nan"),
    pytest.param(("--delay-cost", "3", "--delay-cost", "0"), "--delay-cost", id="a request is worth nothing"),
    pytest.param(("--score-from", "soon"), "'soon' is not a time", id="no time"),
    pytest.param(("--score-from", "2030-01-01"), "nothing to score", id="a time after the end"),
    pytest.param(("--series", "x*"), "fits none of the 2 series", id="no series"),
    pytest.param(("--scenario", "nope"), "heavy, web, sparse", id="no scenario"),
    pytest.param(("--jobs", "0"), "--jobs", id="no jobs"),
    pytest.param(("--report", "/nonexistent/r.html"), "there is no folder", id="a report nowhere"),
    pytest.param(("--report", "/"), "is a folder", id="a report in place of a folder"),
    pytest.param(("--plan-out", "/nonexistent/p.csv"), "there is no folder", id="a plan nowhere"),
    pytest.param(("--plan-out", "p.csv"), "exactly one --delay-cost", id="a plan of many delay-costs"),
    pytest.param(("--plan-out", "p.csv", "--delay-cost", "30"), "one --policy", id="a plan of many policies"),
    pytest.param(
        ("--plan-out", "p.csv", "--delay-cost", "30", "--policy", "kpa"),
        "one --policy",
        id="a plan of the KPA",
    ),
    pytest.param(
        ("--plan-out", "p.csv", "--delay-cost", "30", "--policy", "oracle"),
        "hindsight",
        id="hindsight's plan",
    ),
    pytest.param(("--json", "-o", "yaml"), "exclude each other", id="two formats"),
]


@pytest.mark.parametrize(("args", "said"), WRONG)
def test_wrong_arguments_are_told_before_the_work(
    tidecast: Command, shop: Path, args: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import scaler.backtest.run

    def worked(*_: Any, **__: Any) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr(scaler.backtest.run, "run", worked)
    code, out, err = tidecast("backtest", shop, *args)
    assert (code, out) == (2, "")
    assert said in err


def test_a_folder_that_cannot_be_written_to_is_told(
    tidecast: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, whatever a folder says.
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, _, err = tidecast("backtest", shop, "--report", shop.with_name("r.html"))
    assert code == 2
    assert "cannot be written" in err


def test_a_disk_that_is_full_is_told_after_the_figures(tidecast: Command, shop: Path) -> None:
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


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_a_file_that_cannot_be_used_is_told_with_the_place(
    tidecast: Command, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    code, out, err = tidecast("backtest", path, "--policy", "kpa")
    assert (code, out) == (2, "")
    assert err.startswith(f"tidecast: {path}: ")
    assert said in err


REPAIRED = [
    pytest.param(
        HEADING + minutes("a", 60, "NaN", "", 60), "2 rows without a number of requests", id="NaN and nothing"
    ),
    pytest.param(
        HEADING + minutes("a", 60, start_s=START_S + 180) + minutes("a", 60, 0), "are sorted", id="unsorted"
    ),
    pytest.param(HEADING + minutes("a", 60) + minutes("a", 60, 0, start_s=START_S + 240), "", id="a gap"),
]


@pytest.mark.parametrize(("text", "said"), REPAIRED)
def test_what_is_put_right_is_said(tidecast: Command, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    code, out, err = tidecast("backtest", path, "--policy", "kpa", "--json")
    assert code == 0
    assert json.loads(out)["policies"][0]["total"]["requests"] == 120
    assert said in err


def test_files_that_are_cut_off_are_told(tidecast: Command, tmp_path: Path) -> None:
    parquet, packed = tmp_path / "cut.parquet", tmp_path / "cut.csv.gz"
    parquet.write_bytes(b"PAR1" + bytes(100))
    packed.write_bytes(gzip.compress((HEADING + minutes("a", *range(500))).encode())[:-200])
    for path in (parquet, packed, tmp_path / "absent.csv"):
        code, out, err = tidecast("backtest", path)
        assert (code, out) == (2, "")
        assert err.startswith(f"tidecast: {path}: ")


def test_as_a_process_on_real_traffic() -> None:
    args = ("--scenario", "heavy", "--scale-to", "40", "--policy", "kpa", "--policy", "oracle", "--json")
    command = [str(TIDECAST), "backtest", str(NASA), *args, "--score-from", "1995-07-08T00:00:00Z"]
    got = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    kpa, oracle = (each["total"] for each in json.loads(got.stdout)["policies"])
    assert got.stderr == ""
    assert 100 * kpa["delayed"] / kpa["requests"] == pytest.approx(3.13, abs=0.1)
    assert oracle["pod_s"] / kpa["pod_s"] == pytest.approx(0.85, abs=0.01)
    assert oracle["delayed"] == 0


def test_ctrl_c_leaves_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text(HEADING + "".join(minutes(f"s{k:04d}", *[60] * 120) for k in range(2000)))
    command = [str(TIDECAST), "backtest", str(path), "--policy", "kpa-tuned", "--json", "--jobs", "1"]
    for patience_s in (2.5, 5, 10, 20):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(patience_s)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        if out:
            break
    done = len(json.loads(out)["policies"][0]["series"])
    assert 0 < done < 2000
    assert err == f"tidecast: stopped: {done} of 2000 series are done\n"
