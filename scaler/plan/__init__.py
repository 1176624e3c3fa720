"""Turn the forecast of a fleet into floors: receives forecasts and Revisions as arrays, returns a
`FleetPlan`.

revision     one Revision as the planner sees it
fleet        the Revisions of a fleet as arrays
timing       planning period, hold and lead time
demand       the demand of every Revision: forecast, route share and capacity of a pod
newsvendor   the floor of least expected cost, in compiled form
keep_warm    whether the first pod saves more than it costs
candidates   the table of candidate policies
rules        the floors that the rules of candidates give
events       the floors that announced events need
hold         floors that fall only after `hold` seconds
bounds       budgets, and the bounds of owner and operator
plan         all of these, for one moment
result       the plan and the reason of each floor

Pure: no clock, log, network or cluster.
"""
