"""A cluster for the length of a test session, and what a test does with it."""

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
    """The programs are not there; the message has the command that builds them."""


@dataclass(frozen=True)
class RunningCluster:
    """One cluster that is up."""

    home: Home
    serving: str

    @property
    def ports(self) -> dict[str, str]:
        """Published name -> host:port of 127.0.0.1."""
        return dict(json.loads(self.home.ports.read_text()))

    def do(self, act: Callable[[Api], Awaitable[T]]) -> T:
        """Do something as administrator."""

        async def within() -> T:
            async with Api.from_kubeconfig(self.home.kubeconfig) as api:
                return await act(api)

        return asyncio.run(within())

    def apply(self, *manifests: Path) -> None:
        """Apply all objects of these files."""

        async def each(api: Api) -> None:
            for path in manifests:
                for manifest in filter(None, yaml.safe_load_all(path.read_text())):
                    await api.apply(manifest)

        self.do(each)

    def account(self, namespace: str, name: str) -> Path:
        """A kubeconfig of that ServiceAccount, for processes outside."""
        path = self.home.root / f"{namespace}-{name}.kubeconfig"
        path.write_text(asyncio.run(cluster.account_kubeconfig(self.home, f"{namespace}/{name}")))
        return path

    def inside(self, *command: str) -> list[str]:
        """A command line that runs in the cluster's network, with its DNS and all its addresses."""
        return [*cluster.inside(self.home), *command]

    def writes(self, user: str) -> list[Object]:
        """Audit events of all changes, refused ones too, by users with that in their name."""
        return writes(self.home.audit, user=user)


@contextlib.contextmanager
def running(
    root: Path, serving: str, settings: dict[str, dict[str, str]] | None = None, **publish: str
) -> Iterator[RunningCluster]:
    """A cluster that is up.  `settings` and `publish` as `cluster.up` has them."""
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
    """The annotations of an object, empty where it has none."""
    return dict(obj["metadata"].get("annotations") or {})
