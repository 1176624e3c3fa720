"""The KPA without Tidecast: with the settings of the scenario, and at a lower target utilization."""

from scaler.kpa.settings import KpaSettings
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.simulation.plan_rows import NO_PLAN, settings_rows


def kpa_alone(_: Series, __: float) -> PlanRows:
    """Return the empty plan: no floor and no setting changes."""
    return NO_PLAN


def fixed_settings(settings: KpaSettings, description: str, source: str) -> Policy:
    """Return the policy that applies the same settings from the start."""

    def plan(series: Series, _: float) -> PlanRows:
        return settings_rows(series.pod_model, settings)

    return Policy(description=description, source=source, plan=plan)


SOURCE = "knative/serving, config-autoscaler"
KPA = Policy(
    description="Knative's autoscaler alone, set as the scenario says", source=SOURCE, plan=kpa_alone
)
KPA_U50 = fixed_settings(
    KpaSettings(utilization_percentage=50), "the KPA at a target utilization of 50 %", SOURCE
)
KPA_U35 = fixed_settings(
    KpaSettings(utilization_percentage=35), "the KPA at a target utilization of 35 %", SOURCE
)
