"""The presets of the configuration are those of the sources."""

from config.sources import PRESETS
from forecaster.sources import presets


def test_configuration_names_every_preset() -> None:
    assert sorted(PRESETS) == sorted({"auto", "custom", *presets.PRESETS})
