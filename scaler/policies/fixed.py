"""Pods that are kept warm by one fixed setting: never less than one, or the last one for some minutes.

A keep-alive of N minutes is the KPA with scale-to-zero-pod-retention-period N, as a Knative user would set
it: the lifetime of the last pod after the last request, not of each pod.
"""

from scaler.kpa.settings import KpaSettings
from scaler.policies.kpa import set_to
from scaler.policies.policy import Policy

MIN_SCALE_1 = set_to(
    KpaSettings(min_scale=1),
    "the KPA with a min-scale of 1: never at zero",
    "autoscaling.knative.dev/min-scale",
)


def keep_alive(minutes: int) -> Policy:
    """The KPA that lets its last pod go so many minutes after it was last needed."""
    return set_to(
        KpaSettings(retention_s=60 * minutes),
        f"the KPA that keeps its last pod for {minutes} minutes",
        "autoscaling.knative.dev/scale-to-zero-pod-retention-period; the fixed keep-alive of public clouds",
    )


KEEPALIVE_5, KEEPALIVE_10, KEEPALIVE_20 = (keep_alive(minutes) for minutes in (5, 10, 20))
