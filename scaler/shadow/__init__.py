"""Evaluate candidates on live traffic: receives demand and arrivals, returns a candidate per Revision.

"In shadow" means: every candidate is simulated through the rules of the KPA on the traffic that arrived,
while only the active policy is applied.

revisions      the Revisions of a cluster that can be simulated
feed           what the planner passes to the shadow evaluation
worker         the queue between planner and shadow evaluation, and its answers
evaluator      the shadow evaluation: simulates, and selects every hour
population     Revisions times candidates as arrays
kernel         the simulation of a population, in compiled form
disaggregate   requests of each second, drawn from the count of a longer step
dispersion     variance over mean of the requests of a second, learned over time
hindcast       the forecasts that one service would have had in the past
evaluate       the cost of every candidate on one series (backtest)
selection      which candidate is selected
guard          the fallback to the KPA alone
prior          what candidates cost on public traces
"""
