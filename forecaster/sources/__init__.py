"""Read demand: receives addresses, queries or files, returns the demand of every Revision, or an Export.

demand              the demand of Revisions on a time grid, as a value
prometheus_source   demand from Prometheus
preset_sources      demand from Prometheus with several presets at once
range_read          one read of a range, chunk by chunk
chunks              the size of the next chunk of a range
gaps                arrivals from pods, activator and autoscaler; zero and not observed
prometheus          the client of Prometheus
presets             the queries for each naming of request metrics
exports             traffic in files
"""
