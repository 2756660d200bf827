"""What one order costs through each adapter, beside the same order through that broker's own client."""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from bench import processes
from bench.adapter_load import desk, resting
from bench.figures import Figure, Finding, median
from bench.subject import Subject, Tell
from tests.sdk.telling import told

ORDERS, AT_ONCE, ROUNDS = 600, 10, 3

CLIENTS = {
    "angel_one": "smartapi-python",
    "icici_direct": "breeze-connect",
    "mstock": "mstock-tradingapi-a",
    "upstox": "upstox-python-sdk",
    "zebu": "myntapi",
    "zerodha": "kiteconnect",
}

HOW = """\
The sandbox's simulator speaks as each broker does, on loopback without TLS. {orders} resting limit orders are placed,
{at_once} at a time, by our adapter over {at_once} lines on one thread, then by the broker's own client with {at_once}
threads; medians of {rounds} rounds. Either way an order counts from the call to the order id read. The simulator has
one core and checks every field, so it holds back our rates and not the CPU, which is the placing process's alone.
"""


class Cost(NamedTuple):
    """Orders in a second, and microseconds of CPU for one."""

    rate: float
    cpu_us: float


def measure(tell: Tell) -> Finding:
    """Broker by broker."""
    figures: list[Figure] = []
    for broker in sorted(CLIENTS):
        tell(broker)
        with processes.simulator(broker) as url:
            figures += _figures(broker, _ours(broker, url), _theirs(broker, url))
    how = HOW.format(orders=ORDERS, at_once=AT_ONCE, rounds=ROUNDS).strip()
    return Finding(figures, how)


def _figures(broker: str, ours: Cost, theirs: Cost) -> list[Figure]:
    peer = f"{CLIENTS[broker]} {_version(CLIENTS[broker])}"
    return [
        Figure(f"orders_per_s_{broker}", ours.rate, "orders/s", None, peer, theirs.rate),
        Figure(f"order_cpu_us_{broker}", ours.cpu_us, "µs", None, peer, theirs.cpu_us),
    ]


def _ours(broker: str, url: str) -> Cost:
    return _cost(processes.results("bench.adapter_load", broker, url, ORDERS, AT_ONCE, ROUNDS))


def _theirs(broker: str, url: str) -> Cost:
    client = desk(broker, url)
    order = resting(client, datetime.now(UTC).date())
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(told(client, url, order, order, order), file)
        file.flush()
        arguments = (broker, file.name, ORDERS, AT_ONCE, ROUNDS)
        return _cost(processes.results("bench.client_load", *arguments, python=processes.PEERS))


def _cost(rounds: Iterator[dict[str, float]]) -> Cost:
    found = list(rounds)
    seconds, cpu_s = median([each["seconds"] for each in found]), median([each["cpu_s"] for each in found])
    return Cost(ORDERS / seconds, cpu_s / ORDERS * 1e6)


def _version(client: str) -> str:
    packages = [str(folder) for folder in Path(processes.PEERS).parents[1].glob("lib/python*/site-packages")]
    return next(iter(distributions(name=client, path=packages))).version


SUBJECT = Subject(
    "adapters",
    tuple(f"{figure}_{broker}" for broker in sorted(CLIENTS) for figure in ("orders_per_s", "order_cpu_us")),
    measure,
)
