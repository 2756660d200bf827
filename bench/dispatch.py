"""How close to the boundary the first order of 250 subscribers leaves, and how soon the last one has."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench import processes
from bench.figures import Figure, Finding, at_least, at_most, median, percentile, show
from bench.subject import Subject, Tell

SUBSCRIBERS = 250
LATENCY_MS = 250
PROCESSES = 5
ROUNDS = 6
ORDERS = 4
"""For each subscriber."""

HOW = """\
The worker itself (`services.shard.serve` with the real connections and clock, stores in memory) serves {subscribers}
subscribers with an iron condor each, over TLS on loopback, one connection for each account, at a broker that answers
after {latency} ms. Worker and broker have a core each. {rounds} rounds, each at a boundary of its own, {processes}
processes of {each} rounds, the first of each cold. In each process the percentile is over its rounds, of the round's
first order and of the last account's first order; what is shown is the median process, for on a machine shared with
others the worst round of all says who else was running. A time is taken once the bytes were handed to the socket.
After each round a loop that does nothing else sends the same bytes over as many open connections of TLS, in the same
process; the figures with a target are the worker's times over that loop's. Milliseconds are for information: they are
this machine's, at this hour.
"""


class Round(NamedTuple):
    """When the first and the last account's first order left, in ms after the boundary, and those of a bare loop."""

    first: float
    last: float
    bare_first: float
    bare_last: float


class Incomplete(Exception):
    """Not every order of a round was filled, so its times say nothing."""


def measure(tell: Tell) -> Finding:
    """Play the rounds."""
    played = [_process(number, tell) for number in range(PROCESSES)]
    return finding(played)


def finding(played: Sequence[Sequence[Round]]) -> Finding:
    """What the rounds of all processes come to."""
    rounds = [each for process in played for each in process]
    firsts, lasts = [each.first for each in rounds], [each.last for each in rounds]
    bare = "a bare loop, ms"
    figures = [
        Figure("boundary_vs_bare", _ratio(played, "first"), "times", at_most(3), bare, _middle(played, "bare_first")),
        Figure("boundary_earliest_ms", min(firsts), "ms", at_least(0)),
        Figure("boundary_error_ms_p99", _middle(played, "first"), "ms"),
        Figure("dispatch_vs_bare", _ratio(played, "last"), "times", at_most(1.3), bare, _middle(played, "bare_last")),
        Figure("dispatch_250_ms_p99", _middle(played, "last"), "ms"),
        Figure("dispatch_250_ms_p50", median(lasts), "ms"),
    ]
    how = HOW.format(
        subscribers=SUBSCRIBERS, latency=LATENCY_MS, rounds=len(rounds), processes=PROCESSES, each=ROUNDS
    ).strip()
    spread = f"First orders left {show(min(firsts))} to {show(max(firsts))} ms after the boundary, half of them within "
    spread += f"{show(median(firsts))} ms; the last of {SUBSCRIBERS} after {show(min(lasts))} to {show(max(lasts))} ms."
    return Finding(figures, how, [spread])


def _p99(rounds: Iterable[Round], name: str) -> float:
    return percentile([getattr(each, name) for each in rounds], 0.99)


def _middle(played: Iterable[Iterable[Round]], name: str) -> float:
    """The median process's p99."""
    return median([_p99(process, name) for process in played])


def _ratio(played: Iterable[Iterable[Round]], name: str) -> float:
    """The median process's p99 over that of its own bare loop."""
    return median([_p99(process, name) / _p99(process, f"bare_{name}") for process in played])


def _process(number: int, tell: Tell) -> list[Round]:
    played: list[Round] = []
    with processes.broker(LATENCY_MS) as server:
        for found in processes.results("bench.worker", server.url, ROUNDS, SUBSCRIBERS, authority=server.authority):
            if found["counts"] != {"filled": SUBSCRIBERS * ORDERS}:
                raise Incomplete(found["counts"])
            played.append(Round(found["sent"][0], found["sent"][-1], found["bare"][0], found["bare"][-1]))
            tell(f"round {number * ROUNDS + len(played)} of {PROCESSES * ROUNDS}")
    return played


SUBJECT = Subject(
    "dispatch",
    (
        "boundary_vs_bare",
        "boundary_earliest_ms",
        "boundary_error_ms_p99",
        "dispatch_vs_bare",
        "dispatch_250_ms_p99",
        "dispatch_250_ms_p50",
    ),
    measure,
)
