"""Requests sent again under one key: in both stores, at once, after a crash, and as HTTP."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from quantleap.adapters.idempotency import TableIdempotency
from quantleap.adapters.table import Table
from quantleap.domain.errors import Conflict, NotFound, Reused, Unavailable
from quantleap.domain.idempotency import KEPT, LEASE, Attempt, Record, digest
from quantleap.domain.ids import repeating
from quantleap.domain.partner import ALPHANUMERIC, SECRET_LENGTH
from quantleap.runtime import wiring
from quantleap.services.idempotency import once
from tests.builders import NINE_TWENTY, Clock
from tests.conftest import TABLE
from tests.fakes import FakeIdempotency, Stores
from tests.integration.gateway import Answer, Gateway, as_admin, as_partner, as_user
from tests.integration.test_api import ACCOUNT, BASKET, KEY, OFFER, USER, new_partner, refused

KEYS = "POST /admin/partner-api-keys"


def attempt(worker: str = "one", after: timedelta = timedelta(0), fingerprint: str = "asked") -> Attempt:
    return Attempt("name", fingerprint, worker, NINE_TWENTY + after)


def test_a_key_is_taken_once_and_gives_its_answer_until_it_is_forgotten(stores: Stores) -> None:
    began = stores.repeats.begin(attempt())
    stores.repeats.finish(attempt(), 201, "{}")
    again = stores.repeats.begin(attempt("two"))
    forgotten = stores.repeats.begin(attempt("three", KEPT))

    assert (began.token, began.seed, began.answered) == ("one", "one", False)
    assert (again.status, again.body, again.token) == (201, "{}", "one")
    assert (forgotten.token, forgotten.seed, forgotten.answered) == ("three", "three", False)


def test_a_key_that_was_dropped_is_free(stores: Stores) -> None:
    stores.repeats.begin(attempt())
    stores.repeats.drop(attempt("somebody else"))
    held = stores.repeats.begin(attempt("two"))
    stores.repeats.drop(attempt())

    assert (held.token, held.answered) == ("one", False)
    assert stores.repeats.begin(attempt("three")).held_by(attempt("three"))


def test_an_abandoned_attempt_is_taken_over_by_the_same_request_alone_and_draws_the_same_ids(stores: Stores) -> None:
    stores.repeats.begin(attempt())

    early = stores.repeats.begin(attempt("two", LEASE - timedelta(seconds=1)))
    other = stores.repeats.begin(attempt("three", LEASE, "other"))
    same = stores.repeats.begin(attempt("four", LEASE))
    stores.repeats.finish(attempt(), 201, "too late")
    stores.repeats.finish(attempt("four"), 201, "in time")

    assert [early.token, other.token] == ["one", "one"]
    assert (same.token, same.seed) == ("four", "one")
    assert stores.repeats.begin(attempt("five", LEASE)).body == "in time"


def test_a_worker_whose_beginning_was_sent_twice_is_not_in_its_own_way(stores: Stores) -> None:
    """The SDK repeats a write whose answer was lost."""
    stores.repeats.begin(attempt())

    assert stores.repeats.begin(attempt()).held_by(attempt())


@pytest.mark.parametrize("happens", ["taken over", "answered", "dropped"])
def test_whoever_takes_over_too_late_is_told_who_was_first(
    table: Table, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    records, later = TableIdempotency(table), attempt("two", LEASE)
    records.begin(attempt())
    update = table.update

    def meanwhile(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(table, "update", update)
        if happens == "taken over":
            records.begin(attempt("three", LEASE))
        elif happens == "answered":
            records.finish(attempt(), 201, "{}")
        else:
            records.drop(attempt())
        return update(*given, **named)

    monkeypatch.setattr(table, "update", meanwhile)

    assert not records.begin(later).held_by(later)


def carry_out(records: Any, result: object = "done", **more: Any) -> Any:
    def work(_: Record) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    told: list[Unavailable] = []
    carried = once(records, attempt(**more), work, lambda answer: (200, str(answer)), told.append)
    return carried, told


def test_what_was_refused_may_be_tried_again() -> None:
    records = FakeIdempotency()

    with pytest.raises(NotFound):
        carry_out(records, NotFound("none"))
    assert carry_out(records)[0].answer == "done"
    assert carry_out(records, "not done", worker="two")[0].before.body == "done"


def test_another_request_or_one_still_running_is_refused() -> None:
    records = FakeIdempotency()
    records.begin(attempt())

    with pytest.raises(Conflict) as refusal:
        carry_out(records, worker="two")
    with pytest.raises(Reused):
        carry_out(records, worker="two", fingerprint="other")
    assert refusal.value.reason == "idempotency_in_progress"


def test_an_answer_that_cannot_be_kept_is_given_all_the_same() -> None:
    records = FakeIdempotency()
    records.failing = True

    carried, told = carry_out(records)

    assert carried.answer == "done"
    assert len(told) == 1


def test_names_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    standing = Clock()
    monkeypatch.setattr(wiring, "clock", standing)
    return standing


@pytest.fixture
def admin(deployed: object, clock: Clock) -> Gateway:
    return as_admin()


@pytest.fixture
def partner(admin: Gateway) -> Gateway:
    caller = new_partner(admin)
    caller("POST /partner/broker-accounts", ACCOUNT)
    return caller


@pytest.fixture
def wanted(admin: Gateway) -> dict[str, str]:
    basket = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{basket}", OFFER)
    return {**USER, "template_id": basket, "broker_client_id": "ZEBU123"}


def keyed(caller: Gateway, line: str, body: object, key: str = "7f6c") -> Answer:
    caller.headers["idempotency-key"] = key
    try:
        return caller(line, body)
    finally:
        del caller.headers["idempotency-key"]


SUBSCRIBE = "POST /partner/marketplace/subscribe"


def test_the_same_request_gets_the_first_answer_again(partner: Gateway, wanted: dict[str, str]) -> None:
    first, again = keyed(partner, SUBSCRIBE, wanted), keyed(partner, SUBSCRIBE, wanted)

    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    refused(keyed(partner, SUBSCRIBE, wanted, "another key"), 400, "invalid_request")
    refused(keyed(partner, SUBSCRIBE, wanted, "another-key"), 409, "already_subscribed")


def test_another_body_or_route_under_the_key_is_422(partner: Gateway, wanted: dict[str, str]) -> None:
    keyed(partner, SUBSCRIBE, wanted)

    refused(keyed(partner, SUBSCRIBE, {**wanted, "lot_multiplier": 2}), 422, "idempotency_key_reused")
    refused(keyed(partner, "POST /partner/broker-accounts", ACCOUNT), 422, "idempotency_key_reused")


def test_callers_do_not_share_keys(admin: Gateway, partner: Gateway, wanted: dict[str, str]) -> None:
    keyed(partner, SUBSCRIBE, wanted)
    other = new_partner(admin, partner_id="acme")

    assert "Idempotent-Replayed" not in keyed(other, "POST /partner/broker-accounts", ACCOUNT).headers
    own = {name: value for name, value in ACCOUNT.items() if name != "user_email"}
    assert keyed(as_user(), "POST /user/broker-accounts", own).status == 201


def test_a_refusal_is_not_kept(partner: Gateway, wanted: dict[str, str]) -> None:
    unlinked = {**wanted, "broker_client_id": "LATER"}

    refused(keyed(partner, SUBSCRIBE, unlinked), 400, "broker_account_missing")
    partner("POST /partner/broker-accounts", {**ACCOUNT, "client_id": "LATER"})

    assert keyed(partner, SUBSCRIBE, unlinked).status == 201


def test_a_secret_is_not_kept_and_not_shown_again(admin: Gateway) -> None:
    first, again = keyed(admin, KEYS, KEY), keyed(admin, KEYS, KEY)

    assert first.body["api_secret"].startswith("sk_zebu_test_")
    assert again.body == {**first.body, "api_secret": None}
    assert admin("GET /admin/partner-api-keys").body["count"] == 1
    assert first.body["api_secret"] not in str(boto3.resource("dynamodb").Table(TABLE).scan()["Items"])


def test_a_login_is_begun_anew_and_its_state_kept_nowhere(partner: Gateway) -> None:
    line = "POST /partner/broker-accounts/ZEBU123/oauth/initiate"

    first, again = keyed(partner, line, USER), keyed(partner, line, USER)

    assert first.body["state"] != again.body["state"]
    assert first.body["state"] not in str(boto3.resource("dynamodb").Table(TABLE).scan()["Items"])
    refused(keyed(partner, line, {"user_email": "x@example.com"}), 422, "idempotency_key_reused")


def test_a_get_has_no_use_for_a_key_and_an_odd_key_is_refused(partner: Gateway, wanted: dict[str, str]) -> None:
    partner.headers["Idempotency-Key"] = "spaces are odd"

    assert partner("GET /partner/me").status == 200
    refused(partner(SUBSCRIBE, wanted), 400, "invalid_request")
    partner.headers["Idempotency-Key"] = "x" * 256
    refused(partner(SUBSCRIBE, wanted), 400, "invalid_request")
    twice = {"Idempotency-Key": ["a", "b"]}
    refused(partner(SUBSCRIBE, wanted, multiValueHeaders=twice), 400, "invalid_request")


def test_a_day_later_the_key_is_new(partner: Gateway, wanted: dict[str, str], clock: Clock) -> None:
    keyed(partner, SUBSCRIBE, wanted)
    clock.passes(hours=24)

    refused(keyed(partner, SUBSCRIBE, wanted), 409, "already_subscribed")


def dies(caller: Gateway, line: str, body: object, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function dies after it did what was asked and before it kept its answer; its time goes by."""
    with monkeypatch.context() as dying:
        dying.setattr(wiring.idempotency(), "finish", _dying)
        with pytest.raises(SystemExit):
            keyed(caller, line, body)
    refused(keyed(caller, line, body), 409, "idempotency_in_progress")
    clock.passes(seconds=60)


def test_after_a_crash_the_same_request_finds_what_it_made(
    partner: Gateway, wanted: dict[str, str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies(partner, SUBSCRIBE, wanted, clock, monkeypatch)

    again, once_more = keyed(partner, SUBSCRIBE, wanted), keyed(partner, SUBSCRIBE, wanted)

    (listed,) = partner("GET /partner/subscriptions").body["subscriptions"]
    assert (again.status, again.body["subscription_id"]) == (201, listed["subscription_id"])
    assert once_more.body == again.body
    assert partner(f"GET /partner/marketplace/templates/{wanted['template_id']}").body["subscriber_count"] == 1
    refused(keyed(partner, SUBSCRIBE, wanted, "another-key"), 409, "already_subscribed")


def test_after_a_crash_there_is_one_basket(admin: Gateway, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "POST /options/baskets"
    dies(admin, line, BASKET, clock, monkeypatch)

    again = keyed(admin, line, BASKET)

    (listed,) = admin("GET /options/baskets").body["baskets"]
    assert (again.status, again.body["basket_id"]) == (201, listed["basket_id"])


def test_after_a_crash_there_is_one_key_and_its_secret_works(
    admin: Gateway, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies(admin, KEYS, KEY, clock, monkeypatch)

    again = keyed(admin, KEYS, KEY)

    (listed,) = admin("GET /admin/partner-api-keys").body["partner_api_keys"]
    assert (again.status, again.body["api_key"]) == (201, listed["api_key"])
    assert as_partner(again.body["api_key"], again.body["api_secret"])("GET /partner/me").status == 200


def test_what_a_secret_is_drawn_from_is_stored_nowhere(
    admin: Gateway, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies(admin, KEYS, KEY, clock, monkeypatch)
    (record,) = (item for item in everything() if item["entity_type"] == "IDEMPOTENCY")
    draw = repeating(record["seed"])

    drawn = [draw(ALPHANUMERIC, SECRET_LENGTH) for _ in range(3)]

    secret = keyed(admin, KEYS, KEY).body["api_secret"].rpartition("_")[2]
    assert secret not in drawn


def everything() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.resource("dynamodb").Table(TABLE).scan()["Items"]
    return found


def _dying(*_: object) -> None:
    raise SystemExit


def test_when_the_answer_cannot_be_kept_it_is_given_and_a_metric_says_so(
    admin: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")

    monkeypatch.setattr(wiring.table(), "update", failing)

    assert keyed(admin, "POST /options/baskets", BASKET).status == 201
    assert "an answer could not be kept" in caplog.messages
    refused(keyed(admin, "POST /options/baskets", BASKET), 409, "idempotency_in_progress")


def test_of_many_at_once_one_is_carried_out(
    admin: Gateway, partner: Gateway, wanted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto's writes are taken one by one, as DynamoDB does for an item."""
    one_at_a_time = threading.RLock()
    table: Table = wiring.table()
    for name in ("put", "update", "_transact_once"):
        monkeypatch.setattr(table, name, _locked(getattr(table, name), one_at_a_time))
    partner.headers["Idempotency-Key"] = "at-once"

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: partner(SUBSCRIBE, wanted), range(32)))

    made = {answer.body["subscription_id"] for answer in answers if answer.status == 201}
    codes = Counter(answer.body["code"] for answer in answers if answer.status != 201)
    assert len(made) == 1
    assert set(codes) <= {"idempotency_in_progress"}
    assert sum("Idempotent-Replayed" not in a.headers for a in answers if a.status == 201) == 1


def _locked(call: Any, lock: threading.RLock) -> Any:
    def locked(*args: Any, **more: Any) -> Any:
        with lock:
            return call(*args, **more)

    return locked
