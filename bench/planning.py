"""100,000 subscribers of one template: planned, decided, and turned into tickets with every order in them.

`python -m bench.planning SUBSCRIBERS` does it once and writes one line of JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
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
PLAN_TARGET = 2
"""Times the bare JSON."""

BOUNDARY = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)

HOW = """\
The planner's own `plan` and `decide` over {subscribers} subscribers of an iron condor, each read into our model,
cut into shards and written as S3 would get it; then what the workers do about it: each shard's seats read back, priced
and numbered into tickets of four orders, each ticket turned into the text that is stored. One process on one core does
all of it, the workers' part one shard after another (on AWS they share it). Seconds are of the CPU, for nothing here
waits; medians of {rounds} runs. Beside it, shard by shard in the same process, the standard library's own reader and
writer of JSON take every text that was stored once in and once out: the figure with a target is the plan's time over
theirs, the seconds are for information. Memory is the largest resident size of the process, interpreter and libraries
included.
"""


def measure(tell: Tell) -> Finding:
    """Play the rounds."""
    runs: list[Any] = []
    for number in range(1, ROUNDS + 1):
        tell(f"round {number} of {ROUNDS}")
        runs += processes.results("bench.planning", SUBSCRIBERS)
    return finding(runs)


def finding(runs: Sequence[Any]) -> Finding:
    """What the rounds come to, beside their bare JSON."""
    stages = {name: median([run["stages"][name] for run in runs]) for name in runs[0]["stages"]}
    seconds, megabytes, bare = (median([run[name] for run in runs]) for name in ("seconds", "megabytes", "bare_s"))
    ratio = median([run["seconds"] / run["bare_s"] for run in runs])
    figures = [
        Figure("plan_vs_bare_json", ratio, "times", at_most(PLAN_TARGET), "JSON read and written, s", bare),
        Figure("plan_100k_s", seconds, "s"),
        Figure("plan_100k_mb", megabytes, "MB", at_most(200)),
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
    watch, beside, bucket = Stopwatch(), Stopwatch(), desk.Bucket()
    timer = desk.timer(subscribers, BOUNDARY, bucket)
    (made,) = watch.timed("plan: read, shard, store", lambda: precision_timer.plan(timer, [crowd.due(BOUNDARY)]))
    watch.timed("decide: strikes, contracts, prices", lambda: precision_timer.decide(timer, [made]))
    orders = sum(_tickets(timer, made, number, watch, beside) for number in range(made.shards))
    with beside.timing("JSON"):
        for text in bucket.objects.values():
            json.dumps(json.loads(text))
    return {
        "seconds": sum(watch.seconds.values()),
        "bare_s": beside.seconds["JSON"],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "stages": watch.seconds,
        "orders": orders,
    }


def _tickets(timer: Timer, made: Plan, number: int, watch: Stopwatch, beside: Stopwatch) -> int:
    """A shard's tickets as its worker makes and stores them; returns how many orders they hold."""
    with watch.timing("workers: read the shard"):
        decision = timer.plans.decision(made.due.run_id, made.plan_id)
        seats = timer.plans.seats(made.due.run_id, made.plan_id, number)
    with watch.timing("workers: tickets and orders"):
        tickets = [ticket for seat in seats for ticket in planning.tickets(decision, seat, number)]
    with watch.timing("workers: text to store"):
        dumped = [ticket.model_dump(mode="json") for ticket in tickets]
    with beside.timing("JSON"):
        for each in dumped:
            json.loads(json.dumps(each))
    return sum(len(ticket.intents) for ticket in tickets)


SUBJECT = Subject("planning", ("plan_vs_bare_json", "plan_100k_s", "plan_100k_mb"), measure)

if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(int(sys.argv[1]))) + "\n")
