"""What machine this is, and how much of it others use while something is measured."""

import os
import platform
import time
from pathlib import Path
from typing import NamedTuple, Self

STAT = Path("/proc/stat")
CPUINFO = Path("/proc/cpuinfo")
IDLE = (3, 4)
"""Where Linux counts time that nobody used, and time that nobody used but somebody waited for a disk."""


def busy_s(stat: str, ticks_per_s: int) -> float:
    """CPU seconds that everybody has used since the machine started, by the first line of `/proc/stat`."""
    counts = [int(count) for count in stat.split("\n", 1)[0].split()[1:9]]
    return sum(count for place, count in enumerate(counts) if place not in IDLE) / ticks_per_s


class Spent(NamedTuple):
    """CPU seconds until a moment, of everybody (None where the system does not say) and of this program."""

    at_s: float
    everybody_s: float | None
    own_s: float

    @classmethod
    def now(cls) -> Self:
        """Of this moment; a child counts once it has ended."""
        everybody = busy_s(STAT.read_text(), os.sysconf("SC_CLK_TCK")) if STAT.exists() else None
        return cls(time.monotonic(), everybody, sum(os.times()[:4]))

    def others_since(self, before: Self) -> float | None:
        """The share of all cores that others used meanwhile."""
        if self.everybody_s is None or before.everybody_s is None:
            return None
        theirs = (self.everybody_s - before.everybody_s) - (self.own_s - before.own_s)
        return max(0.0, theirs / ((self.at_s - before.at_s) * (os.cpu_count() or 1)))


def described() -> str:
    """The processor and the interpreter, in words."""
    return f"{os.cpu_count()} cores ({_processor()}), {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
