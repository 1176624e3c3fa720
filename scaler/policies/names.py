"""Names of the policies, for who offers them without running any; `table` has the policies themselves."""

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
"""The KPA's own settings, those of the literature, ours, and what bounds them all."""

DEFAULT = (KPA, "kpa-tuned", "keepalive-10", TIDECAST, ORACLE)
"""Those of a backtest that names none."""
