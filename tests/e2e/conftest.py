"""One platform for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.e2e.platform import Platform, free_port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests after which nobody could trade on the platform come last."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that is up, with a folder and ports of its own."""
    platform = Platform(tmp_path_factory.mktemp("platform"), free_port())
    platform.start()
    yield platform
    platform.stop()
