"""The values that describe a fleet of services: history in, forecast out, and the keys of their rows.

keys      names of services and of Revisions
history   observed arrivals of every service on one time grid
forecast  quantiles, point masses and event probabilities of every service
rows      alignment of the rows of arrays when services are added or removed
"""
