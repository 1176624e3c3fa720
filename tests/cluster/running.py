"""Run a cluster for a test session: start, stop, apply, and read its audit log."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cluster
import yaml
from plane.api import Api, Object
from plane.layout import Home
from plane.testkit import writes

T = TypeVar("T")


class NotBuiltError(Exception):
    """The programs are not built; the message contains the command that builds them."""


@dataclass(frozen=True)
class RunningCluster:
    """A cluster that is up."""

    home: Home
    serving: str

    @property
    def ports(self) -> dict[str, str]:
        """Published name -> host:port on 127.0.0.1."""
        return dict(json.loads(self.home.ports.read_text()))

    def do(self, action: Callable[[Api], Awaitable[T]]) -> T:
        """Return the result of an action that uses the API as administrator."""

        async def call() -> T:
            async with Api.from_kubeconfig(self.home.kubeconfig) as api:
                return await action(api)

        return asyncio.run(call())

    def apply(self, *manifests: Path) -> None:
        """Apply all objects of these files."""

        async def apply_files(api: Api) -> None:
            for path in manifests:
                for manifest in filter(None, yaml.safe_load_all(path.read_text())):
                    await api.apply(manifest)

        self.do(apply_files)

    def account(self, namespace: str, name: str) -> Path:
        """Write the kubeconfig of a ServiceAccount, for processes outside; return its path."""
        path = self.home.root / f"{namespace}-{name}.kubeconfig"
        path.write_text(asyncio.run(cluster.account_kubeconfig(self.home, f"{namespace}/{name}")))
        return path

    def inside(self, *command: str) -> list[str]:
        """Return the command line that runs a command in the network of the cluster, with its DNS."""
        return [*cluster.inside(self.home), *command]

    def writes(self, user: str) -> list[Object]:
        """Return the audit events of changes, also refused ones, by users whose name contains `user`."""
        return writes(self.home.audit, user=user)


@contextlib.contextmanager
def running(
    root: Path, serving: str, settings: dict[str, dict[str, str]] | None = None, **publish: str
) -> Iterator[RunningCluster]:
    """Yield a cluster that is up, and stop it afterwards; `settings` and `publish` are those of `cluster.up`.

    Raises:
        NotBuiltError: the programs of the cluster are not built, or it does not start.
    """
    home = Home(root)
    try:
        cluster.up(home, serving, settings=settings, publish=publish)
    except SystemExit as e:
        raise NotBuiltError(str(e)) from None
    try:
        yield RunningCluster(home, serving)
    finally:
        cluster.down(home)


def annotations_of(obj: Any) -> dict[str, str]:
    """Return the annotations of an object; empty where it has none."""
    return dict(obj["metadata"].get("annotations") or {})
