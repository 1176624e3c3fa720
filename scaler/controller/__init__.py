"""Run the control loop: reads demand and Revisions through ports, plans, and returns changes to the cluster.

loop       the order of things: read, plan, diff, write
planner    history, forecast and plan of one fleet, from cycle to cycle
signals    calendar events, upstream services and the ensemble, which recent traffic does not show
backfill   long ranges of demand, read in chunks
timing     the intervals of the loop
progress   how long work reports its progress
ports      the two ends: where demand is read, and the cluster that is scaled
changes    the difference between planned and applied annotations
status     what the loop publishes for metrics and health checks
explain    the numbers behind one floor
offline    one plan from an exported file, without Prometheus and cluster
"""
