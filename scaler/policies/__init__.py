"""Policies that a backtest compares: ours, the KPA's own settings, and those of the literature.

A policy is a file; `table` names them all.
"""
