"""Requests counted: by both stores, by many callers at once, and as HTTP."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from quantleap.adapters.partner_keys import TablePartnerKeys
from quantleap.adapters.rate_buckets import TRIES, TableRateBuckets
from quantleap.adapters.table import ConditionFailed, Table
from quantleap.domain.errors import Throttled, Unavailable
from quantleap.domain.partner import RateLimits
from quantleap.runtime import wiring
from tests.builders import NINE_TWENTY, Clock, a_key
from tests.conftest import TABLE
from tests.fakes import Stores
from tests.integration.gateway import Gateway, as_admin
from tests.integration.test_api import new_partner, refused

SIXTY = RateLimits()
ME = "GET /partner/me"
MONDAY = date(2026, 11, 23)


def test_a_bucket_empties_and_fills_again(stores: Stores) -> None:
    first = [stores.rates.count("key_1", SIXTY, ME, NINE_TWENTY).refusal for _ in range(61)]
    later = [stores.rates.count("key_1", SIXTY, ME, NINE_TWENTY + timedelta(seconds=2)).refusal for _ in range(3)]

    assert [refusal is None for refusal in first] == [True] * 60 + [False]
    assert [refusal is None for refusal in later] == [True, True, False]
    assert isinstance(first[-1], Throttled)


def test_keys_do_not_share_a_bucket(stores: Stores) -> None:
    one = RateLimits(requests_per_minute=1)
    stores.rates.count("key_1", one, ME, NINE_TWENTY)

    assert stores.rates.count("key_2", one, ME, NINE_TWENTY).standing.remaining == 0
    assert stores.rates.count("key_2", one, ME, NINE_TWENTY).refusal is not None


def test_a_quota_begins_anew_with_the_day_and_the_bucket_does_not(stores: Stores) -> None:
    three = RateLimits(requests_per_minute=60, requests_per_day=60)
    late = datetime.fromisoformat("2026-11-23T23:59:59+05:30")
    for _ in range(60):
        stores.rates.count("key_1", three, ME, late)
    over = stores.rates.count("key_1", three, ME, late).refusal

    next_day = [stores.rates.count("key_1", three, ME, late + timedelta(seconds=2)).refusal for _ in range(3)]

    assert isinstance(over, Throttled)
    assert over.reason == "daily_quota_exceeded"
    assert [refusal is None for refusal in next_day] == [True, True, False]
    assert isinstance(next_day[2], Throttled)
    assert next_day[2].reason == "rate_limited"


def test_usage_is_told_by_day_and_route_and_what_was_refused_is_not_in_it(stores: Stores) -> None:
    two = RateLimits(requests_per_minute=2)
    for route, after in ((ME, 0), ("GET /partner/subscriptions/{subscription_id}", 0), (ME, 0), (ME, 86_400)):
        stores.rates.count("key_1", two, route, NINE_TWENTY + timedelta(seconds=after))

    tuesday, monday = stores.rates.usage("key_1", MONDAY, MONDAY + timedelta(days=1))

    assert (monday.day, monday.requests, monday.last_used_at) == (MONDAY, 2, NINE_TWENTY)
    assert monday.routes == {ME: 1, "GET /partner/subscriptions/{subscription_id}": 1}
    assert tuesday.routes == {ME: 1}
    assert stores.rates.usage("key_1", MONDAY, MONDAY) == [monday]
    assert stores.rates.usage("key_2", MONDAY, MONDAY) == []


def test_a_key_remembers_the_day_it_was_used_last(table: Table) -> None:
    buckets, keys = TableRateBuckets(table), TablePartnerKeys(table)
    keys.add(a_key())

    buckets.count("key_zebu", SIXTY, ME, NINE_TWENTY)

    assert keys.get("key_zebu").last_used_on == MONDAY


@pytest.fixture
def calls(table: Table) -> Counter[str]:
    made: Counter[str] = Counter()
    events = table._client.meta.events
    events.register("before-call.dynamodb", lambda model, **_: made.update([model.name]))
    return made


def test_an_allowed_request_is_one_write_and_one_that_is_clearly_over_none(table: Table, calls: Counter[str]) -> None:
    buckets = TableRateBuckets(table)
    two = RateLimits(requests_per_minute=2)
    buckets.count("key_1", two, ME, NINE_TWENTY)
    calls.clear()

    for _ in range(5):
        buckets.count("key_1", two, ME, NINE_TWENTY)
    assert calls == {"UpdateItem": 1}

    buckets.count("key_1", two, ME, NINE_TWENTY + timedelta(minutes=5))
    assert calls == {"UpdateItem": 2}


def test_a_process_that_remembers_less_than_the_table_is_corrected_by_it(table: Table) -> None:
    old, new = TableRateBuckets(table), TableRateBuckets(table)
    for _ in range(59):
        old.count("key_1", SIXTY, ME, NINE_TWENTY)

    answers = [new.count("key_1", SIXTY, ME, NINE_TWENTY).refusal for _ in range(3)]

    assert [refusal is None for refusal in answers] == [True, False, False]


def test_64_parallel_callers_get_exactly_the_bucket(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them is a process of its own; moto's writes are taken one by one, as DynamoDB does for an item."""
    one_at_a_time = threading.Lock()
    for name in ("update", "put"):
        monkeypatch.setattr(table, name, _locked(getattr(table, name), one_at_a_time))
    limits = RateLimits(requests_per_minute=300)
    clock = Clock()
    passed = 0
    for _ in range(3):
        with ThreadPoolExecutor(64) as pool:
            processes = [TableRateBuckets(table) for _ in range(64)]
            answers = pool.map(lambda each: [_passes(each, limits, clock()) for _ in range(6)], processes)
            passed += sum(sum(each) for each in answers)
        clock.passes(seconds=10)

    assert passed == 300 + 50 + 50


def _locked(call: Callable[..., Any], lock: threading.Lock) -> Callable[..., Any]:
    def locked(*args: Any, **more: Any) -> Any:
        with lock:
            return call(*args, **more)

    return locked


def _passes(buckets: TableRateBuckets, limits: RateLimits, at: datetime) -> bool:
    return buckets.count("key_1", limits, ME, at).refusal is None


def test_a_table_that_does_not_answer_is_a_counter_that_fails(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "update", _failing)

    with pytest.raises(Unavailable) as failure:
        TableRateBuckets(table).count("key_1", SIXTY, ME, NINE_TWENTY)

    assert failure.value.reason == "rate_counter_unavailable"


def _failing(*_: object, **__: object) -> None:
    raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")


def test_a_bucket_nobody_can_take_from_is_a_counter_that_fails(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def moved(*_: object, **__: object) -> None:
        tried.append(1)
        raise ConditionFailed({"full_at": 0, "used": 0})

    monkeypatch.setattr(table, "update", moved)

    with pytest.raises(Unavailable):
        TableRateBuckets(table).count("key_1", SIXTY, ME, NINE_TWENTY)
    assert len(tried) == TRIES


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time the functions see."""
    standing = Clock()
    monkeypatch.setattr(wiring, "clock", standing)
    return standing


@pytest.fixture
def partner(deployed: object, clock: Clock) -> Gateway:
    return new_partner(as_admin(), rate_limits={"requests_per_minute": 3, "requests_per_day": 5})


def limits(answer: Any) -> tuple[str, ...]:
    return tuple(answer.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset"))


def test_every_answer_says_how_the_key_stands_a_refusal_too(partner: Gateway) -> None:
    begins = int(NINE_TWENTY.timestamp())

    assert limits(partner(ME)) == ("3", "2", str(begins + 20))
    assert limits(partner("GET /partner/subscriptions?limit=x")) == ("3", "1", str(begins + 40))
    assert limits(partner("GET /partner/subscriptions/sub_none")) == ("3", "0", str(begins + 60))


def test_over_the_limit_is_429_in_the_documents_words(partner: Gateway, clock: Clock) -> None:
    for _ in range(3):
        partner(ME)

    answer = partner(ME)

    refused(answer, 429, "rate_limited")
    assert answer.body["error"] == "Rate limit exceeded: 3 requests per minute"
    assert answer.headers["Retry-After"] == "20"
    assert limits(answer)[:2] == ("3", "0")
    clock.passes(seconds=20)
    assert partner(ME).status == 200


def test_over_the_quota_is_429_until_midnight_in_india(partner: Gateway, clock: Clock) -> None:
    for _ in range(5):
        assert partner(ME).status == 200
        clock.passes(minutes=1)

    refused(partner(ME), 429, "daily_quota_exceeded")
    clock.passes(hours=15)
    assert partner(ME).status == 200


def test_a_wrong_address_and_a_missing_permission_are_counted(deployed: object, clock: Clock) -> None:
    far = new_partner(as_admin(), allowed_ips=["203.0.113.0/28"], permissions=[])

    outside = far(ME)
    far.source_ip = "203.0.113.10"

    refused(outside, 403, "ip_not_allowed")
    assert limits(outside)[:2] == ("60", "59")
    assert limits(far("GET /partner/subscriptions"))[:2] == ("60", "58")


def test_when_counting_fails_reading_goes_on_and_a_metric_says_so(
    partner: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wiring.table(), "update", _failing)

    read = partner(ME)
    change = partner("POST /partner/marketplace/subscribe", {})

    assert (read.status, limits(read)[:2]) == (200, ("1", "0"))
    refused(change, 503, "rate_counter_unavailable")
    assert limits(change)[0] == "1"
    (line, _) = [vars(record) for record in caplog.records if record.message == "requests cannot be counted"]
    assert line["RateCounterFailures"] == 1
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "RateCounterFailures", "Unit": "Count"}]


def test_a_days_counter_dies_by_itself(table: Table) -> None:
    TableRateBuckets(table).count("key_1", SIXTY, ME, NINE_TWENTY)

    (item,) = boto3.resource("dynamodb").Table(TABLE).scan()["Items"]

    assert item["expires_at"] == int((NINE_TWENTY + timedelta(days=400)).timestamp())
