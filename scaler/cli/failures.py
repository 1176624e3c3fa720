"""How a command that failed tells why, and with which exit code.

An error that someone else than us has to act on carries an `exit_code`; everything else is a fault of ours:

* ConfigError, errors of files   2   what the user gave is wrong
* ReadError                      3   Prometheus cannot be read
* ApiError                       4   Kubernetes cannot be read or written
* all others                     1   with a traceback
"""

import traceback
from typing import TextIO


def tell(error: Exception, stderr: TextIO) -> int:
    """Write why a command failed; gives its exit code."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        for line in str(error).splitlines() or [type(error).__name__]:
            stderr.write(f"tidecast: {line}\n")
        return code
    traceback.print_exception(error, file=stderr)
    stderr.write(
        "tidecast: this is a fault in tidecast.  Please report it with the lines above, the command and the "
        "output of `tidecast --version`.\n"
    )
    return 1
