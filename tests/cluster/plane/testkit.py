"""What tests of an autoscaler need: deploy, look, wait, act with few rights, prove what was written."""

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


async def until(condition: Callable[[], Awaitable[Any]], limit_s: float, what: str) -> float:
    """Seconds until the condition held; TimeoutError says what did not come."""
    began = time.monotonic()
    while not await condition():
        if time.monotonic() - began > limit_s:
            raise TimeoutError(f"not within {limit_s:g} s: {what}")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def service(
    name: str, namespace: str = "default", image: str = "dev.local/hello:1", **annotations: str
) -> Object:
    """A Knative Service; annotations by short name, `min_scale="2"`.

    Images of dev.local are not looked up anywhere.
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
    """Apply a Knative Service and wait for it; the name of its latest ready revision."""
    applied = await api.apply(manifest)
    path = await api.path(manifest)

    async def ready() -> bool:
        seen = await api.get(path)
        current = seen.get("status", {}).get("observedGeneration") == applied["metadata"]["generation"]
        return current and condition(seen, "Ready") == "True"

    await until(ready, limit_s, f"Service {manifest['metadata']['name']} is Ready")
    return str((await api.get(path))["status"]["latestReadyRevisionName"])


def condition(obj: Object, kind: str) -> str | None:
    conditions = obj.get("status", {}).get("conditions") or []
    return next((c["status"] for c in conditions if c["type"] == kind), None)


@dataclass(frozen=True)
class Scale:
    """How a revision is scaled: who asks for what, and what there is."""

    revision_floor: str | None
    """min-scale on the Revision; None where it has none."""
    pa_floor: str | None
    """min-scale on the PodAutoscaler."""
    desired: int | None
    """What the KPA decided; None or -1 before it knows."""
    replicas: int
    ready: int
    reachability: str
    active: str | None


async def scale(api: Api, revision: str, namespace: str = "default") -> Scale:
    made, pa, deployment = await asyncio.gather(
        api.get(f"{SERVING.format(namespace)}/revisions/{revision}"),
        api.get(f"{AUTOSCALING.format(namespace)}/podautoscalers/{revision}"),
        api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{revision}-deployment"),
    )
    return Scale(
        revision_floor=made["metadata"].get("annotations", {}).get(MIN_SCALE),
        pa_floor=pa["metadata"].get("annotations", {}).get(MIN_SCALE),
        desired=pa.get("status", {}).get("desiredScale"),
        replicas=deployment["spec"].get("replicas", 0),
        ready=deployment.get("status", {}).get("readyReplicas", 0),
        reachability=pa["spec"].get("reachability", ""),
        active=condition(pa, "Active"),
    )


async def annotate(api: Api, path: str, **annotations: str | None) -> None:
    """Set autoscaling annotations by short name on a Revision or PodAutoscaler; None removes."""
    keys = {f"autoscaling.knative.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}
    await api.merge(path, {"metadata": {"annotations": keys}})


async def restart(
    api: Api, app: str, namespace: str = "knative-serving", grace_s: int | None = None
) -> float:
    """Delete a deployment's pods by label app (grace 0: SIGKILL), wait for the new ones; seconds taken."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    old = {p["metadata"]["name"] for p in (await api.get(pods, labelSelector=f"app={app}"))["items"]}
    for name in old:
        await api.delete(f"{pods}/{name}", grace_s)

    async def replaced() -> bool:
        now = (await api.get(pods, labelSelector=f"app={app}"))["items"]
        return bool(now) and all(
            p["metadata"]["name"] not in old and condition(p, "Ready") == "True" for p in now
        )

    return await until(replaced, 60, f"new pods of {app}")


async def leading(api: Api, limit_s: float = 60) -> float:
    """Seconds until the autoscaler's lease is held by a pod that lives: only then does it decide anything."""
    lease = "/apis/coordination.k8s.io/v1/namespaces/knative-serving/leases/autoscaler-bucket-00-of-01"
    pods = "/api/v1/namespaces/knative-serving/pods"

    async def held() -> bool:
        holder = ((await api.find(lease)) or {"spec": {}})["spec"].get("holderIdentity") or ""
        living = (await api.get(pods, labelSelector="app=autoscaler"))["items"]
        # The holder is POD_ADDRESS.
        return any(holder.startswith(pod["metadata"]["name"] + "_") for pod in living)

    return await until(held, limit_s, "an autoscaler leads")


async def service_account(api: Api, name: str, rules: list[Object], namespace: str = "default") -> str:
    """A ServiceAccount that may do, in the whole cluster, what the RBAC rules say; its token."""
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
    """Audit events of changes, refused ones too.

    `user`: a part of the user's name; `resource`: such as `revisions`; empty: all.
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
    """Change how pods behave from now on (node/knobs.py), for revisions of that name or pattern."""
    knobs = json.loads(home.knobs.read_text())
    knobs["revisions"].setdefault(revision, {}).update(values)
    fresh = home.knobs.with_suffix(".new")
    fresh.write_text(json.dumps(knobs, indent=1))
    fresh.rename(home.knobs)
