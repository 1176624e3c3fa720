"""Knative as it runs: watched; written to as a plan asks, with marks; the effect verified.

Pure: objects, resolve, fleet, startup, marks, verify.  Shell: all others; each talks to one thing.
"""
