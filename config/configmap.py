"""From the data of the ConfigMap `config-tidecast`, or a file of the same keys, to Settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.document import read_document
from config.keys import ANNOTATED, KEYS
from config.policy import RevisionPolicy
from config.problems import ConfigError, problem, unknown
from config.settings import Acting, Ahead, Settings, Timing
from config.sources import Sources

EXAMPLE = "_example"
"""Key of the block that documents all others, as in Knative's ConfigMaps.  It is not read."""

ANNOTATED_ONLY = "to be written in the calendar, or as an annotation"

_MAX_STEPS = 100_000


def parse(data: Mapping[str, str]) -> Settings:
    """The settings that `data` says, defaults where it says nothing.

    Raises ConfigError with every fault: values, unknown keys, and values that do not fit each other.
    """
    read: dict[str, dict[str, Any]] = {"policy": {}, "sources": {}, "timing": {}, "acting": {}, "ahead": {}}
    problems: list[str] = []
    for name, text in data.items():
        key = KEYS.get(name)
        if name == EXAMPLE:
            continue
        if key is None:
            only = name in ANNOTATED
            problems.append(problem(name, text, ANNOTATED_ONLY) if only else unknown(name, text, KEYS))
            continue
        try:
            read[key.group][key.field] = key.kind.read(text.strip())
        except ConfigError as e:  # of a value with parts
            problems += e.problems
        except ValueError:
            problems.append(problem(name, key.shown(text), key.kind.allowed))
    settings = Settings(
        policy=RevisionPolicy(**read["policy"]),
        sources=Sources(**read["sources"]),
        timing=Timing(**read["timing"]),
        acting=Acting(**read["acting"]),
        ahead=Ahead(**read["ahead"]),
    )
    # A value with a fault of its own has its default here, against which nothing is to be told.
    bad = {line.partition(":")[0] for line in problems}
    problems += [line for names, line in _misfits(settings, data) if not bad & set(names)]
    if problems:
        raise ConfigError(problems)
    return settings


def load(path: Path | str) -> Settings:
    """The settings of a file: a ConfigMap manifest or a bare mapping of keys, YAML or JSON.

    Raises ConfigError with every fault, of the file as of the values.
    """
    data, problems = read_document(Path(path))
    try:
        settings = parse(data)
    except ConfigError as e:
        problems += e.problems
    if problems:
        raise ConfigError(problems)
    return settings


def _misfits(settings: Settings, data: Mapping[str, str]) -> list[tuple[tuple[str, ...], str]]:
    """(keys, fault) of every pair of values that do not fit each other."""
    policy, sources, timing = settings.policy, settings.sources, settings.timing
    checks = [
        (
            policy.min is not None and policy.max is not None and policy.min > policy.max,
            ("min", "max"),
            f"at most max, {policy.max}",
        ),
        (
            timing.history_step_s % timing.step_s != 0,
            ("history-step", "step"),
            f"a multiple of step, {timing.step_s}s",
        ),
        (timing.recent_s % timing.step_s != 0, ("recent", "step"), f"a multiple of step, {timing.step_s}s"),
        (
            timing.recent_s > _MAX_STEPS * timing.step_s,
            ("recent", "step"),
            f"at most {_MAX_STEPS} steps of {timing.step_s}s",
        ),
        (
            timing.history_s % timing.history_step_s != 0,
            ("history", "history-step"),
            f"a multiple of history-step, {timing.history_step_s}s",
        ),
        (
            timing.history_s > _MAX_STEPS * timing.history_step_s,
            ("history", "history-step"),
            f"at most {_MAX_STEPS} steps of {timing.history_step_s}s",
        ),
        (timing.history_s < timing.recent_s, ("history", "recent"), f"at least recent, {timing.recent_s}s"),
        *_source_checks(sources),
    ]
    return [(names, _misfit(names[0], data, allowed)) for wrong, names, allowed in checks if wrong]


def _source_checks(sources: Sources) -> list[tuple[bool, tuple[str, ...], str]]:
    window, interval = sources.rate_window_s, sources.scrape_interval_s
    secure = sources.prometheus_url.startswith("https:")
    tls = (sources.prometheus_ca_file, sources.prometheus_client_cert_file)
    return [
        (
            bool(sources.prometheus_token_file and sources.prometheus_username),
            ("prometheus-token-file", "prometheus-username"),
            "empty where prometheus-username is set",
        ),
        (
            bool(sources.prometheus_username) != bool(sources.prometheus_password_file),
            ("prometheus-username", "prometheus-password-file"),
            "set together with prometheus-password-file",
        ),
        (
            bool(sources.prometheus_client_cert_file) != bool(sources.prometheus_client_key_file),
            ("prometheus-client-cert-file", "prometheus-client-key-file"),
            "set together with prometheus-client-key-file",
        ),
        (
            any(tls) and not secure,
            ("prometheus-url", "prometheus-ca-file", "prometheus-client-cert-file"),
            "https:// where a CA or client certificate is set",
        ),
        (
            sources.preset == "custom" and not sources.arrivals_query,
            ("arrivals-query", "preset"),
            "PromQL, where preset is custom",
        ),
        (
            window is not None and interval is not None and window < 2 * interval,
            ("rate-window", "scrape-interval"),
            f"at least twice scrape-interval, {interval}s: rate() needs two samples",
        ),
    ]


def _misfit(name: str, data: Mapping[str, str], allowed: str) -> str:
    return problem(name, data.get(name, "").strip(), allowed)
