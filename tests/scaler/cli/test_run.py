"""`tidecast run` as a process, without a cluster."""

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
def test_signal_ends_run_that_waits_for_an_unreachable_api_server(
    tmp_path: Path, number: signal.Signals
) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps(KUBECONFIG))
    command = [sys.executable, "-c", "from scaler.cli import main; main()", "run"]
    with subprocess.Popen(
        [*command, "--kubeconfig", str(config), "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert any(b"waiting for the API server http://127.0.0.1:9" in line for line in process.stderr)
        start_s = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == 130
        assert time.monotonic() - start_s < 15
