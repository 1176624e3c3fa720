"""`tidecast demo`: the loop of `tidecast run` between two ends that are replaced, in a time that goes faster.

    story     a service of two Revisions, and its traffic: real counts, shipped with us
    traffic   the metrics' end: that traffic, as old as a Prometheus would tell it
    worlds    the same arrivals lived through under the KPA alone, under Tidecast and under an oracle
    knative   the cluster's end: what Tidecast writes is a min-scale in its world
    show      the loop's jobs, one after the other in simulated time
    scene     what is to be seen of a moment
    table     what it came to

These know no clock: the same seed gives the same table.  `play` paces them by the wall clock; `view` and
`page` draw.
"""
