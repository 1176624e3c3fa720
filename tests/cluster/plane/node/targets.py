"""What a Prometheus in the cluster's network scrapes, for `file_sd_configs`.

One target a named container port of every pod with an address, with the labels that `kubernetes_sd_configs`
of role pod would give it: a relabelling written for the one works with the other.  Debian's Prometheus is
built without the latter.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from plane.api import Object

META = "__meta_kubernetes_"


def write(path: Path, pods: Iterable[Object]) -> None:
    """Write the targets of these pods, if they are others than what is there."""
    targets = [target for pod in pods for target in of(pod)]
    text = json.dumps(sorted(targets, key=lambda target: str(target["targets"])), indent=1)
    if not path.exists() or path.read_text() != text:
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(path)


def of(pod: Object) -> list[Object]:
    """The targets of one pod."""
    meta, status = pod["metadata"], pod.get("status", {})
    address = status.get("podIP")
    if not address:
        return []
    about = {
        f"{META}namespace": meta["namespace"],
        f"{META}pod_name": meta["name"],
        f"{META}pod_ip": address,
        f"{META}pod_phase": status.get("phase", ""),
        f"{META}pod_ready": _ready(status),
    }
    for name, value in (meta.get("labels") or {}).items():
        about[f"{META}pod_label_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}"] = value
    return [
        {
            "targets": [f"{address}:{port['containerPort']}"],
            "labels": about
            | {
                f"{META}pod_container_name": container["name"],
                f"{META}pod_container_port_name": port["name"],
                f"{META}pod_container_port_number": str(port["containerPort"]),
            },
        }
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if "name" in port
    ]


def _ready(status: Object) -> str:
    conditions = status.get("conditions") or ()
    return next((c["status"].lower() for c in conditions if c["type"] == "Ready"), "unknown")
