"""100,000 subscribers of one template: planned, decided, and turned into tickets with every order in them.

`python -m bench.planning SUBSCRIBERS` does it once and writes one line of JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench import crowd, desk, processes
from bench.figures import Figure, Finding, at_most, median, show, table
from bench.subject import Subject, Tell
from quantleap.domain import planning
from quantleap.domain.execution import Plan
from quantleap.services import precision_timer
from quantleap.services.precision_timer import Timer

SUBSCRIBERS = 100_000
ROUNDS = 3
BOUNDARY = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)

HOW = """\
The planner's own `plan` and `decide` over {subscribers} subscribers of an iron condor, each read into our model,
cut into shards and written as S3 would get it; then what the workers do about it: each shard's seats read back, priced
and numbered into tickets of four orders, each ticket turned into the text that is stored. One process on one core does
all of it, the workers' part one shard after another (on AWS they share it). Seconds are of the CPU, for nothing here
waits; medians of {rounds} runs. Memory is the largest resident size of the process, interpreter and libraries included.
"""


def measure(tell: Tell) -> Finding:
    """Play the rounds."""
    runs: list[Any] = []
    for number in range(1, ROUNDS + 1):
        tell(f"round {number} of {ROUNDS}")
        runs += processes.results("bench.planning", SUBSCRIBERS)
    stages = {name: median([run["stages"][name] for run in runs]) for name in runs[0]["stages"]}
    seconds, megabytes = (median([run[name] for run in runs]) for name in ("seconds", "megabytes"))
    figures = [
        Figure("plan_100k_s", seconds, "s", at_most(10)),
        Figure("plan_100k_mb", megabytes, "MB", at_most(500)),
    ]
    rows = [(name, show(took), f"{took / seconds:.0%}") for name, took in stages.items()]
    how = HOW.format(subscribers=show(SUBSCRIBERS), rounds=ROUNDS).strip()
    return Finding(figures, how, [table(("part", "s", "share"), rows)])


class Stopwatch:
    """Seconds of CPU by name: what is timed here waits for nobody, so on a core of its own it takes as long."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add what the block takes."""
        began = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.process_time() - began

    def timed[T](self, name: str, work: Callable[[], T]) -> T:
        """Add what the call takes."""
        with self.timing(name):
            return work()


def run(subscribers: int) -> dict[str, object]:
    """Plan, decide and ticket once."""
    watch, bucket = Stopwatch(), desk.Bucket()
    timer = desk.timer(subscribers, BOUNDARY, bucket)
    (made,) = watch.timed("plan: read, shard, store", lambda: precision_timer.plan(timer, [crowd.due(BOUNDARY)]))
    watch.timed("decide: strikes, contracts, prices", lambda: precision_timer.decide(timer, [made]))
    orders = sum(_tickets(timer, made, number, watch) for number in range(made.shards))
    return {
        "seconds": sum(watch.seconds.values()),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "stages": watch.seconds,
        "orders": orders,
    }


def _tickets(timer: Timer, made: Plan, number: int, watch: Stopwatch) -> int:
    """A shard's tickets as its worker makes and stores them; returns how many orders they hold."""
    with watch.timing("workers: read the shard"):
        decision = timer.plans.decision(made.due.run_id, made.plan_id)
        seats = timer.plans.seats(made.due.run_id, made.plan_id, number)
    with watch.timing("workers: tickets and orders"):
        tickets = [ticket for seat in seats for ticket in planning.tickets(decision, seat, number)]
    with watch.timing("workers: text to store"):
        for ticket in tickets:
            ticket.model_dump(mode="json")
    return sum(len(ticket.intents) for ticket in tickets)


SUBJECT = Subject("planning", ("plan_100k_s", "plan_100k_mb"), measure)

if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(int(sys.argv[1]))) + "\n")
