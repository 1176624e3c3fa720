"""Forecasts the probability of an event in the minutes ahead, for a whole fleet: events by step in, one
probability per service and window out.

An event is a minute with a request of an intermittent service, or the onset of a burst of another service.

mixture   the Bayes mixture of components that may explain events, and its probability for a window
periods   periods detected by folding the newest events
weekday   the phase of the day, corrected by the hour of the week
upstream  events that follow those of another service
state     the state of a service, as one record
"""
