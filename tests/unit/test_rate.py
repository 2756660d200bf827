from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.errors import Throttled, Unavailable
from quantleap.domain.partner import RateLimits
from quantleap.domain.rate import MINUTE_US, Bucket, after_one, interval, micros, refusal, standing
from quantleap.services.rate_limits import Reserve, count
from tests.builders import NINE_TWENTY, a_key
from tests.fakes import FakeRateBuckets

SIXTY = RateLimits()
TEN_SECONDS = timedelta(seconds=10)
ROUTE = "GET /partner/me"


def spend(bucket: Bucket, requests: int, at: datetime = NINE_TWENTY, limits: RateLimits = SIXTY) -> tuple[Bucket, int]:
    """As many of the requests as pass at that instant."""
    passed = 0
    for _ in range(requests):
        if refusal(bucket, limits, at) is None:
            bucket, passed = after_one(bucket, limits, at), passed + 1
    return bucket, passed


def refused(bucket: Bucket, at: datetime = NINE_TWENTY, limits: RateLimits = SIXTY) -> Throttled:
    found = refusal(bucket, limits, at)
    assert found is not None
    return found


def test_a_minutes_worth_may_be_asked_at_once_and_no_more() -> None:
    assert spend(Bucket(), 100)[1] == 60


def test_then_one_comes_back_each_second() -> None:
    empty, _ = spend(Bucket(), 60)

    assert spend(empty, 100, NINE_TWENTY + TEN_SECONDS)[1] == 10


def test_a_refusal_says_the_limit_and_when_to_come_back() -> None:
    empty, _ = spend(Bucket(), 60)

    found = refused(empty)

    assert found.message == "Rate limit exceeded: 60 requests per minute"
    assert (found.reason, found.retry_after_s) == ("rate_limited", 1)
    assert refusal(empty, SIXTY, NINE_TWENTY + timedelta(seconds=1)) is None


def test_one_a_minute_is_one_a_minute() -> None:
    one = RateLimits(requests_per_minute=1)
    bucket, passed = spend(Bucket(), 5, limits=one)

    assert passed == 1
    assert refused(bucket, limits=one).retry_after_s == 60


def test_the_day_has_a_quota_that_ends_at_midnight_in_india() -> None:
    limits = RateLimits(requests_per_day=3)
    bucket, passed = spend(Bucket(), 5, limits=limits)

    found = refused(bucket, limits=limits)

    assert passed == 3
    assert (found.message, found.reason) == ("Rate limit exceeded: 3 requests per day", "daily_quota_exceeded")
    assert found.retry_after_s == (14 * 60 + 40) * 60


def test_a_standing_counts_down_and_says_when_it_is_whole_again() -> None:
    bucket, _ = spend(Bucket(), 15)

    fresh, used = standing(Bucket(), SIXTY, NINE_TWENTY), standing(bucket, SIXTY, NINE_TWENTY)

    assert fresh == (60, 60, int(NINE_TWENTY.timestamp()))
    assert used == (60, 45, int(NINE_TWENTY.timestamp()) + 15)


def test_where_less_is_left_of_the_day_the_day_counts() -> None:
    bucket, _ = spend(Bucket(), 8, limits=RateLimits(requests_per_day=10))

    said = standing(bucket, RateLimits(requests_per_day=10), NINE_TWENTY)

    assert (said.remaining, said.reset) == (2, int(NINE_TWENTY.timestamp()) + (14 * 60 + 40) * 60)


def test_a_bucket_filled_under_a_higher_limit_has_nothing_left() -> None:
    bucket, _ = spend(Bucket(), 600, limits=RateLimits(requests_per_minute=600))

    assert standing(bucket, RateLimits(requests_per_minute=1), NINE_TWENTY).remaining == 0


@given(
    per_minute=st.integers(1, 6000),
    gaps=st.lists(st.integers(0, 20_000), min_size=1, max_size=200),
)
def test_it_lets_through_what_an_exact_bucket_lets_through(per_minute: int, gaps: list[int]) -> None:
    """The reference keeps tokens in units of 1/interval, refills them as time passes, and takes one a request."""
    limits = RateLimits(requests_per_minute=per_minute, requests_per_day=10_000_000)
    step = interval(limits)
    bucket, tokens, now = Bucket(), per_minute * step, NINE_TWENTY
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        tokens = min(per_minute * step, tokens + gap * 1000)
        passes = tokens >= step
        assert (refusal(bucket, limits, now) is None) is passes
        if passes:
            tokens -= step
            bucket = after_one(bucket, limits, now)
        assert standing(bucket, limits, now).remaining == tokens // step


@pytest.mark.parametrize("per_minute", [1, 7, 59, 60, 61, 999, 5999, 6000])
def test_rounding_gives_away_less_than_a_thousandth(per_minute: int) -> None:
    gained = MINUTE_US / interval(RateLimits(requests_per_minute=per_minute)) - per_minute

    assert 0 <= gained < per_minute / 1000


def test_microseconds_are_exact() -> None:
    assert micros(NINE_TWENTY + timedelta(microseconds=1)) == int(NINE_TWENTY.timestamp()) * 1_000_000 + 1


def test_while_the_counter_fails_reading_goes_on_under_a_tenth_of_the_limit() -> None:
    buckets, reserve = FakeRateBuckets(), Reserve()
    buckets.failing = True

    answers = [count(buckets, reserve, a_key(), ROUTE, NINE_TWENTY, changes=False) for _ in range(8)]

    assert [answer.refusal is None for answer in answers] == [True] * 6 + [False] * 2
    assert [answer.standing.limit for answer in answers] == [6] * 8
    assert reserve.failures == 8


def test_while_the_counter_fails_nothing_may_be_changed() -> None:
    buckets = FakeRateBuckets()
    buckets.failing = True

    answer = count(buckets, Reserve(), a_key(), "POST /partner/marketplace/subscribe", NINE_TWENTY, changes=True)

    assert isinstance(answer.refusal, Unavailable)
    assert answer.refusal.reason == "rate_counter_unavailable"


def test_the_reserve_lets_one_through_however_small_the_limit() -> None:
    buckets, key = FakeRateBuckets(), a_key(rate_limits=RateLimits(requests_per_minute=1))
    buckets.failing = True

    assert count(buckets, Reserve(), key, ROUTE, NINE_TWENTY, changes=False).refusal is None
