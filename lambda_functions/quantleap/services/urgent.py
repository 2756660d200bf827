"""Calls that must neither wait behind others nor for one lost packet: a lease's renewal, and the looks at the halts.

They have threads of their own, for the loop's also resolve brokers' names, and one that hangs would keep them all for
seconds. A call without an answer is made again beside itself, and the first answer counts.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

from quantleap.domain.errors import Conflict

LEASE = ThreadPoolExecutor(8, thread_name_prefix="lease")
HALTS = ThreadPoolExecutor(8, thread_name_prefix="halts")
"""As many threads as calls can hang at once: each for the second its client waits, and those of the time before."""

BEGINS_S = (0.0, 0.2, 0.5, 1.0, 1.6)
"""When a call is made, and made again while none was answered.

The first repetition comes after what a read of the table takes once in some ten thousand; all five fit, with the second
that the last may take, into little more than the two that a lease lasts and that halts stay known.
"""


async def at_once[*Ts, R](threads: Executor, function: Callable[[*Ts], R], *arguments: *Ts) -> R:
    """Call a function that blocks and that may run several times, even beside itself.

    The first answer counts, and a `Conflict` is one; of failures the last is raised.
    """
    tries = [asyncio.create_task(_begun(begins_s, threads, function, *arguments)) for begins_s in BEGINS_S]
    waiting = set(tries)
    try:
        while True:
            over, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            failures = [failure for each in over if (failure := each.exception()) is not None]
            if len(failures) < len(over):
                return next(each for each in over if each.exception() is None).result()
            if not (waiting and all(map(_passes, failures))):
                raise failures[0]
    finally:
        for each in tries:
            each.cancel()


async def _begun[*Ts, R](begins_s: float, threads: Executor, function: Callable[[*Ts], R], *arguments: *Ts) -> R:
    await asyncio.sleep(begins_s)
    return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)


def _passes(failure: BaseException) -> bool:
    """Whether another try may be answered."""
    return isinstance(failure, Exception) and not isinstance(failure, Conflict)
