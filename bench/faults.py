"""Orders by the hundred thousand through the real worker, with everything going wrong: none twice, none forgotten.

`python -m bench.faults SEED SENDS` plays so many sends and writes one line of JSON for every few thousand.
"""

import asyncio
import gc
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple

from bench import crowd, processes
from bench.faulty import FaultyBroker
from bench.figures import Figure, Finding, at_least, at_most, show, table
from bench.subject import Subject, Tell
from quantleap.domain.errors import Conflict
from quantleap.domain.execution import State
from quantleap.services.gate import Fenced, from_ns
from quantleap.services.shard import serve
from tests.engine import Power, PowerCut, Store, T, VirtualLoop, a_desk, an_errand

SENDS = 1_000_000
SUBSCRIBERS = 12
ATTEMPTS = 4
"""As often as the state machine starts a worker again after the first."""

CUT = 0.6
"""How many attempts lose their power; the last one never does."""

RETRY = timedelta(seconds=1)
WARM = T - timedelta(seconds=30)
TELL_EVERY = 5000
STEPS = 30 * SUBSCRIBERS
"""About as many calls, writes and answers as a worker sees."""

BESIDE = 0.1
"""How many attempts get a second worker beside them."""

EXPECTED = (PowerCut, Conflict, Fenced, BaseExceptionGroup)
"""How a worker may end early: gone, turned away, overtaken, or with a fault it leaves to the next."""

HOW = """\
Shards of {subscribers} subscribers with an iron condor each go through the real worker (`services.shard`,
`services.trader`, `services.gate`) in virtual time, on stores in memory, at a broker that answers after a log-normal
time, loses orders and answers, answers nonsense or never, refuses, rejects later, fills late or never, and cannot show
its book. {cut:.0%} of the workers lose their power at a call, a write or an answer drawn by chance and are started
again, up to {attempts} times; one in ten is started a second time while it still works. When all have ended the
broker's book is held against the stored tickets. A duplicate is a second order with an intent's tag. A loss is an
intent without a final state or report, one whose state says something else than the book, or one that was filled by
another number of units than is stored, however late. `unknown`, `open` and `acknowledged` are no loss: they say that
nobody knows, somebody is told, and an exit asks the book first.
"""


class Tally(NamedTuple):
    """What so many worlds came to."""

    sends: int = 0
    duplicates: int = 0
    lost: int = 0
    crashes: int = 0
    states: Mapping[str, int] = {}

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            sends=self.sends + other.sends,
            duplicates=self.duplicates + other.duplicates,
            lost=self.lost + other.lost,
            crashes=self.crashes + other.crashes,
            states=Counter(self.states) + Counter(other.states),
        )


def measure(tell: Tell) -> Finding:
    """Share the sends among the cores."""
    total, lock = Tally(), Lock()

    def share(core: int) -> None:
        nonlocal total
        for found in processes.results("bench.faults", core, SENDS // len(processes.CORES) + 1, cores={core}):
            with lock:
                total = total.plus(Tally(**found))
            tell(f"{total.sends:,} of {SENDS:,} sends")

    with ThreadPoolExecutor() as pool:
        list(pool.map(share, processes.CORES))
    return finding(total)


def finding(total: Tally) -> Finding:
    """What the sum of all shares says."""
    figures = [
        Figure("fault_sends", total.sends, "sends", at_least(SENDS)),
        Figure("fault_duplicates", total.duplicates, "orders", at_most(0)),
        Figure("fault_lost", total.lost, "intents", at_most(0)),
    ]
    intents = sum(total.states.values())
    rows = [(name, show(count), f"{count / intents:.2%}") for name, count in Counter(total.states).most_common()]
    how = HOW.format(subscribers=SUBSCRIBERS, cut=CUT, attempts=ATTEMPTS).strip()
    crashes = f"{show(total.crashes)} workers lost their power."
    return Finding(figures, how, [crashes, table(("what became of an intent", "intents", "share"), rows)])


def play(seed: int, sends: int) -> Iterator[Tally]:
    """World after world until so many orders were sent, in portions; the same seed plays the same."""
    chance, played = random.Random(seed), 0
    while played < sends:
        portion = Tally()
        while portion.sends < min(TELL_EVERY, sends - played):
            portion = portion.plus(world(chance))
        played += portion.sends
        gc.collect()  # what was frozen at a boundary counts as old ever after, and is not looked at by itself
        yield portion


def world(chance: random.Random) -> Tally:
    """One shard from its first attempt to its last, and what the book says then."""
    store, broker = crowd.store(SUBSCRIBERS, T), FaultyBroker(chance)
    crashes, now = 0, WARM
    for attempt in range(ATTEMPTS + 1):
        survives = attempt == ATTEMPTS or chance.random() > CUT
        power = Power(None if survives else chance.randint(1, STEPS))
        second_after = chance.uniform(0, 33) if chance.random() < BESIDE else None
        now = _attempt(store, broker, power, attempt, now, second_after) + RETRY
        if store.reports:
            break
        crashes += 1
    return _judged(store, broker, crashes)


def _attempt(
    store: Store, broker: FaultyBroker, power: Power, number: int, start: datetime, second_after: float | None
) -> datetime:
    """Serve the shard, perhaps with a second worker that comes while the first is busy; returns when it was over."""
    loop = VirtualLoop(start)
    loop.set_exception_handler(lambda _loop, _context: None)  # what a dead worker leaves behind, nobody hears of

    async def second(after: float) -> None:
        await asyncio.sleep(after)
        await _serve(store, broker, Power(), 2 * number + 1)

    async def both() -> list[BaseException | None]:
        workers = [_serve(store, broker, power, 2 * number)]
        if second_after is not None:
            workers.append(second(second_after))
        return await asyncio.gather(*workers, return_exceptions=True)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        for outcome in runner.run(both()):
            if outcome is not None and not isinstance(outcome, EXPECTED):
                raise outcome
        return from_ns(loop.now_ns())


async def _serve(store: Store, broker: FaultyBroker, power: Power, attempt: int) -> None:
    line: Any = broker  # speaks the wire of the tests' own broker
    desk = a_desk(store, line, power)
    due = crowd.due(T)
    await serve(desk, an_errand(run_id=due.run_id, template_id=due.template_id, attempt=attempt))


def _judged(store: Store, broker: FaultyBroker, crashes: int) -> Tally:
    """Hold the stored tickets against the broker's book."""
    intents = [intent for ticket in store.tickets.values() for intent in ticket.intents]
    wrong = sum(_contradicts(intent.state, booked=intent.tag in broker.placed) for intent in intents)
    filled = broker.filled()
    unseen = sum(not i.state.uncertain and i.filled_quantity != filled[i.tag] for i in intents)
    strangers = len(broker.placed.keys() - {intent.tag for intent in intents})
    return Tally(
        sends=broker.sends,
        duplicates=sum(count - 1 for count in broker.placed.values()),
        lost=wrong + unseen + strangers + _missing(store),
        crashes=crashes,
        states=Counter(intent.state.value for intent in intents),
    )


def _missing(store: Store) -> int:
    """How many orders nobody has an intent or a report for."""
    wanted = len(crowd.decided(store).orders)
    if not store.reports:
        return SUBSCRIBERS * wanted
    of_tickets = (wanted if ticket.skipped else len(ticket.intents) for ticket in store.tickets.values())
    return SUBSCRIBERS * wanted - sum(of_tickets)


def _contradicts(state: State, *, booked: bool) -> bool:
    """Whether what is stored of an intent is not what the book says; unknown is known to be unknown."""
    if state is State.UNKNOWN:
        return False
    if state is State.PLANNED:
        return True
    return booked is not (state.placed or state in {State.REJECTED, State.CANCELLED})


if __name__ == "__main__":
    for portion in play(int(sys.argv[1]), int(sys.argv[2])):
        sys.stdout.write(json.dumps(portion._asdict()) + "\n")
        sys.stdout.flush()

SUBJECT = Subject("faults", ("fault_sends", "fault_duplicates", "fault_lost"), measure)
