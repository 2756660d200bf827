"""The machine's clock: no AWS timer reaches the zero second, only code that is already running does."""

import asyncio
import time

SPIN_NS = 2_000_000
"""The last stretch is spent spinning: a plain sleep comes back up to 3 ms late, a spin within microseconds."""

PIECE_NS = 50_000_000
"""A clock that is set while a worker sleeps is noticed after so long near the moment."""

LONG_PIECE_NS = 1_000_000_000
"""And after so long far from it: hundreds of accounts that wait for their turn would hold up those that send."""

STEP_NS = 1_000_000_000
"""A clock set forward by no more than this makes nobody later than a short piece; by more, than a long one."""


class SystemTimer:
    """Wall-clock time, kept by the host's NTP, which may step it by a leap or after a pause of the machine."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    async def until(self, moment_ns: int) -> None:
        """Sleep in pieces to just before the moment, then spin up to it; a clock set back puts an end to the spin."""
        while (left := moment_ns - time.time_ns()) > 0:
            if left > SPIN_NS:
                await asyncio.sleep(min(left - SPIN_NS, _piece(left)) / 1e9)


def _piece(left_ns: int) -> int:
    """How long to sleep before the clock is looked at again; after a step within it the moment still lies ahead."""
    return max(PIECE_NS, min(left_ns - STEP_NS, LONG_PIECE_NS))
