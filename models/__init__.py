"""Forecasting arithmetic on whole fleets: arrays in, quantiles out.  No clock, no log, no network."""
