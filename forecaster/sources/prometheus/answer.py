"""From the bytes of an answer to series of numbers.

An answer of Prometheus is mostly samples, `[1700000000,"0.5"]`, and what a decoder costs is the many small
objects it makes of them.  So msgspec checks and cuts the answer into series and leaves each series' samples
as the bytes they are; what is not a digit is then removed from these bytes and numpy reads them as one row
of numbers.  That is a quarter of the memory and half the time of typed structs per sample.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from forecaster.sources.prometheus.errors import Malformed, shown

MAX_RATE = 1e9
"""No service has more requests a second or in flight: a larger figure is a query's or a counter's fault."""
_NOTHING = msgspec.Raw(b"[]")
_PUNCTUATION = b'[]" \n\r\t'


class Series(msgspec.Struct):
    """One series of an answer, its samples not read yet."""

    metric: dict[str, str]
    """Labels; empty for an aggregate over everything."""
    values: msgspec.Raw = _NOTHING
    """Samples of a range query."""
    value: msgspec.Raw = _NOTHING
    """The sample of an instant query."""

    def samples(self) -> NDArray[np.float64]:
        """(n, 2) Unix seconds and value; values may be NaN or infinite.  Raises Malformed."""
        text = bytes(self.values if len(bytes(self.value)) == len(bytes(_NOTHING)) else self.value)
        numbers = text.translate(None, _PUNCTUATION)
        if not numbers:
            return np.empty((0, 2))
        try:
            return np.fromstring(numbers, sep=",").reshape(-1, 2)
        except ValueError as e:
            raise Malformed(
                f"samples that are no numbers: {shown(text[:80].decode(errors='replace'))}"
            ) from e


class _Data(msgspec.Struct, rename="camel"):
    result: list[Series]


class _Envelope(msgspec.Struct, rename="camel"):
    status: str
    data: _Data | list[str] | None = None
    error_type: str = ""
    error: str = ""
    warnings: list[str] = []
    infos: list[str] = []


@dataclass(frozen=True)
class Answer:
    """What Prometheus said to one question."""

    series: Sequence[Series] = ()
    names: Sequence[str] | None = None
    """Label values, where these were asked for."""
    warnings: tuple[str, ...] = ()
    """What it said beside the data: that the answer is partial, that a query is doubtful."""


@dataclass(frozen=True)
class Complaint:
    """What Prometheus says of a question that it does not answer."""

    kind: str = ""
    """`errorType`: bad_data, execution, timeout ...; empty where it was not Prometheus that spoke."""
    message: str = ""


def read_answer(body: bytes) -> Answer:
    """The answer in `body`.  Raises Malformed where it is none."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except msgspec.MsgspecError as e:
        raise Malformed(_why_not(body)) from e
    said = (*envelope.warnings, *envelope.infos)
    if envelope.status != "success" or envelope.data is None:
        raise Malformed(f"status {envelope.status!r} in an answer: {shown(envelope.error)}")
    if isinstance(envelope.data, list):
        return Answer(names=envelope.data, warnings=said)
    return Answer(series=envelope.data.result, warnings=said)


def _why_not(body: bytes) -> str:
    try:
        kind = msgspec.json.decode(body)["data"]["resultType"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return f"not an answer of Prometheus: {shown(body[:80].decode(errors='replace'))}"
    return f"a {kind} where series were asked for"


def read_complaint(body: bytes) -> Complaint:
    """The error in `body`, which may have been written by a proxy in between."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except msgspec.MsgspecError:
        return Complaint(message=shown(body[:1024].decode(errors="replace")))
    return Complaint(kind=envelope.error_type, message=shown(envelope.error))


def lay(
    series: Sequence[Series], rows: Mapping[int, int], n_rows: int, *, first_s: int, step_s: int, n: int
) -> tuple[NDArray[np.float32], int]:
    """Sums series into the rows of a matrix, one column per evaluation time.

    Args:
        series: as a range query gave them.
        rows: from the place of a series to its row; series without a row are left out.  Several series of
            one row are added up.
        n_rows: rows of the matrix.
        first_s: Unix seconds of the first evaluation, column 0.
        step_s: seconds from one evaluation to the next.
        n: columns.

    Returns:
        (n_rows, n) float32, NaN where no usable sample was, and how many samples were infinite, negative or
        above MAX_RATE.  These count as not observed.  NaN is how Prometheus says the same.
    """
    out = np.full((n_rows, n), np.nan, np.float32)
    unusable = 0
    for place, one in enumerate(series):
        row = rows.get(place)
        if row is None:
            continue
        samples = one.samples()
        column = np.rint((samples[:, 0] - first_s) / step_s).astype(np.intp)
        values = samples[:, 1].copy()
        bad = (values > MAX_RATE) | (values < 0)
        unusable += int(bad.sum())
        values[bad] = np.nan
        inside = (column >= 0) & (column < n) & ~np.isnan(values)
        column, values = column[inside], values[inside]
        held = out[row, column]
        out[row, column] = np.where(np.isnan(held), 0, held) + values
    return out, unusable


def single(series: Sequence[Series]) -> float:
    """The one value of an instant query's answer; NaN where it is empty."""
    if not series:
        return math.nan
    samples = series[0].samples()
    return float(samples[-1, 1]) if samples.size else math.nan
