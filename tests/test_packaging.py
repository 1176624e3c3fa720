"""The import names are the folders' names, which others might use as well."""

import tomllib
from importlib.metadata import packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", ["forecaster", "scaler", "models", "config"])
def test_no_other_distribution_owns_our_import_names(name: str) -> None:
    owners = set(packages_distributions().get(name, [])) - {"tidecast"}
    assert not owners, f"{owners} also install a top-level {name!r}"
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin == str(ROOT / name / "__init__.py")


def test_every_package_is_in_the_wheel() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages == set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_the_version_is_one() -> None:
    assert version("tidecast") == PROJECT["project"]["version"]
    assert f"## [{version('tidecast')}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_lock_has_every_dependency() -> None:
    locked = {
        line.partition("==")[0].lower()
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    asked = [*(requires("tidecast") or []), *PROJECT["dependency-groups"]["dev"]]
    names = {policy_name(requirement) for requirement in asked}
    assert names - locked == set()


def policy_name(requirement: str) -> str:
    end = next((at for at, letter in enumerate(requirement) if letter in " <>=!~;["), len(requirement))
    return requirement[:end].lower().replace("_", "-")
