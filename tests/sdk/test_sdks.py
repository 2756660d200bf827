"""Each broker's official client and our adapter send the same order, or the difference has a reason."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from quantleap.domain.broker import OrderRequest, Request
from quantleap.domain.contracts import Contract, Index, Right
from sandbox.broker.houses import HOUSES
from tests.sdk.compare import differences
from tests.sdk.peers.peer import Placed, Told
from tests.sdk.reasons import REASONS
from tests.sdk.recorder import recording
from tests.sdk.telling import told
from tests.unit.desk import Desk
from tests.unit.simulator import Remote, running

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".sdks" / "bin" / "python"
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
CALLS = ("place", "modify", "cancel", "place stop", "cancel stop")


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    with running() as remote:
        yield remote


# Our own wire has no client but ours.
COMPARED = sorted(HOUSES.keys() - {"simulated"})


def test_every_broker_has_a_client_to_be_compared_with() -> None:
    assert sorted(REASONS) == COMPARED


@pytest.mark.parametrize("broker", COMPARED)
def test_the_official_client_and_we_send_the_same(broker: str, remote: Remote, tmp_path: Path) -> None:
    desk = Desk(broker, remote)
    plain = desk.order(CALL, limit_price=Decimal("0.35"), algo_id="QLALGO1")
    changed = plain._replace(quantity=130, limit_price=Decimal("0.45"))
    stop = plain._replace(limit_price=Decimal("2000.35"), trigger_price=Decimal("1999.85"))
    orders = (plain, changed, stop)

    with recording(f"{remote.base}/{broker}") as recorder:
        placed = play(broker, told(desk, recorder.base, *orders), tmp_path)

    assert_both_orders_came_and_went(remote, broker, placed)
    theirs = [request for request in recorder.kept if request.method != "GET"]
    found = {
        call: differences(their, our)
        for call, their, our in zip(CALLS, theirs, requests(desk, orders, placed), strict=True)
    }
    unlisted = {f"{call}: {name}": values for call, all_ in found.items() for name, values in all_.items()}
    listed = {f"{call}: {name}" for calls, names, _ in REASONS[broker] for call in calls for name in names}
    assert {fact: values for fact, values in unlisted.items() if fact not in listed} == {}
    assert listed - unlisted.keys() == set(), "differences that are listed and no more"


def assert_both_orders_came_and_went(remote: Remote, broker: str, placed: Placed) -> None:
    seen = {order["order_id"]: order for order in remote.orders(broker=broker)}
    assert seen.keys() == {placed.plain, placed.stop}
    assert {order["status"] for order in seen.values()} == {"CANCELED"}
    assert (seen[placed.plain]["quantity"], seen[placed.plain]["price"]) == (130, "0.45")
    assert (seen[placed.stop]["quantity"], seen[placed.stop]["price"]) == (65, "2000.35")


def requests(desk: Desk, orders: Sequence[OrderRequest], placed: Placed) -> list[Request]:
    """What our adapter sends for the same calls."""
    plain, changed, stop = orders
    broker, session = desk.broker, desk.session
    return [
        broker.place(session, plain),
        broker.modify(session, placed.plain, changed),
        broker.cancel(session, placed.plain, plain),
        broker.place(session, stop),
        broker.cancel(session, placed.stop, stop),
    ]


def play(broker: str, told: Told, folder: Path) -> Placed:
    """Run the client in its own environment; the files it writes go to `folder`."""
    assert PYTHON.exists(), "the clients are not installed: run `make test`"
    done = subprocess.run(
        [PYTHON, "-m", "tests.sdk.peers", broker],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Placed(**json.loads(done.stdout))
