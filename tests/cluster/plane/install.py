"""Knative Serving's own manifests, applied in the order that admission webhooks allow."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import yaml

from plane.api import Api, Object, RefusedError
from plane.testkit import service, until

SYSTEM = "knative-serving"

QUICK = {
    "config-autoscaler": {"scale-to-zero-grace-period": "6s"},
    "config-domain": {"example.com": ""},
    "config-leader-election": {"lease-duration": "15s", "renew-deadline": "10s", "retry-period": "2s"},
    "config-logging": {"loglevel.autoscaler": "debug"},
    "config-observability": {"metrics-protocol": "prometheus"},
}
"""Differences from Knative's defaults (30s; svc.cluster.local; 60s, 40s, 10s; info; none)."""

LATER = (
    "Image",
    "Certificate",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "Deployment",
)
"""Kinds in this order after all others: instances once their kind is served, before a webhook is asked."""


async def install_serving(
    api: Api,
    manifests: Path,
    generation: str,
    settings: dict[str, dict[str, str]],
    say: Callable[[str], None],
) -> None:
    objects = read(manifests, generation)
    for name, data in [*QUICK.items(), *settings.items()]:
        config = next(o for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == name)
        config.setdefault("data", {}).update(data)
    first = [o for o in objects if o["kind"] not in LATER]
    first.sort(key=lambda o: o["kind"] != "Namespace")
    await api.apply(first[0])
    await asyncio.gather(*(api.apply(o) for o in first[1:]))
    for kind in LATER:
        await asyncio.gather(*(apply_when_served(api, o) for o in objects if o["kind"] == kind))
    say("Knative's manifests applied")
    await until(lambda: deployments_ready(api), 90, "Knative's deployments are ready")
    say("Knative's programs ready")
    await until(lambda: admits(api), 60, "the webhook answers")


def read(manifests: Path, generation: str) -> list[Object]:
    """All objects but what scales Knative's own programs; versions as a release would label them."""
    version = release(manifests.parent.name, generation)
    objects = []
    for path in sorted(manifests.rglob("*.yaml")):
        if "hpa" not in path.name and "hpa" not in path.parent.name:
            text = path.read_text().replace(
                "app.kubernetes.io/version: devel", f'app.kubernetes.io/version: "{version}"'
            )
            objects += [o for o in yaml.safe_load_all(text) if o]
    return [o for o in objects if o["kind"] not in ("HorizontalPodAutoscaler", "PodDisruptionBudget")]


def release(home: str, generation: str) -> str:
    """Module version v0.50.0 is release 1.23.0: only the patch carries over."""
    found = re.search(r"-v0\.\d+\.(\d+)", home)
    return f"{generation}.{found[1] if found else 0}"


async def apply_when_served(api: Api, manifest: Object) -> None:
    """A CustomResourceDefinition applied a moment ago may not be served yet."""

    async def applied() -> bool:
        try:
            await api.apply(manifest)
        except RefusedError as refused:
            if refused.status != 404:
                raise
            return False
        return True

    await until(applied, 30, f"{manifest['kind']} is served")


async def deployments_ready(api: Api) -> bool:
    items = (await api.get(f"/apis/apps/v1/namespaces/{SYSTEM}/deployments"))["items"]
    return all(d.get("status", {}).get("readyReplicas", 0) >= d["spec"].get("replicas", 1) for d in items)


async def admits(api: Api) -> bool:
    """Would a Service be admitted, defaulted and validated?"""
    path = "/apis/serving.knative.dev/v1/namespaces/default/services"
    try:
        made = await api.request("POST", path, service("admission"), dryRun="All")
    except RefusedError:
        return False
    # Filled in by the defaulting webhook.
    return "timeoutSeconds" in made["spec"]["template"]["spec"]
