"""List every key of the configuration: its setting, its allowed values, and which objects may have it."""

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
    Optional,
    Real,
    Subset,
    Text,
    ValueKind,
    Whole,
)

ANNOTATION_PREFIX = "tidecast.dev/"


class AnnotationTarget(StrEnum):
    """A kind of object whose annotations Tidecast reads."""

    NAMESPACE = "Namespace"
    SERVICE = "Service"
    REVISION = "Revision"


_NO_TARGET: frozenset[AnnotationTarget] = frozenset()
_SERVICE = frozenset({AnnotationTarget.SERVICE, AnnotationTarget.REVISION})
_NAMESPACE = frozenset({AnnotationTarget.NAMESPACE})


@dataclass(frozen=True)
class Key:
    """One key of the ConfigMap `config-tidecast`.

    group, field  the setting that the value goes to: `getattr(settings, group).field`.
    kind          how the value is written and what is allowed.
    targets       kinds of objects on which the annotation `tidecast.dev/NAME` sets the same for that object;
                  its value goes to the field of RevisionPolicy of the same name.
    secret        True: the value may contain a credential, and no message repeats it.
    """

    name: str
    group: str
    field: str
    kind: ValueKind
    targets: frozenset[AnnotationTarget] = _NO_TARGET
    secret: bool = False

    def printable(self, text: str) -> str:
        """Return a value as a message may repeat it."""
        return "(not shown)" if self.secret else text


def _key(
    name: str,
    group: str,
    kind: ValueKind,
    *,
    field: str = "",
    targets: frozenset[AnnotationTarget] = _NO_TARGET,
) -> Key:
    """Return a key; its field has the name of the key if `field` is empty, and headers are secret."""
    return Key(name, group, field or name.replace("-", "_"), kind, targets, secret=isinstance(kind, Headers))


# YAML 1.1 reads an unquoted `off` as false, and templates write that back.
_MODE = Choice(tuple(Mode), Mode, aliases=(("false", "off"), ("False", "off")))
_FILE = Optional(Text("the path of a file"))

_ALL = (
    _key("mode", "policy", _MODE, targets=_SERVICE | _NAMESPACE),
    _key("delay-cost", "policy", Real(0, exclusive=True), targets=_SERVICE | _NAMESPACE),
    _key("wait-cost", "policy", Real(0), targets=_SERVICE),
    _key("max-delayed", "policy", Optional(Real(0, 100)), targets=_SERVICE),
    _key("levers", "policy", Subset(Lever), targets=_SERVICE | _NAMESPACE),
    _key("min", "policy", Optional(Whole(0)), targets=_SERVICE),
    # Knative's max-scale 0 means "no bound"; here 0 would mean "no pods", so it is not allowed.
    _key("max", "policy", Optional(Whole(1)), targets=_SERVICE),
    _key("guard", "actuation", Real(0, 100)),
    _key("max-total-pods", "actuation", Optional(Whole(0)), targets=_NAMESPACE),
    _key("namespaces", "actuation", Globs()),
    _key("startup-seconds", "actuation", Real(0, 3600), field="startup_prior_s"),
    _key("lease-duration", "actuation", Duration("2s", "10m"), field="lease_duration_s"),
    _key("autoscaler-url", "actuation", Optional(Address(("ws", "wss")), empty="")),
    _key("dask-address", "actuation", Optional(Address(("tcp", "tls", "ws", "wss")))),
    _key("calendar", "announcements", Optional(CalendarText(), empty=Calendar())),
    _key("step", "timing", Duration("1s", "15m"), field="step_s"),
    _key("history-step", "timing", Duration("1s", "1h"), field="history_step_s"),
    _key("recent", "timing", Duration("1h", "14d"), field="recent_s"),
    _key("history", "timing", Duration("1h", "366d"), field="history_s"),
    _key("planning-period", "timing", Duration("1s", "15m"), field="planning_period_s"),
    _key("hold", "timing", Duration("0s", "1h"), field="hold_s"),
    _key("refit-period", "timing", Duration("10s", "7d"), field="refit_period_s"),
    _key("preset", "sources", Choice(PRESETS), targets=_SERVICE),
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
"""Name of a key -> key of the ConfigMap."""
ANNOTATED: dict[str, Key] = {
    **{name: key for name, key in KEYS.items() if key.targets},
    # In the ConfigMap, the calendar has the time zone of all services.
    "time-zone": _key("time-zone", "policy", Optional(Zone()), targets=_SERVICE | _NAMESPACE),
}
"""Name of a key -> key that may be an annotation."""
