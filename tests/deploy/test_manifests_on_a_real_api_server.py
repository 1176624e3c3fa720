"""The manifests as kube-apiserver sees them: known fields only, and everything it would refuse."""

from pathlib import Path

import pytest
import yaml
from plane.api import APPLY, Api
from running import RunningCluster

DEPLOY = Path(__file__).parents[2] / "deploy"
LISTED: list[str] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("name", LISTED)
def test_it_takes_every_object(serving: RunningCluster, name: str) -> None:
    objects = [each for each in yaml.safe_load_all((DEPLOY / name).read_text()) if each]
    query = {"fieldManager": "tidecast-test", "dryRun": "All", "fieldValidation": "Strict", "force": "true"}

    async def apply(api: Api) -> list[str]:
        answers = [await api.request("PATCH", await api.path(each), each, APPLY, **query) for each in objects]
        return [answer["kind"] for answer in answers]

    assert serving.do(apply) == [each["kind"] for each in objects]
