"""List the targets of a Prometheus in the network of the cluster, for `file_sd_configs`.

Every named container port of a pod with an address is one target, with the labels of `kubernetes_sd_configs`
of role pod, so that the same relabelling works with both.  Debian's Prometheus is built without
`kubernetes_sd_configs`.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from plane.api import Object

META = "__meta_kubernetes_"


def write(path: Path, pods: Iterable[Object]) -> None:
    """Write the targets of the pods, if they differ from those in the file."""
    targets = [target for pod in pods for target in targets_of(pod)]
    text = json.dumps(sorted(targets, key=lambda target: str(target["targets"])), indent=1)
    if not path.exists() or path.read_text() != text:
        new_file = path.with_suffix(".new")
        new_file.write_text(text)
        new_file.rename(path)


def targets_of(pod: Object) -> list[Object]:
    """Return the targets of one pod."""
    meta, status = pod["metadata"], pod.get("status", {})
    address = status.get("podIP")
    if not address:
        return []
    labels = {
        f"{META}namespace": meta["namespace"],
        f"{META}pod_name": meta["name"],
        f"{META}pod_ip": address,
        f"{META}pod_phase": status.get("phase", ""),
        f"{META}pod_ready": _ready(status),
    }
    for name, value in (meta.get("labels") or {}).items():
        labels[f"{META}pod_label_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}"] = value
    return [
        {
            "targets": [f"{address}:{port['containerPort']}"],
            "labels": labels
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
