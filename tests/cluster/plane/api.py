"""A small client of the Kubernetes API that installs, watches and tests a cluster without kubectl."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

Object = dict[str, Any]

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class RefusedError(Exception):
    """The API server answered with an error."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"{method} {path}: {status} {message[:512]}")
        self.status = status


class Api:
    """A client of one API server; use it as `async with Api.from_kubeconfig(path) as api`."""

    def __init__(self, server: str, token: str, ca: str) -> None:
        self._server = server
        self._tls = ssl.create_default_context(cadata=ca)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._kinds: dict[str, dict[str, Object]] = {}

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        config = yaml.safe_load(path.read_text())
        cluster = config["clusters"][0]["cluster"]
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return cls(cluster["server"], config["users"][0]["user"]["token"], ca)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        timeout = aiohttp.ClientTimeout(total=30)
        self._session = aiohttp.ClientSession(
            self._server, headers=self._headers, connector=connector, timeout=timeout
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json", **query: str
    ) -> Any:
        headers = {"Content-Type": kind} if body is not None else {}
        data = json.dumps(body) if body is not None else None
        async with self._session.request(method, path, data=data, headers=headers, params=query) as response:
            text = await response.text()
            answer = json.loads(text) if text.startswith("{") else text
            if response.status >= 400:
                message = answer.get("message", "") if isinstance(answer, dict) else text
                raise RefusedError(method, path, response.status, message)
            return answer

    async def get(self, path: str, **query: str) -> Any:
        return await self.request("GET", path, None, **query)

    async def find(self, path: str) -> Any:
        """Return the body of a GET; None where the object does not exist."""
        try:
            return await self.get(path)
        except RefusedError as refused:
            if refused.status != 404:
                raise
            return None

    async def merge(self, path: str, patch: Object) -> Any:
        return await self.request("PATCH", path, patch, MERGE)

    async def delete(self, path: str, grace_s: int | None = None) -> None:
        await self.request("DELETE", path, None if grace_s is None else {"gracePeriodSeconds": grace_s})

    async def apply(self, manifest: Object, manager: str = "cluster") -> Any:
        """Create or change an object of any kind by server-side apply."""
        path = await self.path(manifest)
        return await self.request("PATCH", path, manifest, APPLY, fieldManager=manager, force="true")

    async def path(self, manifest: Object) -> str:
        """Return the path of the object of a manifest, by discovery of its kind.

        Raises:
            RefusedError: the API server does not serve the kind.
        """
        version = manifest["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if manifest["kind"] not in self._kinds.get(version, {}):
            resources = (await self.get(root))["resources"]
            self._kinds[version] = {r["kind"]: r for r in resources if "/" not in r["name"]}
        resource = self._kinds[version].get(manifest["kind"])
        if resource is None:
            raise RefusedError("GET", root, 404, f"no kind {manifest['kind']}")
        meta = manifest["metadata"]
        scope = f"/namespaces/{meta.get('namespace', 'default')}" if resource["namespaced"] else ""
        return f"{root}{scope}/{resource['name']}/{meta['name']}"

    async def watch(self, path: str, **query: str) -> AsyncIterator[tuple[str, Object]]:
        """Yield ("LISTED", list), then (ADDED|MODIFIED|DELETED, object) without end.

        After the stream breaks, the objects are listed again.
        """
        while True:
            try:
                listed = await self.get(path, **query)
                yield "LISTED", listed
                version = listed["metadata"]["resourceVersion"]
                async for event in self._stream(path, watch="1", resourceVersion=version, **query):
                    if event["type"] == "ERROR":
                        break
                    yield event["type"], event["object"]
            except (RefusedError, aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.5)

    async def _stream(self, path: str, **query: str) -> AsyncIterator[Object]:
        no_limit = aiohttp.ClientTimeout(total=None)
        async with self._session.get(path, params=query, timeout=no_limit) as response:
            response.raise_for_status()
            pending = b""
            # Not `async for line`: objects may be longer than the line limit of the stream reader.
            async for chunk in response.content.iter_any():
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    async def token(self, namespace: str, account: str, seconds: int = 24 * 3600) -> str:
        """Return a token of a ServiceAccount (TokenRequest)."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str((await self.request("POST", path, body))["status"]["token"])
