"""Helpers of tests of an autoscaler: deploy, read the scale, wait, limit permissions, read the audit log."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plane.api import Api, Object
from plane.layout import Home

SERVING = "/apis/serving.knative.dev/v1/namespaces/{}"
AUTOSCALING = "/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/{}"
MIN_SCALE = "autoscaling.knative.dev/min-scale"


async def wait_until(condition: Callable[[], Awaitable[Any]], limit_s: float, description: str) -> float:
    """Return the seconds until the condition holds.

    Raises:
        TimeoutError: the condition does not hold within `limit_s`; the message contains `description`.
    """
    began_s = time.monotonic()
    while not await condition():
        if time.monotonic() - began_s > limit_s:
            raise TimeoutError(f"not within {limit_s:g} s: {description}")
        await asyncio.sleep(0.02)
    return time.monotonic() - began_s


def service(
    name: str, namespace: str = "default", image: str = "dev.local/hello:1", **annotations: str
) -> Object:
    """Return the manifest of a Knative Service; annotations by short name, such as `min_scale="2"`.

    Knative does not resolve images of dev.local in a registry.
    """
    short = {f"autoscaling.knative.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    template = {"metadata": {"annotations": short}, "spec": {"containers": [{"image": image}]}}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": template},
    }


async def deploy(api: Api, manifest: Object, limit_s: float = 60) -> str:
    """Apply a Knative Service and wait until it is Ready; return the name of its latest ready Revision."""
    applied = await api.apply(manifest)
    path = await api.path(manifest)

    async def is_ready() -> bool:
        current = await api.get(path)
        is_current = current.get("status", {}).get("observedGeneration") == applied["metadata"]["generation"]
        return is_current and condition(current, "Ready") == "True"

    await wait_until(is_ready, limit_s, f"Service {manifest['metadata']['name']} is Ready")
    return str((await api.get(path))["status"]["latestReadyRevisionName"])


def condition(obj: Object, kind: str) -> str | None:
    """Return the status of a condition of an object; None where it has no such condition."""
    conditions = obj.get("status", {}).get("conditions") or []
    return next((c["status"] for c in conditions if c["type"] == kind), None)


@dataclass(frozen=True)
class Scale:
    """The scale of a Revision: its floors, the decision of the KPA, and its pods."""

    revision_floor: str | None
    """min-scale on the Revision; None where it has none."""
    pa_floor: str | None
    """min-scale on the PodAutoscaler."""
    desired: int | None
    """Decision of the KPA; None or -1 before its first decision."""
    replicas: int
    ready: int
    reachability: str
    active: str | None


async def scale(api: Api, revision: str, namespace: str = "default") -> Scale:
    revision_object, pa, deployment = await asyncio.gather(
        api.get(f"{SERVING.format(namespace)}/revisions/{revision}"),
        api.get(f"{AUTOSCALING.format(namespace)}/podautoscalers/{revision}"),
        api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{revision}-deployment"),
    )
    return Scale(
        revision_floor=revision_object["metadata"].get("annotations", {}).get(MIN_SCALE),
        pa_floor=pa["metadata"].get("annotations", {}).get(MIN_SCALE),
        desired=pa.get("status", {}).get("desiredScale"),
        replicas=deployment["spec"].get("replicas", 0),
        ready=deployment.get("status", {}).get("readyReplicas", 0),
        reachability=pa["spec"].get("reachability", ""),
        active=condition(pa, "Active"),
    )


async def annotate(api: Api, path: str, **annotations: str | None) -> None:
    """Set autoscaling annotations by short name on a Revision or PodAutoscaler; None removes one."""
    keys = {f"autoscaling.knative.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}
    await api.merge(path, {"metadata": {"annotations": keys}})


async def restart(
    api: Api, app: str, namespace: str = "knative-serving", grace_s: int | None = None
) -> float:
    """Delete the pods with a label app (grace 0: SIGKILL); return the seconds until new pods are ready."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    names_before = {p["metadata"]["name"] for p in (await api.get(pods, labelSelector=f"app={app}"))["items"]}
    for name in names_before:
        await api.delete(f"{pods}/{name}", grace_s)

    async def are_replaced() -> bool:
        pods_now = (await api.get(pods, labelSelector=f"app={app}"))["items"]
        return bool(pods_now) and all(
            p["metadata"]["name"] not in names_before and condition(p, "Ready") == "True" for p in pods_now
        )

    return await wait_until(are_replaced, 60, f"new pods of {app}")


async def wait_for_leader(api: Api, limit_s: float = 60) -> float:
    """Return the seconds until an existing pod holds the Lease of the autoscaler; before, none decides."""
    lease = "/apis/coordination.k8s.io/v1/namespaces/knative-serving/leases/autoscaler-bucket-00-of-01"
    pods = "/api/v1/namespaces/knative-serving/pods"

    async def is_held() -> bool:
        holder = ((await api.find(lease)) or {"spec": {}})["spec"].get("holderIdentity") or ""
        running = (await api.get(pods, labelSelector="app=autoscaler"))["items"]
        # The holder is POD_ADDRESS.
        return any(holder.startswith(pod["metadata"]["name"] + "_") for pod in running)

    return await wait_until(is_held, limit_s, "an autoscaler leads")


async def service_account(api: Api, name: str, rules: list[Object], namespace: str = "default") -> str:
    """Create a ServiceAccount with RBAC rules for the whole cluster; return its token."""
    rbac, full = "rbac.authorization.k8s.io", f"{namespace}-{name}"
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": full}
    meta = {"name": full}
    await api.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
    )
    await api.apply({"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules})
    binding = {"kind": "ClusterRoleBinding", "metadata": meta, "subjects": [subject], "roleRef": role}
    await api.apply({"apiVersion": f"{rbac}/v1", **binding})
    return await api.token(namespace, name)


def writes(audit: Path, user: str = "", resource: str = "") -> list[Object]:
    """Return the audit events of changes, also of refused ones.

    user       part of the name of the user; empty: all users
    resource   such as `revisions`; empty: all resources
    """
    reading = ("get", "list", "watch")
    with audit.open() as lines:
        events = [json.loads(line) for line in lines if line.endswith("\n")]
    return [
        event
        for event in events
        if event["verb"] not in reading
        and user in event["user"]["username"]
        and resource in ("", event.get("objectRef", {}).get("resource"))
    ]


def set_knobs(home: Home, revision: str = "*", **values: Any) -> None:
    """Change the behaviour of pods (node/knobs.py) from now on, for Revisions with a name or pattern."""
    knobs = json.loads(home.knobs.read_text())
    knobs["revisions"].setdefault(revision, {}).update(values)
    new_file = home.knobs.with_suffix(".new")
    new_file.write_text(json.dumps(knobs, indent=1))
    new_file.rename(home.knobs)
