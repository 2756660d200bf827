"""Orders per second and CPU second: the order path beside the broker's SDK, general clients and a bare socket."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bench import order_path, peers, processes
from bench.figures import Figure, Finding, at_least, median, show, table
from bench.subject import Subject, Tell

ROUNDS = 5
PASSES = 3

WAYS = {
    "limit": "a connection of asyncio, nothing around it",
    "prepared": "our order path: prepared bytes to order id",
    "worker": "our worker: bytes made, sent, noted, book read",
    "httpx": f"httpx in {peers.THREADS} threads",
    "requests": f"requests in {peers.THREADS} threads",
    "sdk": f"kiteconnect in {peers.THREADS} threads",
}

HOW = """\
{accounts} accounts place {orders} orders each, one after another on a connection of its own that is open already, over
TLS on loopback at a broker that answers at once; all send the same form. Client and broker have a core each. {rounds}
rounds in which each way has its turn, {passes} passes in each after one that does not count; the best pass of a round
counts, and of the rounds' own ratios the median. What is compared is orders for each second of the client's CPU. The
order path is what is left to do at the boundary, the worker all there is: the SDK makes a request when it sends it,
the worker before, but pays for it here. Both run on the workers' event loop, libuv's, and use sockets themselves; the
connection with nothing around it is what asyncio offers, on a loop of its own.
"""


class Speed(NamedTuple):
    """How fast a way is."""

    per_cpu_second: float
    per_second: float


def measure(tell: Tell) -> Finding:
    """Play the rounds."""
    rounds: dict[str, list[Speed]] = {way: [] for way in WAYS}
    for number in range(1, ROUNDS + 1):
        for way, seen in rounds.items():
            tell(f"round {number} of {ROUNDS}, {way}")
            seen.append(best(_passes(way)))
    tell("profile of the worker")
    with processes.broker() as server:
        (looks,) = processes.results("bench.order_path", "profile", server.url, 40, authority=server.authority)
    return finding(rounds, Counter(looks))


def _passes(way: str) -> Iterator[Speed]:
    with processes.broker() as server:
        if way in {"sdk", "requests", "httpx"}:
            arguments = ("bench.peers", way, server.url, order_path.ACCOUNTS, order_path.ORDERS, PASSES)
            found = processes.results(*arguments, authority=server.authority, python=processes.PEERS)
        else:
            found = processes.results("bench.order_path", way, server.url, PASSES, authority=server.authority)
        for each in found:
            yield Speed(each["orders"] / each["cpu_s"], each["orders"] / each["wall_s"])


def best(passes: Iterable[Speed]) -> Speed:
    """The fastest of a round in both respects: whoever shares the machine makes a pass slower and never faster."""
    found = list(passes)
    return Speed(max(each.per_cpu_second for each in found), max(each.per_second for each in found))


def over(rounds: Mapping[str, Sequence[Speed]], way: str, other: str) -> float:
    """How many times faster a way is than another, for each CPU second: the median of the rounds' own ratios."""
    pairs = zip(rounds[way], rounds[other], strict=True)
    return median([one.per_cpu_second / two.per_cpu_second for one, two in pairs])


def middle(seen: Sequence[Speed]) -> Speed:
    """The median round in both respects."""
    return Speed(median([each.per_cpu_second for each in seen]), median([each.per_second for each in seen]))


def finding(rounds: Mapping[str, Sequence[Speed]], looks: Counter[str]) -> Finding:
    """Ratios, and the speeds they come from."""
    speeds = {way: middle(seen) for way, seen in rounds.items()}
    limit, sdk = speeds["limit"].per_cpu_second, speeds["sdk"].per_cpu_second
    peer = "kiteconnect, orders/CPU s"
    figures = [
        Figure("orders_vs_sdk", over(rounds, "prepared", "sdk"), "times", at_least(25), peer, sdk),
        Figure(
            "orders_vs_socket_limit",
            over(rounds, "prepared", "limit"),
            "of it",
            at_least(0.5),
            "asyncio socket, orders/CPU s",
            limit,
        ),
        Figure("worker_vs_sdk", over(rounds, "worker", "sdk"), "times", at_least(10), peer, sdk),
    ]
    rows = [
        (WAYS[way], show(speed.per_cpu_second), show(speed.per_second), show(over(rounds, way, "sdk")))
        for way, speed in speeds.items()
    ]
    how = HOW.format(accounts=order_path.ACCOUNTS, orders=order_path.ORDERS, rounds=ROUNDS, passes=PASSES).strip()
    ways = table(("way", "orders/CPU s", "orders/s", "times the SDK"), rows)
    return Finding(figures, how, [ways, spent(looks, 1e6 / speeds["worker"].per_cpu_second)])


def spent(looks: Counter[str], order_us: float) -> str:
    """A paragraph and a table of where a worker's time goes."""
    total = looks.total()
    rows = [(part, f"{count / total:.0%}", show(count / total * order_us)) for part, count in looks.most_common()]
    said = f"Where the {show(order_us)} µs of a worker's order go, by {show(total)} looks at its stack, "
    said += (
        "spread evenly over the CPU it takes. Making the bytes is done before the boundary, reading the book after it."
    )
    return f"{said}\n\n{table(('part', 'share', 'µs an order'), rows)}"


SUBJECT = Subject("orders", ("orders_vs_sdk", "orders_vs_socket_limit", "worker_vs_sdk"), measure)
