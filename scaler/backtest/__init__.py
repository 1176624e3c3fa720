"""A team's own traffic replayed under policies: what each would have cost, and whom it had waiting.

subjects   from a file's counts and a scenario to the series that policies are given
question   what is to be found out
spread     how the same is done for many series
run        policies over all of them
courses    one series through time, for a picture
plan_file  a plan as the file plan.csv
summary    figures for people and for programs
result     what comes out: figures of every policy and series, and courses for pictures
"""
