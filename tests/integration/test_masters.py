"""Lists of contracts in S3, and the function that looks after them."""

import gzip
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters.masters import UNREADABLE, S3MasterStore, dumps, loads
from quantleap.domain.account import Session
from quantleap.domain.broker import Unknown
from quantleap.domain.instruments import Flaw
from quantleap.handlers import instrument_masters
from quantleap.runtime import wiring
from tests.builders import ASHA, ASHAS_MAIL, NINE_TWENTY, ZEBU, a_key, a_user, an_account
from tests.fakes import FakeHttp
from tests.integration.gateway import Context
from tests.listings import FRIDAY, MONDAY, WEDNESDAY, ListingBroker, a_full_listing, a_listing, a_master

BUCKET = "plans"


@pytest.fixture
def client(aws: None) -> Any:
    made = boto3.client("s3")
    made.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    return made


@pytest.fixture
def store(client: Any) -> S3MasterStore:
    return S3MasterStore(client, BUCKET)


class TestStore:
    @pytest.mark.parametrize(
        "master",
        [
            a_master(),
            a_master(listed=a_listing(freeze_quantity=None)),
            a_master(WEDNESDAY, made_on=MONDAY, flaw=Flaw.SHRUNKEN),
            a_master(listed={}),
        ],
    )
    def test_a_list_comes_back_as_it_was_stored(self, store: S3MasterStore, master: Any) -> None:
        store.write(master)

        assert store.read("zebu", master.day) == master

    def test_a_list_nobody_stored_is_none(self, store: S3MasterStore) -> None:
        store.write(a_master(MONDAY))

        assert store.read("zebu", WEDNESDAY) is None
        assert store.read("zerodha", MONDAY) is None

    def test_the_later_list_of_a_day_counts(self, store: S3MasterStore) -> None:
        store.write(a_master(MONDAY, made_on=FRIDAY, flaw=Flaw.EMPTY))
        store.write(a_master(MONDAY))

        assert store.read("zebu", MONDAY) == a_master(MONDAY)

    def test_each_broker_and_day_has_an_object_of_its_own(self, store: S3MasterStore, client: Any) -> None:
        store.write(a_master(MONDAY))
        store.write(a_master(WEDNESDAY, broker_id="zerodha"))

        names = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
        assert names == ["masters/zebu/2026-11-23", "masters/zerodha/2026-11-25"]

    @pytest.mark.parametrize(
        "body",
        [b"", b"<html>", gzip.compress(b"{}", mtime=0), gzip.compress(b'{"form":2}', mtime=0), dumps(a_master())[:-40]],
    )
    def test_an_object_that_cannot_be_read_counts_as_missing(
        self, store: S3MasterStore, client: Any, body: bytes
    ) -> None:
        client.put_object(Bucket=BUCKET, Key="masters/zebu/2026-11-23", Body=body)

        assert store.read("zebu", MONDAY) is None

    def test_a_full_list_is_one_small_object_read_with_one_call(self, store: S3MasterStore, client: Any) -> None:
        whole = a_master(listed=a_full_listing())
        made: Counter[str] = Counter()
        client.meta.events.register("before-call.s3", lambda model, **_: made.update([model.name]))

        store.write(whole)
        read = store.read("zebu", MONDAY)

        assert read is not None
        assert len(read.listed) == 12_000
        assert read == whole
        assert made == {"PutObject": 1, "GetObject": 1}
        assert client.head_object(Bucket=BUCKET, Key="masters/zebu/2026-11-23")["ContentLength"] < 200_000


@given(st.data())
def test_a_damaged_object_never_reads_as_another_list(data: st.DataObject) -> None:
    whole = bytearray(dumps(a_master(listed=a_listing(strikes=2))))
    place = data.draw(st.integers(10, len(whole) - 1))  # what is before is gzip's own header
    whole[place] ^= data.draw(st.integers(1, 255))

    try:
        found = loads(bytes(whole))
    except UNREADABLE:
        return
    assert found == a_master(listed=a_listing(strikes=2))


@given(st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_anything_else_is_refused_in_one_of_the_ways_that_count_as_missing(body: bytes, rows: Any) -> None:
    head = {"form": 1, "broker_id": "zebu", "day": "2026-11-23", "made_on": "2026-11-23", "flaw": None, "rows": rows}
    for text in (body, gzip.compress(body), gzip.compress(json.dumps(rows).encode())):
        with pytest.raises(UNREADABLE):
            loads(text)
    if rows:
        with pytest.raises(UNREADABLE):
            loads(gzip.compress(json.dumps(head).encode()))


def test_contracts_in_any_order_make_the_same_list() -> None:
    listed = list(a_listing().items())
    random.Random(1).shuffle(listed)

    assert loads(dumps(a_master(listed=dict(listed)))) == a_master()


@dataclass
class Function:
    """The deployed function with brokers of our choice."""

    brokers: list[Any] = field(default_factory=list)

    def __call__(self) -> dict[str, str]:
        context: Any = Context()
        outcomes: dict[str, str] = instrument_masters.handler({}, context)["brokers"]
        return outcomes


@pytest.fixture
def function(deployed: dict[str, str], client: Any, monkeypatch: pytest.MonkeyPatch) -> Function:
    made = Function()
    monkeypatch.setattr(wiring, "brokers", lambda: SimpleNamespace(all=lambda: made.brokers))
    monkeypatch.setattr(wiring, "http", FakeHttp)
    monkeypatch.setattr(wiring, "clock", lambda: NINE_TWENTY)
    wiring.keys().add(a_key())
    return made


class TestFunction:
    def test_leaves_a_list_for_the_day(self, function: Function, store: S3MasterStore) -> None:
        function.brokers = [ListingBroker([a_listing()])]

        assert function() == {"zebu": "fresh"}
        assert store.read("zebu", MONDAY) == a_master()

    def test_goes_on_when_a_broker_gives_none(self, function: Function) -> None:
        wiring.keys().add(a_key(api_key_id="key_other", broker_id="zerodha"))
        function.brokers = [ListingBroker([Unknown("no")]), ListingBroker([a_listing()], name="zerodha")]

        assert function() == {"zebu": "unavailable", "zerodha": "fresh"}

    def test_leaves_brokers_alone_that_no_partner_brings(self, function: Function) -> None:
        function.brokers = [ListingBroker([a_listing()], name="upstox")]

        assert function() == {}

    def test_reads_a_list_that_needs_a_login_with_somebodys(self, function: Function) -> None:
        shy = ListingBroker([a_listing()], needs_session=True)
        function.brokers = [shy]
        assert function() == {"zebu": "waits_for_login"}

        session = log_in()

        assert function() == {"zebu": "fresh"}
        assert shy.asked_with == [session]

    def test_borrows_no_login_of_another_broker_or_of_yesterday(self, function: Function) -> None:
        log_in(broker_id="zerodha")
        log_in(client_id="ZEBU124", token_expires_at=NINE_TWENTY)
        function.brokers = [ListingBroker([a_listing()], needs_session=True)]

        assert function() == {"zebu": "waits_for_login"}


def log_in(**changes: Any) -> Session:
    """Let Asha log in to an account."""
    ends = NINE_TWENTY + timedelta(hours=6)
    account = an_account(**{"token_expires_at": ends, **changes})
    known = wiring.accounts().known(ZEBU, ASHAS_MAIL, account.client_id)
    wiring.accounts().add(account, a_user(), new_user=known.user is None)
    session = Session(access_token="token", client_id=account.client_id, expires_at=ends)
    wiring.vault().put_session(ASHA, session)
    return session
