"""Calls that must not wait behind others: the renewal of a worker's lease, and its looks at the halts.

The loop's own threads also resolve brokers' names, and one that hangs would keep them all for seconds.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

LEASE = ThreadPoolExecutor(1, thread_name_prefix="lease")
HALTS = ThreadPoolExecutor(1, thread_name_prefix="halts")


async def at_once[*Ts, R](threads: Executor, function: Callable[[*Ts], R], *arguments: *Ts) -> R:
    """Call a function that blocks, in threads kept for such calls."""
    return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)
