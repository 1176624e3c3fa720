"""Where demand is read: the address of Prometheus, its credentials, and how its series are named."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sources:
    """How to reach Prometheus and what to ask it.  Credentials are files, read where they are used."""

    prometheus_url: str = "http://prometheus-operated.monitoring.svc:9090"
    """Base address, with its path prefix.  The name is the one that the Prometheus Operator gives."""

    prometheus_headers: tuple[tuple[str, str], ...] = ()
    """(name, value) of headers sent with every query, such as X-Scope-OrgID."""

    prometheus_timeout_s: int = 30
    """Seconds to wait for one answer."""

    prometheus_token_file: str | None = None
    """Path of a bearer token; None: no token.  Not together with `prometheus_username`."""

    prometheus_username: str | None = None
    """Name for basic authentication; its password is in `prometheus_password_file`."""

    prometheus_password_file: str | None = None

    prometheus_ca_file: str | None = None
    """Path of a CA bundle (PEM); None: the system's."""

    prometheus_client_cert_file: str | None = None
    """Path of a client certificate (PEM); its key is in `prometheus_client_key_file`."""

    prometheus_client_key_file: str | None = None

    preset: str = "auto"
    """How the series are named; `auto`: found from what the Prometheus has."""

    arrivals_query: str | None = None
    """PromQL template of requests/s per revision, for the preset `custom`."""

    busy_query: str | None = None
    """PromQL template of mean requests in flight per revision, for the preset `custom`; None: not known."""

    rate_window_s: int | None = None
    """Range of `rate()`, seconds; None: from the interval between samples."""

    scrape_interval_s: int | None = None
    """Seconds between two samples of a series (scrape or push); None: found from the data."""
