"""How long something took, many times over: kept in buckets, so that shards' times add up to a run's.

A bucket is 1 % wide, so a percentile is off by at most that; the greatest time is exact. Times are milliseconds.
"""

import math
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple, Self

from quantleap.domain.model import Model

WIDTH = 1.01
LEAST_MS = 0.001
"""Nothing shorter is told apart: a microsecond."""

THOUSANDTH = Decimal("0.001")


class Percentiles(NamedTuple):
    """What half, 95 and 99 of 100 do not exceed, and the greatest of all; ms."""

    p50: Decimal
    p95: Decimal
    p99: Decimal
    max: Decimal


class Latencies(Model):
    """Times by bucket: bucket b holds those up to 0.001 ms * 1.01^b."""

    buckets: dict[int, int] = {}
    greatest: Decimal = Decimal(0)

    @classmethod
    def of(cls, times: Iterable[Decimal]) -> Self:
        """Sort times into buckets."""
        found = list(times)
        return cls(buckets=dict(Counter(map(_bucket, found))), greatest=max(found, default=Decimal(0)))

    def plus(self, other: Self) -> Self:
        """Both, as if they had been measured together."""
        both = Counter(self.buckets)
        both.update(other.buckets)
        return self.model_copy(update={"buckets": dict(both), "greatest": max(self.greatest, other.greatest)})

    def percentiles(self) -> Percentiles | None:
        """The figures people compare; None where nothing was measured."""
        if not self.buckets:
            return None
        return Percentiles(self._at(50), self._at(95), self._at(99), self.greatest)

    def _at(self, percent: int) -> Decimal:
        """The value that `percent` of 100 do not exceed (nearest rank)."""
        rank = -(-sum(self.buckets.values()) * percent // 100)
        ordered = sorted(self.buckets)
        passed = accumulate(self.buckets[bucket] for bucket in ordered)
        bucket = next(bucket for bucket, count in zip(ordered, passed, strict=True) if count >= rank)
        return min(Decimal(LEAST_MS * WIDTH**bucket).quantize(THOUSANDTH), self.greatest)


def _bucket(time_ms: Decimal) -> int:
    return max(0, math.ceil(math.log(max(float(time_ms), LEAST_MS) / LEAST_MS, WIDTH)))
