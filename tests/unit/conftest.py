"""Event loops that tests may ask for by name."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

import pytest

from quantleap.adapters.lines import new_loop

type Loops = Mapping[str, Callable[[], AbstractEventLoop]]

USUAL: Loops = {"asyncio": asyncio.new_event_loop}
ALL: Loops = {**USUAL, "uvloop": new_loop}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Loops:
    """All of them for a test that names some, and the usual one for every other."""
    marker = item.get_closest_marker("asyncio")
    return ALL if marker is not None and "loop_factories" in marker.kwargs else USUAL
