"""Define how values are written: each kind of value parses a text and states what it allows.

A kind is itself a value, so the range that is checked and the range that a message states are the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from typing import Any, Protocol
from urllib.parse import urlsplit

_UNIT_S = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = r"(\d+(?:\.\d+)?)(ms|[dhms])"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # the name of a header, RFC 9110 section 5.6.2
_MAX_NUMBER = 1e300
"""Largest number where a kind has no maximum: a text such as 1e999 is a number, but its value is infinite."""
_MAX_WHOLE = 1_000_000_000
"""Largest whole number where a kind has no maximum."""


class ValueKind(Protocol):
    """A kind of value: how it is written and which values are allowed."""

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""

    def read(self, text: str) -> Any:
        """Return the value that a text denotes.

        Raises:
            ValueError: the text is not allowed.
        """


def _range(minimum: float | None, maximum: float | None, *, exclusive: bool = False) -> str:
    """Return a range as text that begins with a space; empty without minimum and maximum."""
    low = [] if minimum is None else [f"{'>' if exclusive else '>='} {minimum:g}"]
    high = [] if maximum is None else [f"<= {maximum:g}"]
    return "".join([" " if low or high else "", " and ".join(low + high)])


@dataclass(frozen=True)
class Real:
    """A number in a range.

    minimum, maximum   None: no bound on that side
    exclusive          True: the minimum itself is not allowed
    special            one more number that is allowed, outside the range; None: there is none
    """

    minimum: float | None = None
    maximum: float | None = None
    exclusive: bool = False
    special: float | None = None

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        special = "" if self.special is None else f", or {self.special:g}"
        return "a number" + _range(self.minimum, self.maximum, exclusive=self.exclusive) + special

    def read(self, text: str) -> float:
        """Return the number that a text denotes.

        >>> Real(0, 100).read("2.5e1")
        25.0
        >>> Real(0, 100).read("101")
        Traceback (most recent call last):
        ValueError: a number >= 0 and <= 100

        Raises:
            ValueError: the text is not a finite decimal number, or the number is not allowed.
        """
        if not _NUMBER.fullmatch(text):
            raise ValueError(self.allowed)
        value = float(text)
        if value == self.special:
            return value
        low = self.minimum is not None and (value <= self.minimum if self.exclusive else value < self.minimum)
        if low or value > (self.maximum if self.maximum is not None else _MAX_NUMBER):
            raise ValueError(self.allowed)
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number from `minimum` to `maximum`."""

    minimum: int
    maximum: int = _MAX_WHOLE

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        high = f" and <= {self.maximum}" if self.maximum < _MAX_WHOLE else ""
        return f"a whole number >= {self.minimum}{high}"

    def read(self, text: str) -> int:
        """Return the number that a text denotes.

        Raises:
            ValueError: the text is not a whole number, or the number is not allowed.
        """
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not self.minimum <= int(text) <= self.maximum:
            raise ValueError(self.allowed)
        return int(text)


@dataclass(frozen=True)
class Duration:
    """Whole seconds as Go writes durations: `30s`, `2m`, `1m30s`; days such as `28d` are also allowed.

    minimum, maximum   durations in the same form
    """

    minimum: str
    maximum: str

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        examples = "30s, 2m, 1m30s or 28d"
        return f"a duration in whole seconds such as {examples}, from {self.minimum} to {self.maximum}"

    def read(self, text: str) -> int:
        """Return a duration in seconds.

        Raises:
            ValueError: the text is not a duration in whole seconds, or the duration is not allowed.
        """
        seconds = duration_s(text)
        if not duration_s(self.minimum) <= seconds <= duration_s(self.maximum) or seconds % 1:
            raise ValueError(self.allowed)
        return int(seconds)


def duration_s(text: str) -> float:
    """Return the seconds of a duration as Go writes it, with the units d (24 h), h, m, s and ms.

    >>> duration_s("1m30s")
    90.0
    >>> duration_s("28d")
    2419200.0
    >>> duration_s("1.5h500ms")
    5400.5

    Raises:
        ValueError: the text is not a duration.  Only a plain 0 needs no unit.
    """
    if text == "0":
        return 0.0
    if not re.fullmatch(rf"(?:{_PART})+", text, re.ASCII) or len(text) > 40:
        raise ValueError("a duration such as 30s, 2m, 1m30s or 28d")
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in re.findall(_PART, text))
    return round(seconds, 3)


@dataclass(frozen=True)
class Choice:
    """One of several words.

    words     the allowed words
    as_type   the type of the value
    aliases   (alias, word): other ways to write a word, which messages do not mention
    """

    words: tuple[str, ...]
    as_type: type[StrEnum] | type[str] = str
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        return "one of " + ", ".join(self.words)

    def read(self, text: str) -> str:
        """Return the word as a value of `as_type`.

        Raises:
            ValueError: the text is none of the words and no alias.
        """
        word = dict(self.aliases).get(text, text)
        if word not in self.words:
            raise ValueError(self.allowed)
        return self.as_type(word)


@dataclass(frozen=True)
class Subset:
    """One or more members of an enum, separated by commas."""

    words: type[StrEnum]

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        return "one or more of " + ",".join(self.words)

    def read(self, text: str) -> frozenset[StrEnum]:
        """Return the members.

        Raises:
            ValueError: a part of the text is not a member.
        """
        words = [word.strip() for word in text.split(",")]
        if not set(words) <= set(self.words):
            raise ValueError(self.allowed)
        return frozenset(self.words(word) for word in words)


@dataclass(frozen=True)
class Globs:
    """Names or globs of namespaces, separated by commas."""

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        return "names or globs of namespaces separated by commas, such as shop,team-*"

    def read(self, text: str) -> tuple[str, ...]:
        """Return the globs in the order in which they are written.

        Raises:
            ValueError: a part of the text cannot match the name of a namespace.
        """
        globs = tuple(glob.strip() for glob in text.split(","))
        if not all(re.fullmatch(r"[a-z0-9*?\[\]!-]+", glob) for glob in globs):
            raise ValueError(self.allowed)
        for glob in globs:
            re.compile(translate(glob))
        return globs


@dataclass(frozen=True)
class Headers:
    """HTTP headers, one line `Name: value` for each."""

    allowed: str = "lines of the form Name: value, each name once"

    def read(self, text: str) -> Mapping[str, str]:
        """Return name -> value.

        Raises:
            ValueError: a line is not a header, or two lines have the same name.
        """
        headers: dict[str, str] = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            name, colon, value = line.partition(":")
            value = value.strip()
            repeated = name.lower() in {known.lower() for known in headers}
            if not colon or not _TOKEN.fullmatch(name) or not value or not value.isprintable() or repeated:
                raise ValueError(self.allowed)
            headers[name] = value
        return headers


@dataclass(frozen=True)
class Address:
    """An address with one of `schemes`, without credentials, query and fragment."""

    schemes: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        forms = " or ".join(f"{scheme}://HOST[:PORT][/PATH]" for scheme in self.schemes)
        return f"an address {forms}, without user and password"

    def read(self, text: str) -> str:
        """Return the address without a slash at its end.

        Raises:
            ValueError: the text is not such an address.
        """
        try:
            parts = urlsplit(text)
            valid = parts.scheme in self.schemes and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            raise ValueError(self.allowed) from None
        if not valid or "@" in parts.netloc or parts.query or parts.fragment or re.search(r"\s", text):
            raise ValueError(self.allowed)
        return text.rstrip("/")


@dataclass(frozen=True)
class Text:
    """Any text of one or more lines; `allowed` states its meaning."""

    allowed: str = "a text"

    def read(self, text: str) -> str:
        """Return the text without white space around it."""
        return text.strip()


@dataclass(frozen=True)
class Optional:
    """A value of another kind, or nothing: an empty text denotes the value `empty`."""

    kind: ValueKind
    empty: Any = None

    @property
    def allowed(self) -> str:
        """What is allowed, as text for a person."""
        return f"{self.kind.allowed}; or empty"

    def read(self, text: str) -> Any:
        """Return `empty` for an empty text, else the value of the other kind.

        Raises:
            ValueError: the other kind does not allow the text.
        """
        return self.kind.read(text) if text else self.empty
