"""From a forecast to floors, for a whole fleet at once.  Pure: no clock, log, network or cluster."""
