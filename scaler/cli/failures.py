"""Report why a command failed, and choose its exit code.

An error that a user or operator must resolve has an `exit_code`; every other error is an internal one:

* ConfigError, errors of files   2   the user's input is wrong
* ReadError                      3   Prometheus cannot be read
* ApiError                       4   Kubernetes cannot be read or written
* all others                     1   with a traceback
"""

import traceback
from typing import TextIO


def report(error: Exception, stderr: TextIO) -> int:
    """Write why a command failed, and return its exit code."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        for line in str(error).splitlines() or [type(error).__name__]:
            stderr.write(f"tidecast: {line}\n")
        return code
    traceback.print_exception(error, file=stderr)
    stderr.write(
        "tidecast: this is a bug in tidecast.  Please report it with the lines above, the command and the "
        "output of `tidecast --version`.\n"
    )
    return 1
