"""Calls that must not wait behind others: a worker's lease, and the halts.

The loop's own threads also resolve brokers' names, and one that hangs would keep them all for seconds.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREADS = ThreadPoolExecutor(2, thread_name_prefix="urgent")


async def at_once[*Ts, R](function: Callable[[*Ts], R], *arguments: *Ts) -> R:
    """Call a function that blocks, in a thread kept for such calls."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, function, *arguments)
