"""Print the external components that the selected tests need: `pytest -p needs --collect-only`.

The output is one line, such as `needs: cluster prometheus`; it has no component where the tests need none.
"""

import pytest

COMPONENTS = ("prometheus", "prometheus3", "cluster", "chromium")


def pytest_collection_finish(session: pytest.Session) -> None:
    marks = {mark.name for item in session.items for mark in item.iter_markers()}
    needed = [name for name in COMPONENTS if name in marks]
    print(f"\nneeds: {' '.join(needed)}")
