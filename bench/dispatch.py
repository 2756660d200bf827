"""How close to the boundary the first order of 250 subscribers leaves, and how soon the last one has."""

from collections.abc import Iterator

from bench import processes
from bench.figures import Figure, Finding, at_least, at_most, median, percentile, show
from bench.subject import Subject, Tell

SUBSCRIBERS = 250
LATENCY_MS = 250
PROCESSES = 6
ROUNDS = 10

HOW = """\
The worker itself (`services.shard.serve` with the real connections and clock, stores in memory) serves {subscribers}
subscribers with an iron condor each, over TLS on loopback, one connection for each account, at a broker that answers
after {latency} ms. Worker and broker have a core each. {rounds} rounds, each at a boundary of its own, {processes}
processes of {each} rounds, the first of each cold. Percentiles are over the rounds: of each round's first order, and
of the last account's first order. A time is taken once the bytes were handed to the connection.
"""


def measure(tell: Tell) -> Finding:
    """Play the rounds."""
    rounds = [sorted(each["sent"]) for each in _rounds(tell)]
    firsts, lasts = [sent[0] for sent in rounds], [sent[-1] for sent in rounds]
    figures = [
        Figure("boundary_error_ms_p99", percentile(firsts, 0.99), "ms", at_most(5)),
        Figure("boundary_earliest_ms", min(firsts), "ms", at_least(0)),
        Figure("dispatch_250_ms_p99", percentile(lasts, 0.99), "ms", at_most(15)),
        Figure("dispatch_250_ms_p50", median(lasts), "ms"),
    ]
    how = HOW.format(
        subscribers=SUBSCRIBERS, latency=LATENCY_MS, rounds=len(rounds), processes=PROCESSES, each=ROUNDS
    ).strip()
    spread = f"First orders left {show(min(firsts))} to {show(max(firsts))} ms after the boundary, half of them within "
    spread += f"{show(median(firsts))} ms; the last of {SUBSCRIBERS} after {show(min(lasts))} to {show(max(lasts))} ms."
    return Finding(figures, how, [spread])


def _rounds(tell: Tell) -> Iterator[dict[str, list[float]]]:
    number = 0
    for _ in range(PROCESSES):
        with processes.broker(LATENCY_MS) as server:
            for found in processes.results("bench.worker", server.url, ROUNDS, SUBSCRIBERS, authority=server.authority):
                number += 1
                tell(f"round {number} of {PROCESSES * ROUNDS}")
                yield found


SUBJECT = Subject(
    "dispatch",
    ("boundary_error_ms_p99", "boundary_earliest_ms", "dispatch_250_ms_p99", "dispatch_250_ms_p50"),
    measure,
)
