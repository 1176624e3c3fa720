"""The command `tidecast`: parses and prints, decides nothing.

`main` is the entry point.  It imports what it needs when it is called, and each command imports what is heavy
when it runs, so that `--help` costs little and needs nothing.
"""

import sys

from scaler.cli.interrupt import INTERRUPTED, ends_at_once


def main() -> None:
    """Run `tidecast` with the arguments of this process, and end the process with its exit code."""
    try:
        with ends_at_once():
            from scaler.cli.app import app
        app(prog_name="tidecast")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as e:
        from scaler.cli.failures import tell

        sys.exit(tell(e, sys.stderr))
