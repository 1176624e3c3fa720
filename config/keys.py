"""Every key that an operator can write: where its value goes, what is allowed, where it may be annotated."""

from dataclasses import dataclass
from enum import StrEnum

from config.calendar import Calendar, CalendarText, Zone
from config.policy import Lever, Mode
from config.sources import PRESETS
from config.values import (
    Address,
    Choice,
    Duration,
    Globs,
    Headers,
    Kind,
    Optional,
    Real,
    Subset,
    Text,
    Whole,
)

ANNOTATION_PREFIX = "tidecast.dev/"


class Place(StrEnum):
    """An object whose annotations are read."""

    NAMESPACE = "Namespace"
    SERVICE = "Service"
    REVISION = "Revision"


_NOWHERE: frozenset[Place] = frozenset()
_SERVICE = frozenset({Place.SERVICE, Place.REVISION})
_NAMESPACE = frozenset({Place.NAMESPACE})


@dataclass(frozen=True)
class Key:
    """One key of the ConfigMap `config-tidecast`.

    group, field  where its value goes: `getattr(settings, group).field`.
    kind          how its value is written.
    places        objects on which the annotation `tidecast.dev/NAME` says the same for less than everything;
                  its value goes to the field of RevisionPolicy with the same name.
    secret        True: a value may hold a credential and is not shown in a fault.
    """

    name: str
    group: str
    field: str
    kind: Kind
    places: frozenset[Place] = _NOWHERE
    secret: bool = False

    def shown(self, text: str) -> str:
        """What a fault may show of a value."""
        return "(not shown)" if self.secret else text


def _key(name: str, group: str, kind: Kind, *, field: str = "", places: frozenset[Place] = _NOWHERE) -> Key:
    secret = isinstance(kind, Headers)
    return Key(name, group, field or name.replace("-", "_"), kind, places, secret)


# YAML 1.1 reads an unquoted `off` as false, and templates write that back.
_MODE = Choice(tuple(Mode), Mode, aliases=(("false", "off"), ("False", "off")))
_FILE = Optional(Text("the path of a file"))

_ALL = (
    _key("mode", "policy", _MODE, places=_SERVICE | _NAMESPACE),
    _key("delay-cost", "policy", Real(0, above=True), places=_SERVICE | _NAMESPACE),
    _key("wait-cost", "policy", Real(0), places=_SERVICE),
    _key("max-delayed", "policy", Optional(Real(0, 100)), places=_SERVICE),
    _key("levers", "policy", Subset(Lever), places=_SERVICE | _NAMESPACE),
    _key("min", "policy", Optional(Whole(0)), places=_SERVICE),
    # Knative's max-scale 0 means "no bound"; here it would mean "nothing", so it is not allowed.
    _key("max", "policy", Optional(Whole(1)), places=_SERVICE),
    _key("guard", "acting", Real(0, 100)),
    _key("max-total-pods", "acting", Optional(Whole(0)), places=_NAMESPACE),
    _key("namespaces", "acting", Globs()),
    _key("startup-seconds", "acting", Real(0, 3600), field="startup_prior_s"),
    _key("lease-duration", "acting", Duration("2s", "10m"), field="lease_duration_s"),
    _key("autoscaler-url", "acting", Optional(Address(("ws", "wss")), empty="")),
    _key("dask-address", "acting", Optional(Address(("tcp", "tls", "ws", "wss")))),
    _key("calendar", "ahead", Optional(CalendarText(), empty=Calendar())),
    _key("step", "timing", Duration("1s", "15m"), field="step_s"),
    _key("history-step", "timing", Duration("1s", "1h"), field="history_step_s"),
    _key("recent", "timing", Duration("1h", "14d"), field="recent_s"),
    _key("history", "timing", Duration("1h", "366d"), field="history_s"),
    _key("planning-period", "timing", Duration("1s", "15m"), field="planning_period_s"),
    _key("hold", "timing", Duration("0s", "1h"), field="hold_s"),
    _key("refit-period", "timing", Duration("10s", "7d"), field="refit_period_s"),
    _key("preset", "sources", Choice(PRESETS), places=_SERVICE),
    _key("prometheus-url", "sources", Address(("http", "https"))),
    _key("prometheus-headers", "sources", Headers()),
    _key("prometheus-timeout", "sources", Duration("1s", "10m"), field="prometheus_timeout_s"),
    _key("prometheus-token-file", "sources", _FILE),
    _key("prometheus-username", "sources", Optional(Text("a name"))),
    _key("prometheus-password-file", "sources", _FILE),
    _key("prometheus-ca-file", "sources", _FILE),
    _key("prometheus-client-cert-file", "sources", _FILE),
    _key("prometheus-client-key-file", "sources", _FILE),
    _key("arrivals-query", "sources", Optional(Text("PromQL"))),
    _key("busy-query", "sources", Optional(Text("PromQL"))),
    _key("rate-window", "sources", Optional(Duration("1s", "1h")), field="rate_window_s"),
    _key("scrape-interval", "sources", Optional(Duration("1s", "15m")), field="scrape_interval_s"),
)

KEYS: dict[str, Key] = {key.name: key for key in _ALL}
"""Key name -> key."""
ANNOTATED: dict[str, Key] = {
    **{name: key for name, key in KEYS.items() if key.places},
    # For all together the calendar says it.
    "time-zone": _key("time-zone", "policy", Optional(Zone()), places=_SERVICE | _NAMESPACE),
}
"""Key name -> key of what may be annotated."""
