"""How often a key may ask: a token bucket, and a quota for each day of India's calendar.

The bucket is one number (GCRA): the moment at which its whole burst is there again. A request moves that moment on by
the time one request takes to come back; it is refused where the moment would lie more than a minute ahead. So a
key may ask its minute's worth at once, and then as fast as the limit gives requests back.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from quantleap.domain.clock import IST
from quantleap.domain.errors import QuantLeapError, Throttled
from quantleap.domain.partner import RateLimits

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bucket(NamedTuple):
    """What a key has used: when its burst is whole again (µs since 1970), and its requests of the day."""

    full_at: int = 0
    used: int = 0


class Standing(NamedTuple):
    """What a caller is told: its limit a minute, what is left of it, and when (s since 1970) it is whole again."""

    limit: int
    remaining: int
    reset: int


class Counted(NamedTuple):
    """How a key stands after a request was counted, and why the request is refused where it is."""

    standing: Standing
    refusal: QuantLeapError | None = None


class DayUsage(NamedTuple):
    """A day's counted requests, by route; those over a limit are not in it."""

    day: date
    requests: int
    routes: Mapping[str, int]
    last_used_at: datetime


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def day_of(at: datetime) -> date:
    """The day of India's calendar, which quotas and usage go by."""
    return at.astimezone(IST).date()


def interval(limits: RateLimits) -> int:
    """Microseconds in which one request comes back."""
    return MINUTE_US // limits.requests_per_minute


def latest(limits: RateLimits, at: datetime) -> int:
    """The fullest bucket that still lets a request through: beyond this moment it is refused."""
    return micros(at) + interval(limits) * (limits.requests_per_minute - 1)


def after_one(bucket: Bucket, limits: RateLimits, at: datetime) -> Bucket:
    """The bucket with one more request in it."""
    return Bucket(max(bucket.full_at, micros(at)) + interval(limits), bucket.used + 1)


def refusal(bucket: Bucket, limits: RateLimits, at: datetime) -> Throttled | None:
    """Why a request may not pass, and when one may again; None when it may."""
    if bucket.used >= limits.requests_per_day:
        text = f"Rate limit exceeded: {limits.requests_per_day} requests per day"
        return Throttled(text, retry_after_s=_seconds_to(_midnight(at), at), code="daily_quota_exceeded")
    wait = bucket.full_at - latest(limits, at)
    if wait > 0:
        text = f"Rate limit exceeded: {limits.requests_per_minute} requests per minute"
        return Throttled(text, retry_after_s=_whole_seconds(wait))
    return None


def standing(bucket: Bucket, limits: RateLimits, at: datetime) -> Standing:
    """How a key stands; where less is left of the day than of the minute, the day counts."""
    step = interval(limits)
    free = micros(at) + step * limits.requests_per_minute - max(bucket.full_at, micros(at))
    minute = max(0, free // step)
    today = max(0, limits.requests_per_day - bucket.used)
    if today < minute or not today:
        return Standing(limits.requests_per_minute, today, _whole_seconds(_midnight(at)))
    return Standing(limits.requests_per_minute, minute, _whole_seconds(max(bucket.full_at, micros(at))))


def _midnight(at: datetime) -> int:
    """When the next day of India's calendar begins."""
    return micros(datetime.combine(day_of(at) + timedelta(days=1), time(), IST))


def _seconds_to(moment: int, at: datetime) -> int:
    return _whole_seconds(moment - micros(at))


def _whole_seconds(span: int) -> int:
    return -(-span // SECOND_US)
