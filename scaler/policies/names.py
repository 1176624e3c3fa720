"""Names of the policies, for code that does not run them; scaler.policies.table has the policies."""

KPA = "kpa"
TIDECAST = "tidecast"
ORACLE = "oracle"

NAMES = (
    KPA,
    "kpa-u50",
    "kpa-u35",
    "kpa-fixed",
    "kpa-tuned",
    "min-scale-1",
    "keepalive-5",
    "keepalive-10",
    "keepalive-20",
    "hybrid-histogram",
    "hybrid-histogram-faascache",
    "phpa",
    "phpa-as-coded",
    "phpa-linear",
    "crane",
    "ahpa-like",
    "aws-predictive",
    "kedastral-like",
    "femux",
    TIDECAST,
    ORACLE,
)
"""The KPA with settings of its own, the policies of the literature, Tidecast, and the bound of them all."""

DEFAULT = (KPA, "kpa-tuned", "keepalive-10", TIDECAST, ORACLE)
"""The policies of a backtest that names none."""
