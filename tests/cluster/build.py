#!/usr/bin/env python3
"""Build the control plane's programs through the Go module proxy into a cache directory.

    build.py [--serving 1.23] [--cache DIR]

Needs only Go (the version in mods/*/go.mod or newer) and its module proxy.  Programs that exist are not
built again.
"""

import argparse
import os
import shutil
import subprocess
import time
from pathlib import Path

from plane.sources import GENERATIONS, Source, default_cache, sources

MANIFESTS = {
    "knative.dev/serving": ["config/core", "config/hpa-autoscaling"],
    "knative.dev/networking": ["config"],
    "knative.dev/caching": ["config"],
}
"""Module -> folders with its CRDs, RBAC, ConfigMaps, Deployments.  Serving's tree links to files of the other
two modules.  Module zips contain no links, so the files are copied from the modules that have them."""


def build(source: Source, cache: Path) -> None:
    home = source.home(cache)
    if home.exists():
        print(f"{source.name} {source.version}: ready in {home}")
        return
    partial = home.with_name(home.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for program, package in source.programs.items():
        began = time.monotonic()
        print(f"{source.name} {source.version}: {program} ...", end=" ", flush=True)
        go(source, "build", "-trimpath", f"-ldflags={link_flags(source)}", "-o", partial / program, package)
        print(f"{time.monotonic() - began:.0f} s", flush=True)
    if source.name.startswith("serving-"):
        copy_manifests(source, partial / "manifests")
    partial.rename(home)


def link_flags(source: Source) -> str:
    """Return flags that omit symbol tables and set Kubernetes' version, which Knative's programs check."""
    flags = "-s -w"
    if source.name.startswith("kubernetes"):
        major, minor = source.version.removeprefix("v").split(".")[:2]
        for key, value in {"gitVersion": source.version, "gitMajor": major, "gitMinor": minor}.items():
            flags += f" -X k8s.io/component-base/version.{key}={value}"
    return flags


def copy_manifests(source: Source, to: Path) -> None:
    for module, folders in MANIFESTS.items():
        root = Path(go(source, "list", "-m", "-f", "{{.Dir}}", module))
        for folder in folders:
            for path in sorted((root / folder).rglob("*.yaml")):
                target = to / module.rsplit("/", 1)[-1] / path.relative_to(root / folder.split("/")[0])
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())


def go(source: Source, *args: object) -> str:
    # Without cgo the programs are static, so a cache filled on one image runs on another.
    env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    command = ["go", *map(str, args)]
    return subprocess.run(
        command, cwd=source.module, env=env, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serving", default=GENERATIONS[-1], choices=[*GENERATIONS, "none"])
    parser.add_argument("--cache", type=Path, default=default_cache())
    options = parser.parse_args()
    for source in sources(options.serving):
        build(source, options.cache)


if __name__ == "__main__":
    main()
