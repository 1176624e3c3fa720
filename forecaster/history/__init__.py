"""Keep the history of a fleet in memory: receives observed demand, returns arrivals on two time grids.

service_demand   demand summed over the Revisions of each service
store            the fine grid of the last hour and the coarse grid of the last weeks, as ring buffers
encoding         rates in two bytes each

Pure: no clock, log, network or cluster.
"""
