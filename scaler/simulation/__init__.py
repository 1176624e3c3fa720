"""Simulate a Revision under the KPA and a plan: arrivals per second in; delayed requests and pod-seconds out.

A plan is a list of rows: floors and settings of the KPA over time.

pod_model    how pods start and serve, and the KPA's parameters of the Revision
plan_rows    floors and settings -> the rows of a plan
traffic      requests per step -> arrivals per second
simulator    the equations of the simulation; replays of one Revision or of many
score        the metrics of a replay, its cost and its RUM
state        the state of many replays as arrays
kpa_kernel   Knative's rules (scaler.kpa) in compiled form
kernel       the second-by-second loop in compiled form
"""
