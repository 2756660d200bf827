"""Waiting for a moment of the wall clock, whatever happens to that clock meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from quantleap.adapters.timer import SystemTimer
from tests.engine import T, VirtualLoop, play

SECOND = 1_000_000_000
MOMENT = 10 * SECOND


class Clock:
    """The loop's time, set forward or back at a moment; each look takes a microsecond, so that a spin gets on."""

    def __init__(self, step_s: float = 0, at_s: float = 0) -> None:
        self._step_ns, self._at_s = int(step_s * SECOND), at_s
        self.looks = 0

    def time_ns(self) -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.elapsed += 1e-6
        self.looks += 1
        return int(loop.elapsed * SECOND) + (self._step_ns if loop.elapsed >= self._at_s else 0)


def woken(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> int:
    """What the clock shows when the wait for 10 s after its start is over."""
    monkeypatch.setattr(time, "time_ns", clock.time_ns)

    async def wait() -> int:
        await SystemTimer().until(MOMENT)
        return clock.time_ns()

    return play(wait, T)


@pytest.mark.parametrize("step_s", [-1, -0.2, 0.05, 0.2, 1])
@pytest.mark.parametrize("at_s", [0.5, 5, 7.9, 8.5, 8.9, 9.7, 9.95, 9.9985, 9.9999])
def test_a_clock_that_is_set_while_a_worker_sleeps_makes_it_neither_early_nor_late(
    monkeypatch: pytest.MonkeyPatch, step_s: float, at_s: float
) -> None:
    """A step forward over the moment itself is seen within a twentieth of a second."""
    shown = woken(monkeypatch, Clock(step_s, at_s))
    stepped_over = max(0, int((at_s + step_s) * SECOND) - MOMENT) if at_s < 10 else 0

    assert MOMENT <= shown - stepped_over <= MOMENT + SECOND // 19


def test_a_clock_that_nobody_sets_is_met_to_the_microsecond(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOMENT <= woken(monkeypatch, Clock()) < MOMENT + 5000


def test_hundreds_who_wait_for_their_turn_hardly_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wake once a second, until the moment is near."""
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", clock.time_ns)

    async def wait_for_a_minute() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await SystemTimer().until(100 * SECOND)

    play(wait_for_a_minute, T)

    assert 60 <= clock.looks <= 62


@pytest.mark.parametrize("step_s", [1.5, 30])
def test_a_long_step_forward_is_seen_within_a_second(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    shown = woken(monkeypatch, Clock(step_s, 8.5))

    assert shown <= int((8.5 + step_s + 1) * SECOND)


def test_a_clock_set_back_in_the_last_millisecond_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease is renewed and halts are read meanwhile: a second of spinning would let both grow old."""
    clock = Clock(-1, 9.999)
    monkeypatch.setattr(time, "time_ns", clock.time_ns)

    async def others(until: Callable[[int], Awaitable[None]]) -> int:
        ticks = 0
        waiting = asyncio.ensure_future(until(MOMENT))
        await asyncio.sleep(9.998)
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert play(lambda: others(SystemTimer().until), T) > 50
