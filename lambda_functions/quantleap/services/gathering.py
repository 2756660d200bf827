"""Questions to the outside that are asked side by side, within one time for all of them."""

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

from quantleap.domain.errors import QuantLeapError

SIDE_BY_SIDE = 16
"""More than there are brokers, or option chains that anything trades at one boundary."""


class Gathered[K: Hashable, V](NamedTuple):
    """What was answered in time, and why nothing else was; what came too late is in neither."""

    answers: dict[K, V]
    refusals: dict[K, QuantLeapError]


def gather[K: Hashable, V](ask: Callable[[K], V], wanted: Iterable[K], within_s: float) -> Gathered[K, V]:
    """Ask for each once; whoever does not answer in time is left to itself, and its answer is not waited for.

    A fault that is no refusal is raised.
    """
    pool = ThreadPoolExecutor(SIDE_BY_SIDE)
    asked = {pool.submit(ask, each): each for each in dict.fromkeys(wanted)}
    done, _ = wait(asked, timeout=within_s)
    pool.shutdown(wait=False, cancel_futures=True)
    found = Gathered[K, V]({}, {})
    for future, each in asked.items():
        if future not in done:
            continue
        if isinstance(error := future.exception(), QuantLeapError):
            found.refusals[each] = error
        else:
            found.answers[each] = future.result()
    return found
