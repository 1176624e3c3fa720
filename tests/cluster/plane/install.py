"""Install Knative Serving from its own manifests, in the order that its admission webhooks allow."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import yaml

from plane.api import Api, Object, RefusedError
from plane.testkit import service, wait_until

SYSTEM = "knative-serving"

SHORT_TIMES = {
    "config-autoscaler": {"scale-to-zero-grace-period": "6s"},
    "config-domain": {"example.com": ""},
    "config-leader-election": {"lease-duration": "15s", "renew-deadline": "10s", "retry-period": "2s"},
    "config-logging": {"loglevel.autoscaler": "debug"},
    "config-observability": {"metrics-protocol": "prometheus"},
}
"""Differences from Knative's defaults (30s; svc.cluster.local; 60s, 40s, 10s; info; none)."""

LAST_KINDS = (
    "Image",
    "Certificate",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "Deployment",
)
"""Kinds that follow all others, in this order: their CRDs must be served, and webhooks run last."""


async def install_serving(
    api: Api,
    manifests: Path,
    generation: str,
    settings: dict[str, dict[str, str]],
    report: Callable[[str], None],
) -> None:
    objects = read(manifests, generation)
    for name, data in [*SHORT_TIMES.items(), *settings.items()]:
        config = next(o for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == name)
        config.setdefault("data", {}).update(data)
    first = [o for o in objects if o["kind"] not in LAST_KINDS]
    first.sort(key=lambda o: o["kind"] != "Namespace")
    await api.apply(first[0])
    await asyncio.gather(*(api.apply(o) for o in first[1:]))
    for kind in LAST_KINDS:
        await asyncio.gather(*(apply_when_served(api, o) for o in objects if o["kind"] == kind))
    report("Knative's manifests applied")
    await wait_until(lambda: deployments_ready(api), 90, "Knative's deployments are ready")
    report("Knative's programs ready")
    await wait_until(lambda: admits(api), 60, "the webhook answers")


def read(manifests: Path, generation: str) -> list[Object]:
    """Return all objects except those that scale Knative's programs, with the version labels of a release."""
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
    """Return the release of a module version: v0.50.0 is 1.23.0 of generation 1.23; the patch is the same."""
    match = re.search(r"-v0\.\d+\.(\d+)", home)
    return f"{generation}.{match[1] if match else 0}"


async def apply_when_served(api: Api, manifest: Object) -> None:
    """Apply an object whose CustomResourceDefinition may not be served yet."""

    async def applied() -> bool:
        try:
            await api.apply(manifest)
        except RefusedError as refused:
            if refused.status != 404:
                raise
            return False
        return True

    await wait_until(applied, 30, f"{manifest['kind']} is served")


async def deployments_ready(api: Api) -> bool:
    items = (await api.get(f"/apis/apps/v1/namespaces/{SYSTEM}/deployments"))["items"]
    return all(d.get("status", {}).get("readyReplicas", 0) >= d["spec"].get("replicas", 1) for d in items)


async def admits(api: Api) -> bool:
    """Return whether the webhook admits a Service and fills in its defaults."""
    path = "/apis/serving.knative.dev/v1/namespaces/default/services"
    try:
        created = await api.request("POST", path, service("admission"), dryRun="All")
    except RefusedError:
        return False
    # Filled in by the defaulting webhook.
    return "timeoutSeconds" in created["spec"]["template"]["spec"]
