"""Knative's pod autoscaler (KPA), to the digit: what it would decide, as functions of values.

Rules and words are those of knative/serving 98e5ef9 (v1.23), restated; tests/golden has numbers made by that
code, and everything here is equal to them.  Pure: no clock, log, network or cluster.

    go_text       texts as Go reads them: numbers, booleans, durations
    config        the data of config-autoscaler -> AutoscalerConfig
    annotations   the annotations of a Revision -> Annotations
    resolve       both, containerConcurrency and reachability -> KpaSpec
    window        averages over the stable and the panic window
    delay         the largest count within the scale-down delay
    decide        one evaluation: KpaSpec, KpaState, Observed -> ScaleDecision, KpaState
    scale         from desired to replicas: bounds, initial scale, scale to zero
    status        active, activating or inactive
    activator     is the activator in the path, and how many of them
    revision      all of that for one Revision, tick by tick
    scenario      a scenario file -> what is expected of it
"""
