"""Read Settings from the data of the ConfigMap `config-tidecast`, or from a file with the same keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.document import read_document
from config.keys import ANNOTATED, KEYS
from config.policy import RevisionPolicy
from config.problems import ConfigError, problem, unknown_key
from config.settings import Actuation, Announcements, Settings, Timing
from config.sources import Sources

EXAMPLE = "_example"
"""Key of the block that documents all other keys, as in Knative's ConfigMaps.  Its value is not read."""

ANNOTATION_ONLY = "set it in the calendar, or as an annotation"

_MAX_STEPS = 100_000
"""Largest number of columns of a grid: a mistaken configuration must not need all memory.  Chosen by hand."""


def parse(data: Mapping[str, str]) -> Settings:
    """Return the settings of the data of a ConfigMap; a key that is absent has its default.

    Raises:
        ConfigError: a key is unknown, a value is not allowed, or values contradict each other.  Carries every
            problem.
    """
    values: dict[str, dict[str, Any]] = {
        "policy": {}, "sources": {}, "timing": {}, "actuation": {}, "announcements": {},
    }  # fmt: skip
    problems: list[str] = []
    for name, text in data.items():
        key = KEYS.get(name)
        if name == EXAMPLE:
            continue
        if key is None:
            is_annotation = name in ANNOTATED
            problems.append(
                problem(name, text, ANNOTATION_ONLY) if is_annotation else unknown_key(name, text, KEYS)
            )
            continue
        try:
            values[key.group][key.field] = key.kind.read(text.strip())
        except ConfigError as e:  # a value that has parts: the calendar
            problems += e.problems
        except ValueError:
            problems.append(problem(name, key.printable(text), key.kind.allowed))
    settings = Settings(
        policy=RevisionPolicy(**values["policy"]),
        sources=Sources(**values["sources"]),
        timing=Timing(**values["timing"]),
        actuation=Actuation(**values["actuation"]),
        announcements=Announcements(**values["announcements"]),
    )
    # An invalid value has its default in `settings`; a comparison with the default would be meaningless.
    invalid = {line.partition(":")[0] for line in problems}
    problems += [line for names, line in _contradictions(settings, data) if not invalid & set(names)]
    if problems:
        raise ConfigError(problems)
    return settings


def load(path: Path | str) -> Settings:
    """Return the settings of a file: the manifest of a ConfigMap or a bare mapping of keys, YAML or JSON.

    Raises:
        ConfigError: the file or a value in it is not valid.  Carries every problem.
    """
    data, problems = read_document(Path(path))
    try:
        settings = parse(data)
    except ConfigError as e:
        problems += e.problems
    if problems:
        raise ConfigError(problems)
    return settings


def _contradictions(settings: Settings, data: Mapping[str, str]) -> list[tuple[tuple[str, ...], str]]:
    """Return (keys, problem) of each group of values that contradict each other."""
    policy, sources, timing = settings.policy, settings.sources, settings.timing
    checks = [
        (
            policy.min is not None and policy.max is not None and policy.min > policy.max,
            ("min", "max"),
            f"at most max ({policy.max})",
        ),
        (
            timing.history_step_s % timing.step_s != 0,
            ("history-step", "step"),
            f"a multiple of step ({timing.step_s}s)",
        ),
        (timing.recent_s % timing.step_s != 0, ("recent", "step"), f"a multiple of step ({timing.step_s}s)"),
        (
            timing.recent_s > _MAX_STEPS * timing.step_s,
            ("recent", "step"),
            f"at most {_MAX_STEPS} steps of {timing.step_s}s",
        ),
        (
            timing.history_s % timing.history_step_s != 0,
            ("history", "history-step"),
            f"a multiple of history-step ({timing.history_step_s}s)",
        ),
        (
            timing.history_s > _MAX_STEPS * timing.history_step_s,
            ("history", "history-step"),
            f"at most {_MAX_STEPS} steps of {timing.history_step_s}s",
        ),
        (
            timing.history_s < timing.recent_s,
            ("history", "recent"),
            f"at least recent ({timing.recent_s}s)",
        ),
        *_source_checks(sources),
    ]
    return [
        (names, problem(names[0], data.get(names[0], "").strip(), allowed))
        for contradicts, names, allowed in checks
        if contradicts
    ]


def _source_checks(sources: Sources) -> list[tuple[bool, tuple[str, ...], str]]:
    """Return (whether the values contradict each other, keys, what is allowed for the first key)."""
    window, interval = sources.rate_window_s, sources.scrape_interval_s
    https = sources.prometheus_url.startswith("https:")
    certificates = (sources.prometheus_ca_file, sources.prometheus_client_cert_file)
    return [
        (
            bool(sources.prometheus_token_file and sources.prometheus_username),
            ("prometheus-token-file", "prometheus-username"),
            "empty if prometheus-username is set",
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
            any(certificates) and not https,
            ("prometheus-url", "prometheus-ca-file", "prometheus-client-cert-file"),
            "https:// if a CA or a client certificate is set",
        ),
        (
            sources.preset == "custom" and not sources.arrivals_query,
            ("arrivals-query", "preset"),
            "PromQL if preset is custom",
        ),
        (
            window is not None and interval is not None and window < 2 * interval,
            ("rate-window", "scrape-interval"),
            f"at least twice scrape-interval ({interval}s): rate() needs two samples",
        ),
    ]
