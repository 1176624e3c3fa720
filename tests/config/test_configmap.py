"""The ConfigMap: values it sets, and problems of values that are not valid."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.configmap import load, parse
from config.keys import KEYS
from config.policy import Lever, Mode
from config.problems import ConfigError
from config.settings import Settings

SHIPPED = Path(__file__).parents[2] / "deploy" / "config-tidecast.yaml"


def problems_of(data: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(data)
    return caught.value.problems


def test_shipped_configmap_equals_defaults() -> None:
    assert load(SHIPPED) == Settings()


def test_shipped_example_shows_every_key_with_default() -> None:
    example = yaml.safe_load(SHIPPED.read_text())["data"]["_example"]
    values = yaml.safe_load(example)
    assert parse(values) == Settings()
    assert values.keys() == KEYS.keys()


def test_every_key_sets_separate_field() -> None:
    settings = Settings()
    fields = {(key.group, key.field) for key in KEYS.values()}
    assert len(fields) == len(KEYS)
    assert all(hasattr(getattr(settings, group), field) for group, field in fields)


def test_every_annotation_sets_field_of_policy() -> None:
    annotated = [key.name.replace("-", "_") for key in KEYS.values() if key.targets]
    assert all(hasattr(Settings().policy, field) for field in annotated)


def test_value_of_each_kind_is_read() -> None:
    settings = parse(
        {
            "mode": "act",
            "delay-cost": "2.5e1",
            "max-delayed": "0.5",
            "levers": "floor, window",
            "max": "20",
            "namespaces": "shop, team-*",
            "prometheus-headers": "X-Scope-OrgID: a b\nX-Two: 2\n",
            "history": "14d",
            "hold": "1m30s",
            "autoscaler-url": "",
        }
    )
    assert (settings.policy.mode, settings.policy.delay_cost) == (Mode.ACT, 25.0)
    assert (settings.policy.max_delayed, settings.policy.max) == (0.5, 20)
    assert settings.policy.levers == {Lever.FLOOR, Lever.WINDOW}
    assert settings.actuation.namespaces == ("shop", "team-*")
    assert settings.actuation.autoscaler_url == ""
    assert settings.sources.prometheus_headers == {"X-Scope-OrgID": "a b", "X-Two": "2"}
    assert (settings.timing.history_s, settings.timing.hold_s) == (14 * 86_400, 90)


def test_all_problems_are_reported_together() -> None:
    assert problems_of({"mode": "acting", "delay-cost": "0", "hold": "90", "dely-cost": "3", "max": "0"}) == (
        "mode: acting: one of observe, act, off",
        "delay-cost: 0: a number > 0",
        "hold: 90: a duration in whole seconds such as 30s, 2m, 1m30s or 28d, from 0s to 1h",
        "dely-cost: 3: unknown key; did you mean delay-cost?",
        "max: 0: a whole number >= 1; or empty",
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("delay-cost", "nan", id="not a number"),
        pytest.param("delay-cost", "inf", id="infinite"),
        pytest.param("delay-cost", "1e999", id="infinite by its size"),
        pytest.param("delay-cost", "1_000", id="digits as Python writes them"),
        pytest.param("delay-cost", "", id="empty where a number is needed"),
        pytest.param("wait-cost", "-1", id="negative cost"),
        pytest.param("guard", "101", id="more than all requests"),
        pytest.param("min", "1.5", id="half a pod"),
        pytest.param("min", "٣", id="digit of another script"),
        pytest.param("hold", "-30s", id="negative duration"),
        pytest.param("hold", "1s500ms", id="part of a second"),
        pytest.param("hold", "2 m", id="space in a duration"),
        pytest.param("planning-period", "0s", id="no time between plans"),
        pytest.param("history", "9000d", id="longer than is kept"),
        pytest.param("recent", "59m", id="fine grid under an hour"),
        pytest.param("levers", "floor,,window", id="empty item between commas"),
        pytest.param("levers", "", id="no lever"),
        pytest.param("namespaces", "Shop", id="no name of a namespace"),
        pytest.param("prometheus-url", "prometheus:9090", id="address without scheme"),
        pytest.param("prometheus-url", "http://:9090", id="address without host"),
        pytest.param("prometheus-url", "http://p:99999", id="port out of range"),
        pytest.param("autoscaler-url", "http://autoscaler:8080", id="scheme of another protocol"),
        pytest.param("prometheus-headers", "no colon", id="header without a value"),
        pytest.param("prometheus-headers", "A: 1\na: 2", id="header twice"),
        pytest.param("preset", "otel-2", id="preset that does not exist"),
    ],
)
def test_value_outside_range_is_one_problem(key: str, value: str) -> None:
    (problem,) = problems_of({key: value})
    assert problem.startswith(f"{key}: ")
    assert problem.endswith(f": {KEYS[key].kind.allowed}")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"min": "5", "max": "3"}, "min: 5: at most max (3)"),
        ({"step": "40s"}, 'history-step: "": a multiple of step (40s)'),
        ({"history-step": "45s"}, "history-step: 45s: a multiple of step (30s)"),
        ({"history": "1d", "recent": "2d"}, "history: 1d: at least recent (172800s)"),
        ({"preset": "custom"}, 'arrivals-query: "": PromQL if preset is custom'),
        (
            {"scrape-interval": "1m", "rate-window": "1m"},
            "rate-window: 1m: at least twice scrape-interval (60s): rate() needs two samples",
        ),
        (
            {"prometheus-client-cert-file": "/c", "prometheus-url": "https://p"},
            "prometheus-client-cert-file: /c: set together with prometheus-client-key-file",
        ),
        (
            {"prometheus-ca-file": "/ca"},
            'prometheus-url: "": https:// if a CA or a client certificate is set',
        ),
    ],
)
def test_values_that_contradict_each_other_are_reported(data: dict[str, str], problem: str) -> None:
    assert problem in problems_of(data)


def test_token_together_with_username_is_reported() -> None:
    data = {"prometheus-token-file": "/t", "prometheus-username": "u", "prometheus-password-file": "/p"}
    assert problems_of(data) == ("prometheus-token-file: /t: empty if prometheus-username is set",)


def test_invalid_value_is_not_compared_with_other_values() -> None:
    assert len(problems_of({"min": "many", "max": "3"})) == 1


def test_problem_does_not_contain_credentials() -> None:
    text = "\n".join(
        problems_of(
            {
                "prometheus-url": "http://user:hunter2@p",
                "prometheus-headers": "Authorization Bearer hunter3",
            }
        )
    )
    assert "hunter" not in text
    assert "prometheus-url: http://***@p: " in text


@pytest.mark.parametrize("written", ["off", '"off"', "false", "No"])
def test_mode_off_without_quotes_is_off(tmp_path: Path, written: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"mode: {written}\n")
    assert load(file).policy.mode is Mode.OFF


def test_number_without_quotes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("delay-cost: 10\nguard: 0.5\nmin: 010\nmax-delayed:\n")
    settings = load(file)
    assert (settings.policy.delay_cost, settings.actuation.guard) == (10.0, 0.5)
    assert (settings.policy.min, settings.policy.max_delayed) == (10, None)


def test_json_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"kind": "ConfigMap", "data": {"mode": "act"}}')
    assert load(file).policy.mode is Mode.ACT


@pytest.mark.parametrize("text", ["{}", "kind: ConfigMap\n", "kind: ConfigMap\ndata:\n"])
def test_file_without_keys_equals_defaults(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    assert load(file) == Settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "FILE: empty: a ConfigMap manifest or a mapping of keys to values", id="empty"),
        pytest.param(
            "- a\n", "FILE: no mapping: a ConfigMap manifest or a mapping of keys to values", id="list"
        ),
        pytest.param(
            "a: 1\n---\nb: 2\n",
            "FILE: 2 documents: a ConfigMap manifest or a mapping of keys to values",
            id="two documents",
        ),
        pytest.param("kind: Secret\ndata: {}\n", "kind: Secret: ConfigMap", id="another kind"),
        pytest.param("mode: act\nmode: off\n", "mode: false: each key once", id="key twice"),
        pytest.param("levers: [floor]\n", "levers: a list: one text", id="list as a value"),
        pytest.param("min: {a: 1}\n", "min: a mapping: one text", id="mapping as a value"),
        pytest.param("a: 'b\n", "FILE: line 2, column 1: ", id="broken YAML"),
        pytest.param("a: \x01\n", "FILE: ", id="control character"),
        pytest.param("data: [1]\nkind: ConfigMap\n", "data: a list: ", id="data is a list"),
    ],
)
def test_file_that_is_no_configuration_is_reported(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert any(line.startswith(problem.replace("FILE", str(file))) for line in caught.value.problems)
    assert all("\n" not in line for line in caught.value.problems)


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml")
    assert caught.value.problems == (
        f"{tmp_path / 'none.yaml'}: No such file or directory: a file that can be read",
    )


def test_problems_of_form_and_of_values_are_reported_together(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("mode: maybe\nlevers: [floor]\nguard: 1\nguard: 200\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [line.split(":")[0] for line in caught.value.problems] == ["guard", "levers", "mode", "guard"]


@given(st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=8), st.text(max_size=30)))
def test_any_text_gives_settings_or_one_line_problems(data: dict[str, str]) -> None:
    problems: tuple[str, ...] = ()
    try:
        parse(data)
    except ConfigError as e:
        problems = e.problems or ("no problem",)
    assert all(len(line.splitlines()) == 1 and line.count(": ") >= 2 for line in problems)
