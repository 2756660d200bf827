"""One template at 1,000 to 1,000,000 subscribers: the real planner and workers in virtual time, under AWS's quotas.

`python -m bench.scale SUBSCRIBERS ADMITTED_PER_S/WARM_LEAD_S...` plans one run, plays it at each broker with each lead
and writes one line of JSON for each.
"""

import asyncio
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from bench import crowd, desk, processes, scale_page
from bench.faulty import FaultyBroker, Odds
from bench.figures import Figure, Finding
from bench.planning import BOUNDARY, Stopwatch
from bench.quotas import LAST_LOOK_S, SHARD_SIZE, WARM_LEAD_S, starts_after
from bench.scale_page import Played
from bench.subject import Subject, Tell
from quantleap.domain import planning
from quantleap.domain.execution import Intent, Timing
from quantleap.services import precision_timer
from quantleap.services.gate import to_ns
from quantleap.services.shard import serve
from tests.engine import Store, VirtualLoop, a_desk, an_errand

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ADMITTED = (math.inf, 20_000, 5_000)
"""Orders a second that the broker takes from all of us; the rest waits in its queue."""

LONG_LEAD_S = 60.0

PLAYS = {size: [f"{admitted}/{WARM_LEAD_S}" for admitted in ADMITTED] for size in SIZES}
PLAYS[SIZES[-1]].append(f"{math.inf}/{LONG_LEAD_S}")
"""Every size at every broker, and the largest with a longer lead."""

MOST_WORKERS = 20
"""Of a run's workers so many are played, evenly over the order in which they start; a broker that admits so many
orders in a second admits their share."""

LATENCY_S, SPREAD = 0.18, 0.4
COLD_START_S = 1.5
"""Of a worker's environment; not measured on AWS."""

PARTITION_UNITS_S = 1000
OPENED_TOKENS_S = 10_000


def measure(tell: Tell) -> Finding:
    """Play every size at every broker, and the largest with a longer lead too; the sizes side by side."""
    played: dict[int, list[Played]] = {size: [] for size in SIZES}

    def one(size: int) -> None:
        for found in processes.results("bench.scale", size, *PLAYS[size], cores=set(processes.CORES)):
            played[size].append(Played(**found))
            tell(f"{sum(map(len, played.values()))} of {sum(map(len, PLAYS.values()))} runs")

    with ThreadPoolExecutor(len(processes.CORES)) as pool:
        list(pool.map(one, reversed(SIZES)))
    return finding([each for size in SIZES for each in played[size]])


def finding(played: Sequence[Played]) -> Finding:
    """When the last order left, where the broker takes all; everything else goes to a page of its own."""
    scale_page.write(played)
    figures = [
        Figure(f"scale_{each.subscribers // 1000}k_last_order_s", each.last_order_s, "s after T")
        for each in played
        if each.free
    ]
    return Finding(figures, f"The tables, and what they mean, are in `{scale_page.PAGE}`.")


def play(subscribers: int, plays: Iterable[str]) -> Iterator[Played]:
    """Plan the whole run once, then play a sample of its workers at each broker with each lead."""
    watch = Stopwatch()
    timer = desk.timer(subscribers, BOUNDARY, desk.Bucket(), SHARD_SIZE)
    with watch.timing("plan"):
        (made,) = precision_timer.plan(timer, [crowd.due(BOUNDARY)])
        precision_timer.decide(timer, [made])
    for admitted_per_s, lead in (map(float, each.split("/")) for each in plays):
        yield worked(subscribers, made.shards, admitted_per_s, lead)._replace(plan_s=watch.seconds["plan"])


def worked(subscribers: int, shards: int, admitted_per_s: float, warm_lead_s: float) -> Played:
    """What a sample of a run's workers comes to."""
    workers = sample(shards)
    chance = random.Random(subscribers)
    share = len(workers) / shards
    broker = FaultyBroker(chance, Odds.calm(LATENCY_S, SPREAD), admitted_per_s * share)
    loop = VirtualLoop(BOUNDARY - timedelta(seconds=warm_lead_s))
    stores = [crowd.store(min(SHARD_SIZE, subscribers), BOUNDARY, number * SHARD_SIZE) for number in workers]
    units = ticket_units(stores[0])
    starts = [ready_after(number, units) for number in workers]

    async def every() -> None:
        await asyncio.gather(*(_worker(s, broker, after) for s, after in zip(stores, starts, strict=True)))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(every())
    return _summed(stores, broker, loop, Played(subscribers, admitted_per_s, warm_lead_s, units, *_EMPTY))


def sample(shards: int) -> list[int]:
    """Which workers are played."""
    count = min(shards, MOST_WORKERS)
    return [number * shards // count for number in range(count)]


def ready_after(worker: int, ticket_units: int) -> float:
    """Seconds from the launch until a worker has its environment, its tokens and its tickets written."""
    tokens_s = (worker + 1) * SHARD_SIZE / OPENED_TOKENS_S
    tickets_s = SHARD_SIZE * ticket_units / PARTITION_UNITS_S
    return max(starts_after(worker) + COLD_START_S, tokens_s) + tickets_s


def ticket_units(store: Store) -> int:
    """DynamoDB's write units, of 1 KB each, for a ticket as the table keeps it."""
    (ticket, *_) = planning.tickets(crowd.decided(store), store.seats[0], 0)
    return math.ceil(len(ticket.model_dump_json()) / 1024)


async def _worker(store: Store, broker: FaultyBroker, after: float) -> None:
    await asyncio.sleep(after)
    line: Any = broker  # speaks the wire of the tests' own broker
    due = crowd.due(BOUNDARY)
    timing = Timing(last_look=timedelta(seconds=LAST_LOOK_S))
    errand = an_errand(
        run_id=due.run_id, template_id=due.template_id, boundary=BOUNDARY, ends=BOUNDARY + timedelta(minutes=3)
    )
    await serve(a_desk(store, line, timing=timing), errand)


_EMPTY: tuple[Any, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, {}, 0.0)


def _summed(stores: Sequence[Store], broker: FaultyBroker, loop: VirtualLoop, played: Played) -> Played:
    tickets = [ticket for store in stores for ticket in store.tickets.values()]
    intents: list[Intent] = [intent for ticket in tickets for intent in ticket.intents]
    sent = [float(intent.sent_after_ms) / 1000 for intent in intents if intent.sent_after_ms is not None]
    boundary_s = to_ns(BOUNDARY) / 1e9
    return played._replace(
        first_order_s=min(sent, default=math.nan),
        last_order_s=max(sent, default=math.nan),
        last_arrival_s=broker.last_arrival_s - boundary_s,
        over_s=loop.now_ns() / 1e9 - boundary_s,
        states=Counter(intent.state.value for intent in intents),
        late=sum(ticket.skipped == "worker_late" for ticket in tickets) / len(tickets),
    )


SUBJECT = Subject("scale", tuple(f"scale_{size // 1000}k_last_order_s" for size in SIZES), measure)

if __name__ == "__main__":
    for each in play(int(sys.argv[1]), sys.argv[2:]):
        sys.stdout.write(json.dumps(each._asdict()) + "\n")
        sys.stdout.flush()
