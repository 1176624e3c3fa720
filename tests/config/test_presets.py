"""The presets that may be configured are those that exist."""

from config.sources import PRESETS
from forecaster.sources import presets


def test_every_preset_has_its_name_in_the_configuration() -> None:
    assert sorted(PRESETS) == sorted({"auto", "custom", *presets.PRESETS})
