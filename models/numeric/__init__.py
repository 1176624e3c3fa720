"""Numeric building blocks that all models share.

clock      wall clocks of time zones with holidays, in a form that compiled code can read
compiled   compilation by numba, and where the machine code is cached
lograte    logarithms of rates that stay finite without traffic
quantiles  quantiles of a mixture of a baseline distribution and bursts
"""
