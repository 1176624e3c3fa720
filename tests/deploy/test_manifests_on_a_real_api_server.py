"""A real kube-apiserver accepts every manifest of deploy/ with strict field validation."""

from pathlib import Path

import pytest
import yaml
from plane.api import APPLY, Api
from running import RunningCluster

DEPLOY = Path(__file__).parents[2] / "deploy"
RESOURCES: list[str] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("name", RESOURCES)
def test_api_server_accepts_every_object(serving: RunningCluster, name: str) -> None:
    objects = [obj for obj in yaml.safe_load_all((DEPLOY / name).read_text()) if obj]
    query = {"fieldManager": "tidecast-test", "dryRun": "All", "fieldValidation": "Strict", "force": "true"}

    async def apply(api: Api) -> list[str]:
        answers = [await api.request("PATCH", await api.path(obj), obj, APPLY, **query) for obj in objects]
        return [answer["kind"] for answer in answers]

    assert serving.do(apply) == [obj["kind"] for obj in objects]
