import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from quantleap.domain.errors import Conflict, Unavailable
from quantleap.services.urgent import BEGINS_S, HALTS, at_once
from tests.engine import T, play


class Calls:
    """Counts calls; those named hang until they are let go."""

    def __init__(self, *hanging: int) -> None:
        self.made = 0
        self.let_go = threading.Event()
        self._hanging = hanging
        self._lock = threading.Lock()

    def ask(self) -> int:
        with self._lock:
            self.made += 1
            number = self.made
        if number in self._hanging:
            self.let_go.wait(10)
        return number


@pytest.mark.parametrize(("hanging", "answer"), [((), 1), ((1,), 2), ((1, 2), 3)])
def test_a_call_that_hangs_is_answered_by_one_beside_it(hanging: tuple[int, ...], answer: int) -> None:
    calls, threads = Calls(*hanging), ThreadPoolExecutor(8)
    begun = time.monotonic()

    assert asyncio.run(at_once(threads, calls.ask)) == answer

    assert time.monotonic() - begun < BEGINS_S[answer - 1] + 0.5
    assert calls.made == answer
    calls.let_go.set()
    threads.shutdown()


def failing(*failures: Exception) -> tuple[list[float], int | Exception]:
    """When the calls were made, and what they came to: each fails as named, one after the last is answered with 7."""
    left, made = list(failures), list[float]()

    def ask() -> int:
        made.append(round(asyncio.get_running_loop().time(), 6))
        if left:
            raise left.pop(0)
        return 7

    async def whole() -> int | Exception:
        try:
            return await at_once(HALTS, ask)
        except Exception as error:  # noqa: BLE001 - what is asserted
            return error

    return made, play(whole, T)


def test_a_call_that_fails_is_made_again_when_it_is_due_and_no_sooner() -> None:
    assert failing() == ([0.0], 7)
    assert failing(Unavailable("busy")) == ([0.0, 0.2], 7)
    assert failing(*[Unavailable("busy")] * 3) == ([0.0, 0.2, 0.5, 1.0], 7)


def test_the_last_failure_of_all_is_raised() -> None:
    failures = [Unavailable(str(number)) for number in range(len(BEGINS_S))]

    made, failure = failing(*failures)

    assert made == list(BEGINS_S)
    assert failure is failures[-1]


def test_a_conflict_is_an_answer() -> None:
    conflict = Conflict("another worker took this shard over")

    assert failing(Unavailable("busy"), conflict) == ([0.0, 0.2], conflict)
