"""Query one Prometheus, through prometheus-api-client."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType

from config.sources import Sources
from forecaster.sources.prometheus.answer import Answer
from forecaster.sources.prometheus.session import RETRY, Session, split_user

MAX_POINTS = 11_000
"""Largest number of evaluations of a range query that Prometheus accepts (web/api/v1, `query_range`)."""


class Client:
    """The client of one Prometheus; every query raises a ReadError if it fails."""

    def __init__(self, sources: Sources) -> None:
        # Imported here: it loads requests and a parser of dates, which `--help` does not need.
        from prometheus_api_client import PrometheusConnect  # noqa: PLC0415

        url, _ = split_user(sources.prometheus_url)
        self._session = Session(sources)
        self._timeout_s = sources.prometheus_timeout_s
        self._connect = PrometheusConnect(
            url, session=self._session, retry=RETRY, timeout=sources.prometheus_timeout_s, method="POST"
        )

    @property
    def url(self) -> str:
        """The address of Prometheus, without credentials."""
        return self._session.shown_url

    def range(self, query: str, *, first_s: int, last_s: int, step_s: int) -> Answer:
        """The series of a query, evaluated at first_s, first_s + step_s, ... last_s (Unix seconds).

        There may be at most MAX_POINTS evaluations.

        Raises:
            ReadError: the query failed.
        """
        series = self._connect.custom_query_range(
            query, _datetime(first_s), _datetime(last_s), str(step_s), params=self._limit()
        )
        return Answer(series=series, warnings=self._session.warnings)

    def instant(self, query: str, *, at_s: int) -> Answer:
        """The series of a query, evaluated once at `at_s` (Unix seconds).

        Raises:
            ReadError: the query failed.
        """
        series = self._connect.custom_query(query, params={"time": str(at_s), **self._limit()})
        return Answer(series=series, warnings=self._session.warnings)

    def names(self, selector: str, *, start_s: int, end_s: int) -> Sequence[str]:
        """Names of metrics with a series of `selector` near [start_s, end_s), Unix seconds; from the index.

        Raises:
            ReadError: the query failed.
        """
        params = {"match[]": selector, "start": str(start_s), "end": str(end_s)}
        names: Sequence[str] = self._connect.get_label_values("__name__", params=params)
        return names

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _limit(self) -> dict[str, str]:
        # The server stops before the client stops waiting, and reports it: then a smaller query is sent.
        return {"timeout": f"{0.9 * self._timeout_s:.3f}"}


def _datetime(time_s: int) -> datetime:
    return datetime.fromtimestamp(time_s, tz=UTC)
