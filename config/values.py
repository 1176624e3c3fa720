"""How values are written: each kind reads a text and says what it allows.

A kind is a value itself, so that the range which is checked and the range which is told are one.
`read` raises ValueError on a text outside it.
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
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a header's name, RFC 9110 section 5.6.2


class Kind(Protocol):
    """A way of writing a value."""

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""

    def read(self, text: str) -> Any:
        """The value that `text` says; ValueError where it is not allowed."""


def _range(minimum: float | None, maximum: float | None, *, above: bool = False) -> str:
    """`least` and `most` in words, with a space before; empty where there is neither."""
    low = [] if minimum is None else [f"{'>' if above else '>='} {minimum:g}"]
    high = [] if maximum is None else [f"<= {maximum:g}"]
    return "".join([" " if low or high else "", " and ".join(low + high)])


@dataclass(frozen=True)
class Real:
    """A number with a range; `above`: the least itself is not allowed; `also`: one number outside is."""

    minimum: float | None = None
    maximum: float | None = None
    above: bool = False
    also: float | None = None

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        also = "" if self.also is None else f", or {self.also:g}"
        return "a number" + _range(self.minimum, self.maximum, above=self.above) + also

    def read(self, text: str) -> float:
        """The number that `text` says."""
        if not _NUMBER.fullmatch(text):
            raise ValueError(self.allowed)
        value = float(text)
        if value == self.also:
            return value
        low = self.minimum is not None and (value <= self.minimum if self.above else value < self.minimum)
        # 1e999 is a number by its letters and infinite by its value.
        if low or value > (self.maximum if self.maximum is not None else 1e300):
            raise ValueError(self.allowed)
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number with a range."""

    minimum: int
    maximum: int = 1_000_000_000

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        high = f" and <= {self.maximum}" if self.maximum < 1_000_000_000 else ""
        return f"a whole number >= {self.minimum}{high}"

    def read(self, text: str) -> int:
        """The number that `text` says."""
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not self.minimum <= int(text) <= self.maximum:
            raise ValueError(self.allowed)
        return int(text)


@dataclass(frozen=True)
class Duration:
    """Whole seconds in Go's form, `30s`, `2m`, `1m30s`; `28d` is allowed beside it."""

    minimum: str
    maximum: str

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        return f"a duration in whole seconds such as 30s, 2m, 1m30s or 28d, from {self.minimum} to {self.maximum}"

    def read(self, text: str) -> int:
        """Seconds."""
        seconds = duration_s(text)
        if not duration_s(self.minimum) <= seconds <= duration_s(self.maximum) or seconds % 1:
            raise ValueError(self.allowed)
        return int(seconds)


def duration_s(text: str) -> float:
    """Seconds of a duration in Go's form, from d (24 h) to ms; ValueError where it is none."""
    if text == "0":
        return 0.0
    if not re.fullmatch(rf"(?:{_PART})+", text, re.ASCII) or len(text) > 40:
        raise ValueError("a duration such as 30s, 2m, 1m30s or 28d")
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in re.findall(_PART, text))
    return round(seconds, 3)


@dataclass(frozen=True)
class Choice:
    """One of some words.  `aliases`: other ways to write one of them, not told."""

    words: tuple[str, ...]
    as_type: type[StrEnum] | type[str] = str
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        return "one of " + ", ".join(self.words)

    def read(self, text: str) -> str:
        """The word, as a member of `as_type`."""
        word = dict(self.aliases).get(text, text)
        if word not in self.words:
            raise ValueError(self.allowed)
        return self.as_type(word)


@dataclass(frozen=True)
class Subset:
    """Some of the words of an enum, separated by commas; at least one."""

    words: type[StrEnum]

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        return "one or more of " + ",".join(self.words)

    def read(self, text: str) -> frozenset[StrEnum]:
        """The members."""
        words = [word.strip() for word in text.split(",")]
        if not set(words) <= set(self.words):
            raise ValueError(self.allowed)
        return frozenset(self.words(word) for word in words)


@dataclass(frozen=True)
class Globs:
    """Names or globs of names, separated by commas."""

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        return "names or globs of namespaces separated by commas, such as shop,team-*"

    def read(self, text: str) -> tuple[str, ...]:
        """The globs, in their order."""
        globs = tuple(glob.strip() for glob in text.split(","))
        if not all(re.fullmatch(r"[a-z0-9*?\[\]!-]+", glob) for glob in globs):
            raise ValueError(self.allowed)
        for glob in globs:
            re.compile(translate(glob))
        return globs


@dataclass(frozen=True)
class Headers:
    """Lines `Name: value`."""

    allowed: str = "lines of the form Name: value, each name once"

    def read(self, text: str) -> Mapping[str, str]:
        """Name -> value."""
        headers: dict[str, str] = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            name, colon, value = line.partition(":")
            value = value.strip()
            again = name.lower() in {known.lower() for known in headers}
            if not colon or not _TOKEN.fullmatch(name) or not value or not value.isprintable() or again:
                raise ValueError(self.allowed)
            headers[name] = value
        return headers


@dataclass(frozen=True)
class Address:
    """An address without credentials, query or fragment."""

    schemes: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        forms = " or ".join(f"{scheme}://HOST[:PORT][/PATH]" for scheme in self.schemes)
        return f"an address {forms}, without user and password"

    def read(self, text: str) -> str:
        """The address without a slash at its end."""
        try:
            parts = urlsplit(text)
            fine = parts.scheme in self.schemes and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            raise ValueError(self.allowed) from None
        if not fine or "@" in parts.netloc or parts.query or parts.fragment or re.search(r"\s", text):
            raise ValueError(self.allowed)
        return text.rstrip("/")


@dataclass(frozen=True)
class Text:
    """Any text of one or more lines."""

    allowed: str = "a text"

    def read(self, text: str) -> str:
        """The text without space around it."""
        return text.strip()


@dataclass(frozen=True)
class Optional:
    """Another kind, or nothing: an empty text gives `empty`."""

    kind: Kind
    empty: Any = None

    @property
    def allowed(self) -> str:
        """What is allowed, for a person."""
        return f"{self.kind.allowed}; or empty"

    def read(self, text: str) -> Any:
        """The value of the other kind, or `empty`."""
        return self.kind.read(text) if text else self.empty
