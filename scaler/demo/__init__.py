"""Run the loop on replayed traffic beside a simulated Knative: receives a seed, returns metrics of three
policies.

workload      the service, its two Revisions and their traffic
simulations   the same traffic under each policy
knative       the cluster: a `ClusterPort` over the simulation of Tidecast
traffic       the metrics: a `DemandSource` over the replayed traffic
demo_run      the loop and its jobs in simulated time
play          the pace of the wall clock
scene         what is visible at one moment
view          the terminal
page          the page on localhost
table         the result
"""
