"""Where demand is read: the address of Prometheus, its credentials, and how its series are named."""

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
"""Ways in which series of request metrics are named; `auto` finds out which."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """How to reach Prometheus and what to ask it.  Credentials are files, read where they are used."""

    prometheus_url: str = "http://prometheus-operated.monitoring.svc:9090"
    """Base address, with its path prefix.  The name is the one that the Prometheus Operator gives."""

    prometheus_headers: Mapping[str, str] = field(default_factory=dict)
    """Name -> value of headers sent with every query, such as X-Scope-OrgID."""

    prometheus_timeout_s: float = 30.0
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
    """How the series are named: one of `PRESETS`."""

    arrivals_query: str | None = None
    """PromQL of requests/s, for the preset `custom`.  `$window` and `$step` are filled in; the answer carries
    the labels `namespace`, `revision` and, where it can, `service`."""

    busy_query: str | None = None
    """PromQL of mean requests in flight, in the same form; None: not known."""

    rate_window_s: float | None = None
    """Range of `rate()`, seconds; None: from the interval between samples."""

    scrape_interval_s: float | None = None
    """Seconds between two samples of a series (scrape or push); None: found from the data."""
