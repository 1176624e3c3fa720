"""What would have happened: traffic replayed, second by second, through Knative's autoscaler.

world      one Revision in a world of seconds -> what it cost and whom it kept waiting
layout     the same state as arrays, for many Revisions and policies at once
kernel     the rules of scaler/kpa in compiled form
seconds    the world's loop in compiled form
"""
