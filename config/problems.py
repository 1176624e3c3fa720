"""Report invalid input, with everything that a person needs to correct it.

ConfigError  a configuration or scenario is invalid; exit code 2.  Carries every problem, not only the first.
"""

import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_MAX_VALUE_LENGTH = 80
"""Characters of a value that a message repeats."""


class ConfigError(ValueError):
    """A configuration is not valid.  `problems` has one line per problem: `key: value: what is allowed`."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def problem(key: str, value: str, allowed: str) -> str:
    """Return one line, `key: value: what is allowed`.  A password inside an address is replaced by `***`."""
    value = re.sub(r"(?<=://)[^/@\s]*@", "***@", value)
    if len(value) > _MAX_VALUE_LENGTH:
        value = value[:_MAX_VALUE_LENGTH] + "..."
    return f"{_quoted(key)}: {_quoted(value)}: {allowed}"


def unknown_key(key: str, value: str, known: Iterable[str], prefix: str = "") -> str:
    """Return the line for a key `prefix` + `key` that does not exist; it suggests the closest of `known`.

    prefix   precedes the key and the suggested key
    """
    closest = get_close_matches(key, list(known), n=1, cutoff=0.6)
    return problem(
        prefix + key, value, "unknown key" + (f"; did you mean {prefix}{closest[0]}?" if closest else "")
    )


def _quoted(text: str) -> str:
    """Return a text on one line, in quotes if it is empty or has invisible characters."""
    return text if text and text == text.strip() and text.isprintable() else json.dumps(text)
