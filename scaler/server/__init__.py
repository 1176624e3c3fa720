"""Run Tidecast as a service: receives settings and a cluster, returns when it is stopped.

service    the jobs of the loop on a schedule, with the live configuration
wiring     the loop with its real ends, and the names of this process
http       /healthz, /readyz and /metrics
metrics    the status of the loop as Prometheus metrics
"""
