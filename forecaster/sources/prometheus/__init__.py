"""Query Prometheus: receives PromQL, returns typed answers, raises errors that name who must act.

client    range queries, instant queries and names of metrics, through prometheus-api-client
session   the HTTP session of that client: credentials, retries, errors
answer    the bytes of an answer -> series -> a matrix
errors    the errors of a read

Knows nothing of Knative: `forecaster.sources.presets` has the queries, and
`forecaster.sources.prometheus_source` interprets the answers.
"""
