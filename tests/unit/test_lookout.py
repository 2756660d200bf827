import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from quantleap.domain.errors import Unavailable
from quantleap.domain.halts import Halt
from quantleap.services.lookout import EVERY_NS, Lookout
from tests.builders import NINE_TWENTY, TEMPLATE, a_ticket
from tests.engine import Power, VirtualTimer, play

SECOND = 1_000_000_000
WORKER = "run_20261123T092000_entry_bsk_1_v1/7"


class Halts:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.held: Sequence[Halt] = ()
        self.down = False

    def list(self, reader: int) -> Sequence[Halt]:
        assert reader in range(256)
        self.asked += 1
        if self.down:
            raise Unavailable("the table does not answer")
        return self.held


class Timer:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 100 * SECOND

    def now_ns(self) -> int:
        return self.now

    async def until(self, moment_ns: int) -> None:
        self.now = max(self.now, moment_ns)


def lookout() -> tuple[Lookout, Halts, Timer]:
    halts, timer = Halts(), Timer()
    return Lookout(halts, timer, TEMPLATE, WORKER), halts, timer  # type: ignore[arg-type]  # reads alone are asked for


def test_knowledge_that_grew_old_is_renewed_once_for_all_who_ask() -> None:
    watch, halts, timer = lookout()

    async def ask() -> list[str | None]:
        await watch.look()
        timer.now += 5 * SECOND
        assert watch.stops(a_ticket()) == "halts_unreadable"
        return await asyncio.gather(*(watch.asked(a_ticket()) for _ in range(20)))

    assert asyncio.run(ask()) == [None] * 20
    assert halts.asked == 2


def test_what_cannot_be_read_any_more_stops_everybody() -> None:
    watch, halts, timer = lookout()

    async def ask() -> str | None:
        await watch.look()
        halts.down = True
        timer.now += 5 * SECOND
        return await watch.asked(a_ticket())

    assert asyncio.run(ask()) == "halts_unreadable"


def test_a_halt_that_ends_lets_trading_go_on_without_another_look() -> None:
    watch, halts, timer = lookout()
    halts.held = [Halt(scope="platform", reason="one minute", set_by="admin", set_at=NINE_TWENTY, until=NINE_TWENTY)]
    timer.now = int(NINE_TWENTY.timestamp()) * SECOND - EVERY_NS

    async def ask() -> tuple[str | None, str | None]:
        await watch.look()
        before = await watch.asked(a_ticket())
        timer.now += EVERY_NS
        return before, await watch.asked(a_ticket())

    assert asyncio.run(ask()) == ("halted", None)
    assert halts.asked == 1


class Watched:
    """Notes when it was asked, in virtual time."""

    def __init__(self, timer: VirtualTimer) -> None:
        self.at: list[int] = []
        self._timer = timer

    def list(self, _reader: int) -> Sequence[Halt]:
        self.at.append(self._timer.now_ns())
        return ()


def looks(worker: str) -> set[float]:
    """Fractions of a second at which a worker looks in three seconds."""
    timer = VirtualTimer(Power())
    halts = Watched(timer)

    async def watch() -> None:
        lookout = Lookout(halts, timer, TEMPLATE, worker)  # type: ignore[arg-type]  # reads alone are asked for
        with suppress(TimeoutError):
            await asyncio.wait_for(lookout.keep_looking(), 3)

    play(watch, NINE_TWENTY)
    assert all(abs(later - earlier - EVERY_NS) < SECOND / 1000 for earlier, later in pairwise(halts.at))
    return {round(at % SECOND / SECOND, 3) for at in halts.at}


def test_workers_of_many_small_runs_look_twice_a_second_spread_and_never_near_a_boundary() -> None:
    found = sorted(look for run in range(400) for look in looks(f"run_{run}/0"))

    assert min(found) > 0.14
    assert max(found) < 0.86
    for part in range(4):
        assert 60 < sum(part / 20 <= look - 0.15 < (part + 1) / 20 for look in found) < 140
