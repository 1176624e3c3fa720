"""Apply a function to many items: receives the function and the items, returns results as they are completed.

interface   the `Executor` protocol, and the serial executor
threads     threads of this process, which Ctrl-C stops
processes   processes of this machine, or a Dask cluster
"""
