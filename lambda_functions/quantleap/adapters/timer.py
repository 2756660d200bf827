"""The machine's clock: no AWS timer reaches the zero second, only code that is already running does."""

import asyncio
import time

SPIN_NS = 2_000_000
"""The last stretch is spent spinning: a plain sleep comes back up to 3 ms late, a spin within microseconds."""

PIECE_NS = 50_000_000
"""A clock that is set while a worker sleeps is noticed after so long: that much late at most, and never early."""


class SystemTimer:
    """Wall-clock time, kept by the host's NTP, which may step it by a leap or after a pause of the machine."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    async def until(self, moment_ns: int) -> None:
        """Sleep in pieces to just before the moment, then spin up to it; a clock set back puts an end to the spin."""
        while (left := moment_ns - time.time_ns()) > 0:
            if left > SPIN_NS:
                await asyncio.sleep(min(left - SPIN_NS, PIECE_NS) / 1e9)
