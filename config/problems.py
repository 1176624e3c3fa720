"""What is wrong with what a person gave, told so that it can be mended.

ConfigError  configuration or scenario; exit code 2.  Carries every fault found, not the first.
"""

import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_LONGEST_SHOWN = 80


class ConfigError(ValueError):
    """A configuration cannot be used.  `faults` has one line each, `key: value: what is allowed`."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def problem(key: str, value: str, allowed: str) -> str:
    """One line, `key: value: what is allowed`.  A password inside an address is not shown."""
    value = re.sub(r"(?<=://)[^/@\s]*@", "***@", value)
    if len(value) > _LONGEST_SHOWN:
        value = value[:_LONGEST_SHOWN] + "..."
    return f"{_shown(key)}: {_shown(value)}: {allowed}"


def unknown(key: str, value: str, known: Iterable[str], prefix: str = "") -> str:
    """The fault of `prefix` + `key`, which does not exist; names the nearest of `known`, prefix and all."""
    near = get_close_matches(key, list(known), n=1, cutoff=0.6)
    return problem(
        prefix + key, value, "unknown key" + (f"; did you mean {prefix}{near[0]}?" if near else "")
    )


def _shown(text: str) -> str:
    """A text on one line, in quotes where it would not be seen as it is."""
    return text if text and text == text.strip() and text.isprintable() else json.dumps(text)
