"""Run the command `tidecast`: receives arguments, prints results, and returns an exit code.

`main` is the entry point.  Each command imports heavy modules only when it runs, so that `--help` is fast and
needs no network, cluster or configuration.
"""

import sys

from scaler.cli.interrupt import INTERRUPTED, interrupt_ends_process


def main() -> None:
    """Run `tidecast` with the arguments of this process, and end the process with its exit code."""
    try:
        with interrupt_ends_process():
            from scaler.cli.app import app
        app(prog_name="tidecast")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        from scaler.cli.failures import report

        sys.exit(report(error, sys.stderr))
