"""Define where demand is read: the address of Prometheus, its credentials, and how the metrics are named."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PRESETS = (
    "auto",
    "opencensus",
    "otel-1.19",
    "otel",
    "otel-target-info",
    "otel-podmonitor",
    "istio",
    "custom",
)
"""How request metrics are named; `auto` detects the naming, `custom` uses the queries of the operator."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """How to reach Prometheus and what to query.  Credentials are files, which are read at each use."""

    prometheus_url: str = "http://prometheus-operated.monitoring.svc:9090"
    """Base address with its path prefix.  The default is the Service that the Prometheus Operator creates."""

    prometheus_headers: Mapping[str, str] = field(default_factory=dict)
    """Name -> value of the headers that are sent with every query, such as X-Scope-OrgID."""

    prometheus_timeout_s: float = 30.0
    """Seconds to wait for one answer."""

    prometheus_token_file: str | None = None
    """Path of a bearer token; None: no token.  Not together with `prometheus_username`."""

    prometheus_username: str | None = None
    """User name for basic authentication; the password is in `prometheus_password_file`."""

    prometheus_password_file: str | None = None

    prometheus_ca_file: str | None = None
    """Path of a CA bundle (PEM); None: that of the system."""

    prometheus_client_cert_file: str | None = None
    """Path of a client certificate (PEM); its key is in `prometheus_client_key_file`."""

    prometheus_client_key_file: str | None = None

    preset: str = "auto"
    """How the metrics are named: one of `PRESETS`."""

    arrivals_query: str | None = None
    """PromQL that returns requests/s, for the preset `custom`.  The placeholders `$window` and `$step` are
    replaced; the result must have the labels `namespace` and `revision`, and may have `service`."""

    busy_query: str | None = None
    """PromQL that returns the mean number of requests in flight, in the same form; None: not known."""

    rate_window_s: float | None = None
    """Range of `rate()` in seconds; None: derived from the interval between samples."""

    scrape_interval_s: float | None = None
    """Seconds between two samples of a series (scrape or push); None: measured."""
