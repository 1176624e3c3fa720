"""Replay policies on a team's own traffic: receives an export and a scenario, returns what each would have
cost.

series      from the counts of a file and a scenario to the series that policies receive
upstream    the upstream service of each series over time
request     the policies, delay costs and outputs of one backtest
run         every policy on every series
trajectory  one series over time, for a plot
plan_file   a plan as the file plan.csv
summary     the result as a table and as JSON
totals      sums over series
result      the result: metrics of every policy and series, and trajectories for plots
recommend   the KPA settings that would have served a series best
"""
