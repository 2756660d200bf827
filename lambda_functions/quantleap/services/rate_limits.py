"""Requests counted before they are answered, and what holds while they cannot be counted."""

from datetime import datetime

from quantleap.domain import rate
from quantleap.domain.errors import Unavailable
from quantleap.domain.partner import PartnerKey, RateLimits
from quantleap.domain.ports import RateBuckets
from quantleap.domain.rate import Bucket, Counted

STRICTER = 10
"""While counting fails, each process alone lets through a tenth of the limit: several may be at work."""


class Reserve:
    """Buckets of this process alone, for the time the table does not answer; it counts how often that was."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self.failures = 0

    def count(self, key: PartnerKey, at: datetime) -> Counted:
        """Count one request here, under a stricter limit."""
        limits = stricter(key.rate_limits)
        bucket = self._buckets.get(key.api_key_id, Bucket())._replace(used=0)
        refusal = rate.refusal(bucket, limits, at)
        if refusal is None:
            bucket = self._buckets[key.api_key_id] = rate.after_one(bucket, limits, at)
        return Counted(rate.standing(bucket, limits, at), refusal)


def stricter(limits: RateLimits) -> RateLimits:
    """A tenth a minute, at least one; days are not counted meanwhile."""
    return limits.model_copy(update={"requests_per_minute": max(1, limits.requests_per_minute // STRICTER)})


def count(
    buckets: RateBuckets, reserve: Reserve, key: PartnerKey, route: str, at: datetime, *, changes: bool
) -> Counted:
    """Count a request against its key's limits.

    When the counter itself fails, what only reads goes on under the reserve's limit, and what `changes` anything is
    refused: nothing may be ordered that nobody counts.
    """
    try:
        return buckets.count(key.api_key_id, key.rate_limits, route, at)
    except Unavailable as failure:
        reserve.failures += 1
        counted = reserve.count(key, at)
        return Counted(counted.standing, failure) if changes else counted
