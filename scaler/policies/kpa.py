"""The KPA alone, as the Service has it, and at a lower target utilization: what anyone has for nothing."""

from scaler.kpa.settings import KpaSettings
from scaler.policies.policy import PlanRows, Policy, Series
from scaler.simulation.plan_rows import NO_PLAN, setting_rows


def alone(_: Series, __: float) -> PlanRows:
    """Nothing is said, so everything is as it is."""
    return NO_PLAN


def set_to(setting: KpaSettings, about: str, source: str) -> Policy:
    """The policy that says one setting at the start, and nothing more."""

    def plan(series: Series, _: float) -> PlanRows:
        return setting_rows(series.world, setting)

    return Policy(about=about, source=source, plan=plan)


SOURCE = "knative/serving, config-autoscaler"
KPA = Policy(about="Knative's autoscaler alone, set as the scenario says", source=SOURCE, plan=alone)
KPA_U50 = set_to(KpaSettings(utilization_percentage=50), "the KPA at a target utilization of 50 %", SOURCE)
KPA_U35 = set_to(KpaSettings(utilization_percentage=35), "the KPA at a target utilization of 35 %", SOURCE)
