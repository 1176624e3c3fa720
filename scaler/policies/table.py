"""All policies that a backtest can compare, by name."""

from collections.abc import Mapping

from scaler.policies.ahpa import AHPA_LIKE
from scaler.policies.aws_predictive import AWS_PREDICTIVE
from scaler.policies.crane import CRANE
from scaler.policies.femux import FEMUX
from scaler.policies.fixed import KEEPALIVE_5, KEEPALIVE_10, KEEPALIVE_20, MIN_SCALE_1
from scaler.policies.hybrid_histogram import HYBRID_HISTOGRAM, HYBRID_HISTOGRAM_FAASCACHE
from scaler.policies.kedastral import KEDASTRAL_LIKE
from scaler.policies.kpa import KPA, KPA_U35, KPA_U50
from scaler.policies.kpa_best import KPA_FIXED, KPA_TUNED
from scaler.policies.oracle import ORACLE
from scaler.policies.phpa import PHPA, PHPA_AS_CODED, PHPA_LINEAR
from scaler.policies.policy import PlanRows, Policy, Series


def _tidecast_on_one_series(series: Series, delay_cost: float) -> PlanRows:
    """Return Tidecast's plan of a series without evidence from other series."""
    from scaler.policies.evaluation import evaluate_series  # noqa: PLC0415  # imports all forecasts
    from scaler.policies.tidecast import plan, pooled  # noqa: PLC0415

    evaluation = evaluate_series(series)
    return plan(evaluation, pooled([evaluation]), delay_cost)


TIDECAST = Policy(
    description="floors and settings of least expected cost, by forecasts and past costs of the candidates",
    source="this project; all series of a backtest share their evidence",
    plan=_tidecast_on_one_series,
    uses_delay_cost=True,
)

POLICIES: Mapping[str, Policy] = {
    "kpa": KPA,
    "kpa-u50": KPA_U50,
    "kpa-u35": KPA_U35,
    "kpa-fixed": KPA_FIXED,
    "kpa-tuned": KPA_TUNED,
    "min-scale-1": MIN_SCALE_1,
    "keepalive-5": KEEPALIVE_5,
    "keepalive-10": KEEPALIVE_10,
    "keepalive-20": KEEPALIVE_20,
    "hybrid-histogram": HYBRID_HISTOGRAM,
    "hybrid-histogram-faascache": HYBRID_HISTOGRAM_FAASCACHE,
    "phpa": PHPA,
    "phpa-as-coded": PHPA_AS_CODED,
    "phpa-linear": PHPA_LINEAR,
    "crane": CRANE,
    "ahpa-like": AHPA_LIKE,
    "aws-predictive": AWS_PREDICTIVE,
    "kedastral-like": KEDASTRAL_LIKE,
    "femux": FEMUX,
    "tidecast": TIDECAST,
    "oracle": ORACLE,
}
"""In the order of `names.NAMES`."""
