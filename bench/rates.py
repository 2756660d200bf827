"""How exactly a key's limit is kept when 64 ask at once, beside a counter that begins anew every minute.

`python -m bench.rates SEED` plays some minutes and writes one line of JSON.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from fractions import Fraction
from threading import Barrier, Lock
from typing import Any

from bench import cloud, processes
from bench.figures import Figure, Finding, at_most, show
from bench.subject import Subject, Tell
from quantleap.adapters.rate_buckets import TableRateBuckets
from quantleap.adapters.table import Table
from quantleap.domain.partner import RateLimits
from tests.engine import T

CALLERS = 64
PER_MINUTE = 60
LIMITS = RateLimits(requests_per_minute=PER_MINUTE, requests_per_day=1_000_000)
MOMENTS = 40
LONGEST_PAUSE_S = 45
PLAYS = 2

HOW = """\
{callers} callers, each with a counter of its own as each of Lambda's environments has, share one key with {limit}
requests a minute and the table. At {moments} moments, up to {pause} s apart, all of them ask at once and {plays} plays
differ in the moments; requests are counted by the functions' own code, in a table in memory that takes writes to an
item one by one, as DynamoDB does. The exact bucket holds {limit}, gets one back every second and is asked the same
requests one after another, in fractions. A counter of whole minutes lets a burst through at each of two minutes that
meet: it is here to show what the error would be.
"""


def measure(tell: Tell) -> Finding:
    """Play the minutes."""
    played: list[Any] = []
    for number in range(1, PLAYS + 1):
        tell(f"play {number} of {PLAYS}")
        played += processes.results("bench.rates", number)
    through, exact, windowed = (sum(each[name] for each in played) for name in ("through", "exact", "windowed"))
    return finding(through, exact, windowed, sum(each["asked"] for each in played))


def finding(through: int, exact: int, windowed: int, asked: int) -> Finding:
    """The share by which too many or too few were let through."""
    error, naive = (abs(passed - exact) / exact for passed in (through, windowed))
    figure = Figure("rate_limit_error", error, "of the exact", at_most(0.001), "a counter of whole minutes", naive)
    how = HOW.format(callers=CALLERS, limit=PER_MINUTE, moments=MOMENTS, pause=LONGEST_PAUSE_S, plays=PLAYS).strip()
    said = f"Of {show(asked)} requests {show(through)} were let through, by the exact bucket {show(exact)}, by whole "
    return Finding([figure], how, [f"{said}minutes {show(windowed)}."])


def exactly(moments: Sequence[datetime], each: int) -> int:
    """How many of the requests at each moment a bucket lets through that is asked one after another."""
    tokens, before, passed = Fraction(PER_MINUTE), moments[0], 0
    for moment in moments:
        since = Fraction((moment - before) // timedelta(microseconds=1), 60_000_000)
        tokens, before = min(Fraction(PER_MINUTE), tokens + since * PER_MINUTE), moment
        now = min(each, int(tokens))
        tokens, passed = tokens - now, passed + now
    return passed


def by_minutes(moments: Sequence[datetime], each: int) -> int:
    """How many a counter lets through that begins anew with each minute of the clock."""
    counts: dict[datetime, int] = {}
    for moment in moments:
        minute = moment.replace(second=0, microsecond=0)
        counts[minute] = min(PER_MINUTE, counts.get(minute, 0) + each)
    return sum(counts.values())


def moments(chance: random.Random) -> Iterator[datetime]:
    """When everybody asks."""
    at = T
    for _ in range(MOMENTS):
        yield at
        at += timedelta(seconds=chance.uniform(0, LONGEST_PAUSE_S))


def let_through(table: Table, when: Sequence[datetime]) -> int:
    """How many the functions' counters let through, when all callers ask at each moment at once."""
    together, counters = Barrier(CALLERS), [TableRateBuckets(table) for _ in range(CALLERS)]

    def ask(counter: TableRateBuckets) -> int:
        passed = 0
        for moment in when:
            together.wait()
            passed += counter.count("bench", LIMITS, "GET /partner/me", moment).refusal is None
        return passed

    with ThreadPoolExecutor(CALLERS) as pool:
        return sum(pool.map(ask, counters))


def in_turn(call: Callable[..., Any], turn: Lock) -> Callable[..., Any]:
    """One call after another, as DynamoDB writes to an item: moto itself does not see to it."""

    def waiting(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as the call's
        with turn:
            return call(*arguments, **more)

    return waiting


def play(seed: int) -> dict[str, int]:
    """Ask, and count."""
    when = list(moments(random.Random(seed)))
    with cloud.table() as table:
        writing: Any = table
        turn = Lock()
        for name in ("update", "put"):
            setattr(writing, name, in_turn(getattr(table, name), turn))
        through = let_through(table, when)
    return {
        "asked": CALLERS * len(when),
        "through": through,
        "exact": exactly(when, CALLERS),
        "windowed": by_minutes(when, CALLERS),
    }


SUBJECT = Subject("rates", ("rate_limit_error",), measure)

if __name__ == "__main__":
    sys.stdout.write(json.dumps(play(int(sys.argv[1]))) + "\n")
