"""Speaks with Prometheus: one client, typed answers, errors by who must act.

Nothing here knows Knative: which questions are asked, and what an answer means, is in
`forecaster.sources.presets` and `forecaster.sources.prometheus_source`.
"""
