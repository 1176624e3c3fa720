"""Fixed settings that keep pods warm: at least one pod at all times, or the last pod for some minutes.

A keep-alive of N minutes is the KPA with a scale-to-zero-pod-retention-period of N minutes, as a Knative user
would set it: the time that the last pod remains after the last request, not that of each pod.
"""

from scaler.kpa.settings import KpaSettings
from scaler.policies.kpa import fixed_settings
from scaler.policies.policy import Policy

MIN_SCALE_1 = fixed_settings(
    KpaSettings(min_scale=1),
    "the KPA with a min-scale of 1: never at zero",
    "autoscaling.knative.dev/min-scale",
)


def keep_alive(minutes: int) -> Policy:
    """Return the policy that retains the last pod for `minutes` after the last request."""
    return fixed_settings(
        KpaSettings(retention_s=60 * minutes),
        f"the KPA that keeps its last pod for {minutes} minutes",
        "autoscaling.knative.dev/scale-to-zero-pod-retention-period; the fixed keep-alive of public clouds",
    )


KEEPALIVE_5, KEEPALIVE_10, KEEPALIVE_20 = (keep_alive(minutes) for minutes in (5, 10, 20))
