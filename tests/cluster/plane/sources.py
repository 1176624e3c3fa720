"""Define the parts to build, one Go module each under `mods/`, and the directories of their programs."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

MODS = Path(__file__).resolve().parent.parent / "mods"
GENERATIONS = sorted(
    (p.name.removeprefix("serving-") for p in MODS.glob("serving-*")),
    key=lambda g: [int(n) for n in g.split(".")],
)
"""Knative Serving generations that can be chosen, such as 1.23."""

PROGRAM_NAMES = {"go.etcd.io/etcd/server/v3": "etcd"}
"""Programs whose package path does not end in their name."""


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tidecast-cluster"


@dataclass(frozen=True)
class Source:
    """A directory of `mods/`: its go.mod pins the version, its tools.go names the programs."""

    name: str

    @property
    def module(self) -> Path:
        return MODS / self.name

    @property
    def version(self) -> str:
        """The version of the first required module, such as v0.50.0.

        Raises:
            ValueError: go.mod requires no module.
        """
        match = re.search(r"^require \S+ (v\S+)", (self.module / "go.mod").read_text(), re.MULTILINE)
        if not match:
            raise ValueError(f"{self.module}/go.mod requires no module")
        return match[1]

    @property
    def programs(self) -> dict[str, str]:
        """Program name -> Go package."""
        packages = re.findall(r'_ "([^"]+)"', (self.module / "tools.go").read_text())
        return {PROGRAM_NAMES.get(p, p.rsplit("/", 1)[-1]): p for p in packages}

    def home(self, cache: Path) -> Path:
        """Return the directory of the built programs; changed pins give another directory."""
        pins = hashlib.sha256()
        for name in ("go.mod", "go.sum", "tools.go"):
            pins.update((self.module / name).read_bytes())
        return cache / f"{self.name}-{self.version}-{pins.hexdigest()[:8]}"


def sources(serving: str) -> list[Source]:
    """Return the parts of a cluster with a Serving generation ("none": Kubernetes alone).

    Raises:
        ValueError: the generation is not one of GENERATIONS.
    """
    if serving != "none" and serving not in GENERATIONS:
        raise ValueError(f"serving must be none or one of {', '.join(GENERATIONS)}: {serving}")
    names = ["etcd", "kubernetes"] + ([f"serving-{serving}"] if serving != "none" else [])
    return [Source(name) for name in names]
