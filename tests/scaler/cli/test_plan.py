"""`tidecast plan` and `explain` as processes, from a file and without a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TIDECAST = Path(sys.executable).with_name("tidecast")
NASA = Path(__file__).resolve().parents[2] / "data" / "nasa_http_60s.csv.gz"
BEFORE_LAUNCH = "1995-07-13T13:30:00Z"


def tidecast(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TIDECAST, *map(str, args)], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_plan_from_a_file_is_data_on_stdout_and_nothing_else() -> None:
    got = tidecast("plan", "--export", NASA, "--scenario", "sparse", "--at", BEFORE_LAUNCH, "--json")
    assert (got.returncode, got.stderr) == (0, "")
    (row,) = json.loads(got.stdout)
    assert row["series"] == "nasa_jul95"
    assert row["floor"] == row["wanted"] >= 3
    assert row["why"] == "forecast"
    assert 0 < row["median_rps"] < row["high_rps"]
    assert row["at"] == 805642200


def test_a_plan_knows_nothing_of_what_comes_after_it(tmp_path: Path) -> None:
    """The same file cut half a minute before: the same bytes."""
    import gzip

    at_s = 805642200
    with gzip.open(NASA, "rt") as file:
        head, *rows = file.readlines()
    cut = tmp_path / "cut.csv"
    cut.write_text(head + "".join(row for row in rows if int(row.split(",")[0]) <= at_s - 30 - 60))
    whole, half = (
        tidecast("plan", "--export", path, "--scenario", "sparse", "--at", at_s, "--json")
        for path in (NASA, cut)
    )
    assert whole.stdout == half.stdout != ""


def test_a_dearer_request_asks_for_more() -> None:
    common = ("plan", "--export", NASA, "--scenario", "sparse", "--at", BEFORE_LAUNCH, "--json")
    cheap, dear = (json.loads(tidecast(*common, "--delay-cost", c).stdout)[0]["floor"] for c in (3, 300))
    assert cheap < dear


def test_an_event_is_planned_for_that_the_scenario_announces_or_else_the_configuration(
    tmp_path: Path,
) -> None:
    event = "{name: e, services: [%s], from: 1995-07-13T13:00Z, until: 1995-07-13T14:00Z, times: 200}"
    world, config = tmp_path / "world.yaml", tmp_path / "config.yaml"
    world.write_text(f"calendar:\n  events:\n    - {event % 'nasa_*'}\n")
    common = ("plan", "--export", NASA, "--scenario", world, "--at", BEFORE_LAUNCH, "--json")
    (row,) = json.loads(tidecast(*common).stdout)
    assert row["why"] == "announced event"
    config.write_text(f"calendar: |\n  events:\n    - {event % 'shop/*'}\n")
    (same,) = json.loads(tidecast(*common, "--config", config).stdout)
    assert same == row
    bare = tuple("web" if each == world else each for each in common)
    (other,) = json.loads(tidecast(*bare, "--config", config).stdout)
    assert other["floor"] < row["floor"]
    config.write_text(f"calendar: |\n  events:\n    - {event % 'nasa_*'}\n")
    (told,) = json.loads(tidecast(*bare, "--config", config).stdout)
    assert told["why"] == "announced event"


def test_explain_tells_the_numbers_behind_a_floor() -> None:
    common = ("explain", "nasa_jul95", "--export", NASA, "--scenario", "sparse", "--at", BEFORE_LAUNCH)
    page = tidecast(*common)
    assert page.returncode == 0
    assert "nasa_jul95: floor" in page.stdout
    assert "statsmodels" in page.stdout
    (told,) = json.loads(tidecast(*common, "-o", "json").stdout)
    assert told["has_evidence"]
    assert [each["candidate"] for each in told["shadow"] if each["in_force"]] == [told["in_force"]]
    (alone,) = (each for each in told["shadow"] if each["candidate"] == "no floor")
    assert (alone["pods"], alone["starts"]) == (1, 1)
    assert told["quantiles"] == sorted(told["quantiles"])
    saves = {choice["pods"]: choice["saves"] for choice in told["choices"]}
    wanted = told["plan"]["wanted"]
    assert saves[wanted] <= 1 < saves[wanted - 1]
    assert told["second_opinion"]["daily"] > 0.5


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        pytest.param(("plan", "--export", "/nonexistent.csv"), 2, "no such file", id="no file"),
        pytest.param(
            ("plan", "--export", NASA, "--scenario", "nope"), 2, "heavy, web, sparse", id="scenario"
        ),
        pytest.param(("plan", "--export", NASA, "--at", "soon"), 2, "'soon' is not a time", id="no time"),
        pytest.param(("plan", "--export", NASA, "--at", "5"), 2, "at least 3600 s", id="before the data"),
        pytest.param(("plan", "--export", NASA, "--series", "x*"), 2, "fits none of the 1", id="no series"),
        pytest.param(("plan", "--at", "5"), 2, "--at needs --export", id="a time without a file"),
        pytest.param(("plan", "--delay-cost", "0", "--export", NASA), 2, "--delay-cost", id="worth nothing"),
        pytest.param(("plan", "--config", "/nonexistent.yaml"), 2, "No such file", id="no configuration"),
        pytest.param(("plan", "--kubeconfig", "/nonexistent"), 4, "no Kubernetes API", id="no kubeconfig"),
        pytest.param(("explain", "x/y", "--export", NASA), 2, "fits none", id="nothing to explain"),
    ],
)
def test_what_is_wrong_is_one_clear_line(args: tuple[object, ...], code: int, said: str) -> None:
    got = tidecast(*args)
    assert got.returncode == code
    assert got.stdout == ""
    assert said in got.stderr
    assert "Traceback" not in got.stderr


def test_a_cluster_that_does_not_answer_is_told_at_once(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )
    got = tidecast("plan", "--kubeconfig", kubeconfig)
    assert got.returncode == 4
    assert "Connection refused" in got.stderr
    assert len(got.stderr.splitlines()) == 1
