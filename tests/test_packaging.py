"""Packaging: the import names belong to this distribution, and versions and dependencies agree."""

import tomllib
from importlib.metadata import packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", ["forecaster", "scaler", "models", "config"])
def test_import_names_belong_to_no_other_distribution(name: str) -> None:
    owners = set(packages_distributions().get(name, [])) - {"tidecast"}
    assert not owners, f"{owners} also install a top-level {name!r}"
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin == str(ROOT / name / "__init__.py")


def test_wheel_contains_every_package() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages == set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_installed_version_is_that_of_pyproject_and_changelog() -> None:
    assert version("tidecast") == PROJECT["project"]["version"]
    assert f"## [{version('tidecast')}]" in (ROOT / "CHANGELOG.md").read_text()


def test_lock_contains_every_dependency() -> None:
    locked = {
        line.partition("==")[0].lower()
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    requirements = [*(requires("tidecast") or []), *PROJECT["dependency-groups"]["dev"]]
    required = {project_name(requirement) for requirement in requirements}
    assert required - locked == set()


def project_name(requirement: str) -> str:
    """Return the normalized name of the project in a requirement such as `numpy>=1.26`."""
    end = next((i for i, letter in enumerate(requirement) if letter in " <>=!~;["), len(requirement))
    return requirement[:end].lower().replace("_", "-")
