"""`tidecast run` as a process, as far as that goes without a cluster."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "c",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_it_waits_for_an_api_server_that_is_away_a_signal_ends_it_at_once(
    tmp_path: Path, number: signal.Signals
) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps(KUBECONFIG))
    command = [sys.executable, "-c", "from scaler.cli import main; main()", "run"]
    with subprocess.Popen(
        [*command, "--kubeconfig", str(config), "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE
    ) as process:
        time.sleep(4)  # by then it waits: there is nothing to be seen of that from outside
        assert process.poll() is None
        began_s = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == 130
        assert time.monotonic() - began_s < 15
