"""From metrics to a forecast of the whole fleet."""
