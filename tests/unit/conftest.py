"""Event loops that tests may ask for by name."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

import pytest

from quantleap.adapters.lines import new_loop

LOOPS: Mapping[str, Callable[[], AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop, "uvloop": new_loop}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], AbstractEventLoop]] | None:
    """All of them for a test that names some, and the plugin's own for every other."""
    marker = item.get_closest_marker("asyncio")
    return LOOPS if marker is not None and "loop_factories" in marker.kwargs else None
