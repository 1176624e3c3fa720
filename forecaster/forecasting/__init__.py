"""Forecast the arrivals of a fleet: receives arrivals and exogenous signals, returns a FleetForecast.

online           the forecast of the whole fleet, updated with each step
lead_window      the time for which a plan must provide pods, and whose peak is forecast
calendar         wall clocks of the services, and rates of announced events
upstream         services whose events follow those of another service
ensemble         the hourly ensemble of classical models
refit_schedule   the services that the ensemble refits next
diagnose         a second opinion on one service, by statsmodels

Pure: no clock, log, network or cluster.
"""
