"""Questions to Prometheus, through prometheus-api-client."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType

from config.sources import Sources
from forecaster.sources.prometheus.answer import Answer
from forecaster.sources.prometheus.session import RETRY, Session, split_user

MAX_POINTS = 11_000
"""Prometheus refuses a range query of more points per series than this (web/api/v1, `query_range`)."""


class Client:
    """Asks one Prometheus.  Every method raises ReadError (`forecaster.sources.prometheus.errors`)."""

    def __init__(self, sources: Sources) -> None:
        # Imported here: it brings requests and a parser of dates, which `--help` can do without.
        from prometheus_api_client import PrometheusConnect  # noqa: PLC0415

        url, _ = split_user(sources.prometheus_url)
        self._session = Session(sources)
        self._timeout_s = sources.prometheus_timeout_s
        self._connect = PrometheusConnect(
            url, session=self._session, retry=RETRY, timeout=sources.prometheus_timeout_s, method="POST"
        )

    @property
    def url(self) -> str:
        """The address asked, fit to be shown."""
        return self._session.shown_url

    def range(self, query: str, *, first_s: int, last_s: int, step_s: int) -> Answer:
        """Series of `query` evaluated at `first_s`, `first_s + step_s`, ... up to `last_s`, Unix seconds.

        At most `MAX_POINTS` evaluations.
        """
        series = self._connect.custom_query_range(
            query, _moment(first_s), _moment(last_s), str(step_s), params=self._limit()
        )
        return Answer(series=series, warnings=self._session.warnings)

    def instant(self, query: str, *, at_s: int) -> Answer:
        """Series of `query` evaluated at `at_s`, Unix seconds; one sample each."""
        series = self._connect.custom_query(query, params={"time": str(at_s), **self._limit()})
        return Answer(series=series, warnings=self._session.warnings)

    def names(self, selector: str, *, start_s: int, end_s: int) -> Sequence[str]:
        """Names of the metrics that have a series of `selector` about that time.  Reads the index only."""
        params = {"match[]": selector, "start": str(start_s), "end": str(end_s)}
        found: Sequence[str] = self._connect.get_label_values("__name__", params=params)
        return found

    def close(self) -> None:
        """Gives the connections back."""
        self._session.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _limit(self) -> dict[str, str]:
        # The server stops before we stop waiting, and says so: then less is asked for.
        return {"timeout": f"{0.9 * self._timeout_s:.3f}"}


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, tz=UTC)
