"""The machine's clock: no AWS timer reaches the zero second, only code that is already running does."""

import asyncio
import time

SPIN_NS = 2_000_000
"""The last stretch is spent spinning: a plain sleep comes back up to 3 ms late, a spin within microseconds."""


class SystemTimer:
    """Wall-clock time, kept by the host's NTP."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    async def until(self, moment_ns: int) -> None:
        """Sleep to just before the moment, then spin up to it."""
        while (left := moment_ns - time.time_ns()) > SPIN_NS:  # noqa: ASYNC110 - the clock rings no event
            await asyncio.sleep((left - SPIN_NS) / 1e9)
        while time.time_ns() < moment_ns:
            pass
