"""Orders by the hundred thousand through the real worker, with everything going wrong, judged as a desk would.

`python -m bench.faults SEED SENDS` plays so many sends and writes one line of JSON for every few thousand.
"""

import asyncio
import gc
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple

from bench import crowd, processes
from bench.faulty import FaultyBroker, Habits
from bench.figures import Figure, Finding, at_least, at_most, show, table
from bench.referee import Played, Verdict, judged
from bench.subject import Subject, Tell
from quantleap.adapters.brokers.zebu import CAPABILITY
from quantleap.domain.closing import TRIES
from quantleap.domain.errors import Conflict
from quantleap.domain.execution import Due, Ticket
from quantleap.domain.halts import Halt
from quantleap.services.gate import Fenced, from_ns, to_ns
from quantleap.services.shard import serve
from tests import misprints
from tests.engine import Power, PowerCut, Store, T, VirtualLoop, a_desk, an_errand

SENDS = 1_000_000
SUBSCRIBERS = 12
ATTEMPTS = 4
"""As often as the state machine starts a worker again after the first."""

CUT = 0.6
"""How many attempts lose their power; the last one never does."""

RETRY = timedelta(seconds=1)
LEAD = timedelta(seconds=30)
"""How long before its boundary a worker starts."""

PROCESS = timedelta(seconds=120)
"""How long after the boundary its process ends."""

TELL_EVERY = 5000
STEPS = 30 * SUBSCRIBERS
"""About as many calls, writes and answers as a worker sees."""

BESIDE = 0.1
"""How many attempts get a second worker beside them, that of a retry."""

AGAIN = 0.05
"""How many runs are started twice by their schedule."""

HALTED = 0.05
"""How many entries are halted, some seconds before or after their boundary."""

LAGS = (((0.0, 0.0), 0.7), ((0.0, 0.9), 0.2), ((0.9, 4.0), 0.07), ((4.0, 10.0), 0.03))
"""How far a broker's book lags, in seconds, and how often; what is taken for its lag is 4 s, and 8 s for absence.

One that shows nothing of a dead worker's orders for more than the 11 s of a takeover is like one that never got them:
they are sent again, and told. `docs/internal-docs/execution.md` says so; it is not drawn.
"""

MANGLED = 0.03
"""How many brokers do not keep tags as they are: cut to ten characters, in capitals, or not at all."""

ODD = 0.03
"""How many brokers print their books oddly all day, see `tests.misprints`."""

LARGE, SLICED = 0.3, 84
"""How many shards have an account that is cut into more orders than it may send in a second, and its multiplier."""

DEAD = 0.01
"""How many accounts' tokens die in the minutes of the run."""

TAGS: dict[str, Callable[[str], str]] = {"cut": lambda tag: tag[:10], "in capitals": str.upper, "dropped": lambda _: ""}
EXPECTED = (PowerCut, Conflict, Fenced, BaseExceptionGroup)
"""How a worker may end early: gone, turned away, overtaken, or with a fault it leaves to the next."""

HOW = """\
Shards of {subscribers} subscribers with an iron condor each enter and leave through the real worker (`services.shard`,
`services.trader`, `services.gate`) in virtual time, on stores in memory; what an exit leaves open is tried again, three
exits in all. {cut:.0%} of the workers lose their power at a call, a write or an answer drawn by chance and are started
again, up to {attempts} times; one in ten is started a second time while it still works, {again:.0%} of the runs by
their schedule, {halted:.0%} of the entries are halted. `bench/faulty.py` says what the broker does and how often, the
table below what was drawn. Its answers take a log-normal time.

`bench/referee.py` judges by what the broker really did. A duplicate is a second order with an intent's tag. A loss is
an intent without a last word, or with a wrong one. Silent is a position that is open in the end, or not as stored, and
that nobody was told of. Naked is a sell that left before its strategy's buys were filled, on the way in or out, early
an order before its boundary, hasty one beyond the account's limits, unhalted one of an entry more than a second after
a halt, reversed a leg of which more was closed than opened. `unknown`, `open` and `acknowledged` are no loss: they say
that nobody knows, and that has to be told. Fills that are told after their cancellation are drawn for entries only:
after the last exit nobody looks again. Books lag up to 10 s. One that shows nothing of a dead worker's orders for more
than the 11 s that a takeover waits is not drawn: nothing tells it from one that never got them, so they are sent again.
"""


class Tally(NamedTuple):
    """What so many worlds came to."""

    sends: int = 0
    verdict: Verdict = Verdict()
    crashes: int = 0
    states: Mapping[str, int] = {}
    drawn: Mapping[str, int] = {}

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            sends=self.sends + other.sends,
            verdict=self.verdict.plus(other.verdict),
            crashes=self.crashes + other.crashes,
            states=Counter(self.states) + Counter(other.states),
            drawn=Counter(self.drawn) + Counter(other.drawn),
        )

    @classmethod
    def load(cls, told: dict[str, Any]) -> "Tally":
        """As another process told it."""
        return cls(**{**told, "verdict": Verdict(*told["verdict"])})


def measure(tell: Tell) -> Finding:
    """Share the sends among the cores."""
    total, lock = Tally(), Lock()

    def share(core: int) -> None:
        nonlocal total
        for found in processes.results("bench.faults", core, SENDS // len(processes.CORES) + 1, cores={core}):
            with lock:
                total = total.plus(Tally.load(found))
            tell(f"{total.sends:,} of {SENDS:,} sends")

    with ThreadPoolExecutor() as pool:
        list(pool.map(share, processes.CORES))
    return finding(total)


def finding(total: Tally) -> Finding:
    """What the sum of all shares says."""
    figures = [
        Figure("fault_sends", total.sends, "sends", at_least(SENDS)),
        *(Figure(f"fault_{name}", count, "times", at_most(0)) for name, count in total.verdict._asdict().items()),
    ]
    how = HOW.format(subscribers=SUBSCRIBERS, cut=CUT, attempts=ATTEMPTS, again=AGAIN, halted=HALTED).strip()
    became = table(("what became of an intent", "intents", "share"), _shares(total.states))
    drawn = table(("what was drawn", "times"), [row[:2] for row in _shares(total.drawn)])
    return Finding(figures, how, [f"{show(total.crashes)} workers lost their power.", drawn, became])


def _shares(counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    total = sum(counts.values())
    return [(name, show(count), f"{count / total:.2%}") for name, count in Counter(counts).most_common()]


def play(seed: int, sends: int) -> Iterator[Tally]:
    """World after world until so many orders were sent, in portions; the same seed plays the same."""
    chance, played = random.Random(seed), 0
    while played < sends:
        portion = Tally()
        while portion.sends < min(TELL_EVERY, sends - played):
            portion = portion.plus(world(random.Random(chance.getrandbits(64))))
        played += portion.sends
        gc.collect()  # what was frozen at a boundary counts as old ever after, and is not looked at by itself
        yield portion


def world(chance: random.Random) -> Tally:
    """One shard on its way in and out, and what the broker says then."""
    day = Day(chance, crowd.store(SUBSCRIBERS, T))
    day.enter()
    for tries in range(1, TRIES + 1):
        if not day.leave(tries):
            break
    return day.judged()


@dataclass(eq=False)
class Day:
    """A shard's runs, one after another, at one broker."""

    chance: random.Random
    store: Store
    now: datetime = T - LEAD
    crashes: int = 0
    drawn: Counter[str] = field(default_factory=Counter)
    runs: list[Due] = field(default_factory=list)
    halt: Halt | None = None

    def __post_init__(self) -> None:
        """Draw what the broker is like, and whether somebody halts it all."""
        self.broker = FaultyBroker(self.chance, habits=self._habits())
        self.entered = crowd.decided(self.store)
        if self._happens("large account", LARGE):
            crowd.enlarge(self.store, SLICED)
        if self._happens("halt", HALTED):
            at = T + timedelta(seconds=self.chance.uniform(-10, 10))
            self.halt = Halt(reason="drawn by chance", scope="platform", set_by="bench", set_at=at)

    def enter(self) -> None:
        """Open what the template wants."""
        self._run(crowd.due(T), 1)

    def leave(self, tries: int) -> bool:
        """Close what is open; whether another exit follows."""
        self.broker.odds = self.broker.odds._replace(late_word=0)
        boundary = (self.now + LEAD + timedelta(seconds=self.chance.randint(1, 60))).replace(microsecond=0)
        exits = crowd.due_exit(boundary, T, self.runs[-1].run_id if tries > 1 else "")
        self._file()
        self.store.decision = crowd.decided_exit(exits, self.entered)
        self.now = boundary - LEAD
        self._run(exits, tries)
        report = self.store.reports.get(0)
        return report is None or bool(report.incomplete)

    def judged(self) -> Tally:
        """What it came to."""
        self._file()
        tickets: list[Ticket] = [*self.store.entered, *self.store.adopted.values()]
        played = Played(
            broker=self.broker,
            tickets=tickets,
            told=self.store.events.values(),
            boundaries={due.run_id: due.boundary.timestamp() for due in self.runs},
            budget=CAPABILITY.orders,
            entry=self.runs[0].run_id,
            halted_at=self.halt.set_at.timestamp() if self.halt else None,
        )
        return Tally(
            sends=self.broker.sends,
            verdict=judged(played),
            crashes=self.crashes,
            states=Counter(intent.state.value for ticket in tickets for intent in ticket.intents),
            drawn=self.drawn + self.broker.drawn,
        )

    def _habits(self) -> Habits:
        (least, most), _ = self.chance.choices(LAGS, [often for _, often in LAGS])[0]
        habits = Habits(self.chance.uniform(least, most))
        if self._happens("mangled tags", MANGLED):
            habits = habits._replace(tag=TAGS[self.chance.choice(sorted(TAGS))])
        if self._happens("odd book", ODD):
            habits = habits._replace(prints=self.chance.choice((*misprints.AS_GOOD, *misprints.SILENT)))
        self.drawn[f"book {least:g} to {most:g} s late"] += 1
        dying = {
            seat.allocations[0].client_id: (T + timedelta(seconds=self.chance.uniform(-30, 120))).timestamp()
            for seat in self.store.seats
            if self._happens("token that dies", DEAD)
        }
        return habits._replace(token_dies_at=dying)

    def _happens(self, what: str, probability: float) -> bool:
        happens = self.chance.random() < probability
        self.drawn[what] += happens
        return happens

    def _run(self, due: Due, tries: int) -> None:
        """A run from its first attempt to its last."""
        self.runs.append(due)
        again = self._happens("run started twice", AGAIN)
        for attempt in range(ATTEMPTS + 1):
            survives = attempt == ATTEMPTS or self.chance.random() > CUT
            power = Power(None if survives else self.chance.randint(1, STEPS))
            workers = [(0.0, due.run_id, 2 * attempt, power)]
            if self._happens("second worker", BESIDE):
                workers.append((self.chance.uniform(0, 33), due.run_id, 2 * attempt + 1, Power()))
            if again and attempt == 0:
                workers.append((self.chance.uniform(0, 40), f"{due.run_id}/again", 0, Power()))
            self._attempt(due, tries, workers)
            if self.store.reports:
                break
            self.crashes += 1

    def _attempt(self, due: Due, tries: int, workers: list[tuple[float, str, int, Power]]) -> None:
        """Let workers serve the shard side by side, each after some seconds, until the last is over."""
        loop = VirtualLoop(self.now)
        loop.set_exception_handler(lambda _loop, _context: None)  # what a dead worker leaves behind, nobody hears of

        async def served(after: float, holder: str, attempt: int, power: Power) -> None:
            await asyncio.sleep(after)
            line: Any = self.broker  # speaks the wire of the tests' own broker
            errand = an_errand(
                run_id=due.run_id,
                template_id=due.template_id,
                boundary=due.boundary,
                closes=due.closes,
                holder=holder,
                attempt=attempt,
                ends=due.boundary + PROCESS,
                tries=tries,
            )
            await serve(a_desk(self.store, line, power), errand)

        async def every() -> list[BaseException | None]:
            halting = asyncio.create_task(self._halting())
            outcomes = await asyncio.gather(*(served(*each) for each in workers), return_exceptions=True)
            halting.cancel()
            return outcomes

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            for outcome in runner.run(every()):
                if outcome is not None and not isinstance(outcome, EXPECTED):
                    raise outcome
            self.now = from_ns(loop.now_ns()) + RETRY

    async def _halting(self) -> None:
        """Write the halt when its time comes."""
        if self.halt is None or self.halt in self.store.halts:
            return
        loop: Any = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, (to_ns(self.halt.set_at) - loop.now_ns()) / 1e9))
        self.store.halts.append(self.halt)

    def _file(self) -> None:
        """Put the last run's tickets and lease where those of earlier runs lie."""
        self.store.entered += self.store.tickets.values()
        self.store.leases[self.runs[-1].run_id] = self.store.lease
        self.store.tickets, self.store.lease, self.store.reports = {}, {}, {}


if __name__ == "__main__":
    for portion in play(int(sys.argv[1]), int(sys.argv[2])):
        sys.stdout.write(json.dumps(portion._asdict()) + "\n")
        sys.stdout.flush()

SUBJECT = Subject("faults", ("fault_sends", *(f"fault_{name}" for name in Verdict._fields)), measure)
