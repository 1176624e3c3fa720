"""python -m plane.node --home DIR [--programs DIR] [--serving GENERATION]"""

import argparse
import asyncio
from pathlib import Path

from plane.api import Api
from plane.layout import NODE_NAME, Home
from plane.node import dns, exposition
from plane.node.ingress import Ingress
from plane.node.knobs import Knobs
from plane.node.kubelet import Kubelet
from plane.node.service_proxy import ServiceProxy
from plane.node.simulated_pod import Expose

CAPACITY = {"pods": "1000", "cpu": "1000", "memory": "4Ti"}


async def run(home: Home, programs: Path | None, serving: str) -> None:
    async with Api.from_kubeconfig(home.pki("kubelet.kubeconfig")) as api:
        await api.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE_NAME}})
        ready = {"type": "Ready", "status": "True", "reason": "StandIn"}
        status = {"status": {"conditions": [ready], "capacity": CAPACITY, "allocatable": CAPACITY}}
        await api.merge(f"/api/v1/nodes/{NODE_NAME}/status", status)
        services = ServiceProxy(api)
        ingress = Ingress(api, services)
        await dns.serve(services)
        await ingress.serve()
        kubelet = Kubelet(api, home, Knobs(home.knobs), programs, exposition_of(serving))
        await asyncio.gather(kubelet.run(), services.run(), ingress.run())


def exposition_of(serving: str) -> Expose:
    """Return the metrics format of queue-proxies of a Serving generation; "none": the newest format."""
    uses_opencensus = serving != "none" and tuple(map(int, serving.split("."))) < (1, 19)
    return exposition.opencensus if uses_opencensus else exposition.opentelemetry


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--programs", type=Path, help="directory of the programs of ko:// images")
    parser.add_argument("--serving", default="none", help="generation whose metrics pods expose")
    options = parser.parse_args()
    asyncio.run(run(Home(options.home), options.programs, options.serving))


if __name__ == "__main__":
    main()
