"""State the result of a backtest in sentences that claim no more than its numbers show."""

from dataclasses import dataclass

from scaler.backtest.result import Backtest
from scaler.backtest.totals import Total
from scaler.policies.names import KPA, TIDECAST
from scaler.report.compare import Comparison, title
from scaler.report.words import NBSP, change, hours, percent, setting
from scaler.simulation.score import cost


@dataclass(frozen=True)
class Verdict:
    """The result in sentences.

    sentence                    the whole result.
    compared_share, kpa_share   shares of delayed requests as the sentence writes them: of the compared
                                policy and of the KPA alone; empty if the sentence does not contain them.
    notes                       further sentences: cost, better settings of the KPA, number of services.
    """

    sentence: str
    compared_share: str
    kpa_share: str
    notes: tuple[str, ...]


def verdict(backtest: Backtest, comparison: Comparison) -> Verdict:
    """Return the verdict at the shown delay cost."""
    kpa, compared = comparison.kpa, comparison.compared
    if compared is None:
        sentence = "There were no requests, and only the KPA alone was run."
        if kpa.metrics.requests > 0:
            sentence = (
                f"The KPA alone would have delayed {percent(kpa.delayed)} of requests, with "
                f"{hours(kpa.metrics.pod_s)} pod-hours; no other policy was run."
            )
        return Verdict(sentence, "", "", ())
    delay_cost = backtest.shown_cost
    notes = [_cost_note(kpa, compared, delay_cost)]
    notes += [_settings_note(total, kpa, compared, delay_cost) for total in comparison.settings]
    if kpa.metrics.requests > 0 and len(backtest.series) > 1:
        notes.append(_services_note(backtest, compared))
    sentence, compared_share, kpa_share = _sentence(kpa, compared)
    return Verdict(sentence, compared_share, kpa_share, tuple(notes))


def _sentence(kpa: Total, compared: Total) -> tuple[str, str, str]:
    """Return the sentence, and the shares of delayed requests in it: compared policy, KPA alone.

    Shares that are equal as text are called equal.
    """
    name = title(compared.policy)
    opening = "" if compared.policy == TIDECAST else f"{title(TIDECAST)} was not run; "
    pods = change(compared.metrics.pod_s / 3600, kpa.metrics.pod_s / 3600, "pod-hours")
    compared_share, kpa_share = percent(compared.delayed), percent(kpa.delayed)
    if kpa.metrics.requests <= 0:
        return f"There were no requests to delay; {opening}{name} would have held {pods}.", "", ""
    if kpa.metrics.delayed == compared.metrics.delayed == 0:
        neither = f"{opening}neither {name} nor the KPA alone would have delayed a request"
        return f"{neither[0].upper()}{neither[1:]}; {name} would have held {pods}.", "", ""
    subject = f"{opening}{name} would have delayed"
    if compared_share == kpa_share:
        sentence = f"{subject} as many requests as the KPA alone, {compared_share}, with {pods}."
        return sentence, compared_share, ""
    more = " more:" if compared.delayed > kpa.delayed else ""
    return (
        f"{subject}{more} {compared_share} of requests instead of {kpa_share} (the KPA alone), with {pods}.",
        compared_share,
        kpa_share,
    )


def _cost_note(kpa: Total, compared: Total, delay_cost: float) -> str:
    """Return a sentence about the cost at the delay cost of the operator."""
    compared_cost = cost(compared.metrics, delay_cost)
    kpa_cost = cost(kpa.metrics, delay_cost)
    opening = (
        f"At a delay cost of {setting(delay_cost)} pod-seconds per delayed request, {title(compared.policy)}"
    )
    difference = round(100 * abs(compared_cost / kpa_cost - 1)) if kpa_cost > 0 else 0
    if difference == 0 and (kpa_cost > 0 or compared_cost <= 0):
        return f"{opening} costs as much as the KPA alone."
    if compared_cost < kpa_cost:
        return f"{opening} costs {difference}{NBSP}% less than the KPA alone."
    more = f"{difference}{NBSP}% more" if kpa_cost > 0 else "more"
    return f"{opening} costs {more} than the KPA alone, which is the better choice here."


def _settings_note(settings: Total, kpa: Total, compared: Total, delay_cost: float) -> str:
    """Return a sentence about the KPA alone with better settings."""
    choice = {
        "kpa-tuned": "The KPA alone with settings chosen from the past",
        "kpa-fixed": "The KPA alone with the best settings in hindsight",
    }[settings.policy]
    pods = change(settings.metrics.pod_s / 3600, kpa.metrics.pod_s / 3600, "pod-hours")
    sentence = f"{choice} ({settings.policy}) would have delayed {percent(settings.delayed)}, with {pods}"
    cheaper = cost(settings.metrics, delay_cost) < cost(compared.metrics, delay_cost)
    return f"{sentence}: cheaper than {title(compared.policy)}." if cheaper else f"{sentence}."


def _services_note(backtest: Backtest, compared: Total) -> str:
    """Return a sentence with the number of services with fewer and with more delayed requests."""
    kpa_outcome = backtest.outcome(KPA, backtest.shown_cost)
    outcome = backtest.outcome(compared.policy, backtest.shown_cost)
    assert kpa_outcome is not None
    assert outcome is not None
    pairs = [
        (metrics.delayed, kpa_metrics.delayed)
        for metrics, kpa_metrics in zip(outcome.metrics, kpa_outcome.metrics, strict=True)
    ]
    fewer = sum(delayed < kpa_delayed for delayed, kpa_delayed in pairs)
    more = sum(delayed > kpa_delayed for delayed, kpa_delayed in pairs)
    return (
        f"Of {len(pairs):,} services, {_count_or_none(fewer)} had fewer delayed requests than under the KPA "
        f"alone, {_count_or_none(more)} had more."
    )


def _count_or_none(services: int) -> str:
    return f"{services:,}" if services else "none"
