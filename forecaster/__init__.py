"""Forecast arrivals from metrics: receives Prometheus series or exported files, returns a FleetForecast.

sources       demand of every Revision: Prometheus, presets of metric names, exported files
history       the demand of a fleet in memory, on two time grids
forecasting   the forecast of a fleet, with calendar, upstream services and the ensemble
"""
