"""Simulate the ingress controller and the gateway: set each KIngress ready, and route requests by it."""

import random
import time

import aiohttp
from aiohttp import web

from plane.api import MERGE, Api, Object
from plane.layout import CONTROL_ADDRESS, GATEWAY_PORT
from plane.node.service_proxy import ServiceProxy

NETWORKING = "/apis/networking.internal.knative.dev/v1alpha1"
INGRESSES = f"{NETWORKING}/ingresses"
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "upgrade",
}


class Ingress:
    def __init__(self, api: Api, services: ServiceProxy) -> None:
        self._api, self._services = api, services
        self._ingresses: dict[tuple[str, str], Object] = {}

    async def run(self) -> None:
        """Watch the ingresses; before Knative is installed the resource is missing, and the watch retries."""
        async for event, obj in self._api.watch(INGRESSES):
            for ingress in obj["items"] if event == "LISTED" else [obj]:
                key = ingress["metadata"]["namespace"], ingress["metadata"]["name"]
                if event == "DELETED":
                    self._ingresses.pop(key, None)
                else:
                    self._ingresses[key] = ingress
                    await self._mark_ready(ingress)

    async def _mark_ready(self, ingress: Object) -> None:
        generation = ingress["metadata"]["generation"]
        if ingress.get("status", {}).get("observedGeneration") == generation:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        kinds = ("LoadBalancerReady", "NetworkConfigured", "Ready")
        conditions = [{"type": k, "status": "True", "lastTransitionTime": stamp} for k in kinds]
        balancer = {"ingress": [{"domainInternal": "gateway.invalid"}]}
        status = {"observedGeneration": generation, "conditions": conditions}
        status |= {"publicLoadBalancer": balancer, "privateLoadBalancer": balancer}
        meta = ingress["metadata"]
        path = f"{NETWORKING}/namespaces/{meta['namespace']}/ingresses/{meta['name']}"
        await self._api.request("PATCH", f"{path}/status", {"status": status}, MERGE)

    async def serve(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._route)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, CONTROL_ADDRESS, GATEWAY_PORT, backlog=1024).start()
        timeout = aiohttp.ClientTimeout(total=600)
        self._session = aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
        )

    async def _route(self, request: web.Request) -> web.Response:
        path = self._path(request.host.split(":")[0])
        if path is None:
            return web.Response(status=404, text="no route for that host\n")
        splits = path["splits"]
        split = random.choices(splits, [s.get("percent", 100) for s in splits])[0]
        namespace, name, port = split["serviceNamespace"], split["serviceName"], split["servicePort"]
        address = (self._services.service(namespace, name) or {"spec": {}})["spec"].get("clusterIP")
        if not address:
            return web.Response(status=503, text=f"no service {namespace}/{name}\n")
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        headers |= path.get("appendHeaders", {}) | split.get("appendHeaders", {})
        url = f"http://{address}:{port}{request.raw_path}"
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=await request.read(), allow_redirects=False
            ) as answer:
                headers_out = {
                    k: v
                    for k, v in answer.headers.items()
                    if k.lower() not in HOP_BY_HOP - {"content-encoding"}
                }
                return web.Response(status=answer.status, headers=headers_out, body=await answer.read())
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=f"{name}: {error}\n")

    def _path(self, host: str) -> Object | None:
        """Return the routing of a host; conditions on the path are not simulated."""
        rules = (rule for ingress in self._ingresses.values() for rule in ingress["spec"].get("rules", []))
        return next((rule["http"]["paths"][-1] for rule in rules if host in rule["hosts"]), None)
