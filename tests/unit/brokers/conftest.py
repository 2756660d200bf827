"""Every broker's adapter before the simulator that speaks as that broker does."""

from collections.abc import Iterator

import pytest

from quantleap.adapters.brokers.directory import BROKERS
from tests.unit.desk import Desk
from tests.unit.simulator import MORNING, Remote, running


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture(scope="module", params=sorted(BROKERS))
def opened(request: pytest.FixtureRequest, server: Remote) -> Desk:
    behave_well(server)
    return Desk(request.param, server)


@pytest.fixture
def desk(opened: Desk) -> Desk:
    behave_well(opened.remote)
    return opened


def behave_well(server: Remote) -> None:
    server.send("POST", "/control/reset")
    server.clock.at = MORNING
