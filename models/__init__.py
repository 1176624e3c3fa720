"""Forecasting arithmetic for whole fleets: arrays of past rates in, forecasts of rates and events out.

No module here reads a clock, writes a log or uses the network.

peak      the peak of the lead window, for every service and step
ensemble  a combination of classical methods, for one series at a time
hazard    the probability of an event in the minutes ahead
fleet     the values that describe a fleet: history, forecast, keys
numeric   shared building blocks: wall clocks, compilation, log rates, quantiles
"""
