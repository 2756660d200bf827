"""Events handed on: what the bus takes, what it refuses for now, and what it would never take."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait_none

from quantleap.adapters.event_bus import MOST_BYTES, TRIES, EventBridgeBus, SqsDeadLetters
from quantleap.domain.errors import Unavailable
from quantleap.domain.events import EventType, Happening, event_id
from quantleap.domain.relaying import Record, Refusal, Retelling
from quantleap.services.event_relay import Relayed, relay, retell
from tests.builders import NINE_TWENTY, ZEBU

type Entry = Mapping[str, Any]


def an_event(number: int = 0, **changes: Any) -> Happening:
    name = event_id(EventType.ORDER_REFUSED, str(number))
    usual: dict[str, Any] = {"event_id": name, "type": EventType.ORDER_REFUSED, "tenant": ZEBU.key}
    return Happening(**{**usual, "occurred_at": NINE_TWENTY, "data": {"number": number}, **changes})


def a_record(number: int = 0, event: Happening | None = None) -> Record:
    return Record(str(number), {"user_id": "EVENTS#zebu#test", "sort_key": f"EVENT#{number}"}, event)


def records(count: int) -> list[Record]:
    return [a_record(number, an_event(number)) for number in range(count)]


class Client:
    """EventBridge as the adapter uses it: `codes` are what it says of an event, the first time, the second, ..."""

    def __init__(self, codes: Mapping[int, Sequence[str]] | None = None) -> None:
        self.codes = {number: list(said) for number, said in (codes or {}).items()}
        self.calls: list[list[Entry]] = []
        self.taken: list[int] = []

    def put_events(self, *, Entries: list[Entry]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.calls.append(Entries)
        return {"Entries": [self._said(json.loads(entry["Detail"])["data"]["number"]) for entry in Entries]}

    def _said(self, number: int) -> dict[str, str]:
        waiting = self.codes.get(number)
        if waiting:
            return {"ErrorCode": waiting.pop(0), "ErrorMessage": "no"}
        self.taken.append(number)
        return {"EventId": str(number)}


def a_bus(client: object) -> EventBridgeBus:
    return EventBridgeBus(client, "bus", wait_none())


def put(client: object, *events: Happening) -> Sequence[Refusal | None]:
    return a_bus(client).put(events)


def refused_by_aws(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutEvents")


class Aside:
    """Dead letters; `failing` is a queue that does not answer."""

    def __init__(self, *, failing: bool = False) -> None:
        self.failing = failing
        self.held: list[tuple[Mapping[str, str], str]] = []

    def put(self, key: Mapping[str, str], reason: str) -> None:
        if self.failing:
            raise Unavailable("no answer")
        self.held.append((key, reason))


class TestBus:
    def test_is_told_the_event_itself_from_us_by_its_type(self) -> None:
        client = Client()

        assert put(client, an_event(7)) == [None]

        ((entry,),) = client.calls
        assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("bus", "quantleap", "order.refused")
        assert entry["Time"] == NINE_TWENTY
        assert json.loads(entry["Detail"]) == {
            "event_id": an_event(7).event_id,
            "type": "order.refused",
            "tenant": "zebu#test",
            "occurred_at": "2026-11-23T03:50:00.000Z",
            "data": {"number": 7},
        }

    def test_has_numbers_as_numbers_whatever_the_table_made_of_them(self) -> None:
        client = Client()

        put(client, an_event(data={"number": 1, "late_ms": Decimal("0.224"), "legs": [{"price": Decimal("12.35")}]}))

        detail = json.loads(client.calls[0][0]["Detail"])
        assert detail["data"] == {"number": 1, "late_ms": 0.224, "legs": [{"price": 12.35}]}

    def test_is_called_for_ten_at_a_time(self) -> None:
        client = Client()

        assert put(client, *map(an_event, range(25))) == [None] * 25

        assert [len(entries) for entries in client.calls] == [10, 10, 5]
        assert client.taken == list(range(25))

    def test_is_called_for_no_more_than_it_takes_at_once(self) -> None:
        client = Client()
        third = "x" * (MOST_BYTES // 3)

        assert put(client, *(an_event(n, data={"number": n, "text": third}) for n in range(5))) == [None] * 5

        assert [len(entries) for entries in client.calls] == [2, 2, 1]

    def test_is_not_asked_about_an_event_larger_than_it_takes(self) -> None:
        client = Client()
        whale = an_event(1, data={"number": 1, "text": "x" * MOST_BYTES})

        before, refusal, after = put(client, an_event(0), whale, an_event(2))

        assert (before, after) == (None, None)
        assert refusal is not None
        assert refusal.final
        assert client.taken == [0, 2]

    def test_of_a_call_it_half_refuses_only_the_refused_are_sent_again(self) -> None:
        client = Client({3: ["ThrottlingException", "InternalFailure"]})

        assert put(client, *map(an_event, range(5))) == [None] * 5

        assert [len(entries) for entries in client.calls] == [5, 1, 1]
        assert sorted(client.taken) == [0, 1, 2, 3, 4]

    def test_that_goes_on_throttling_is_left_alone_after_a_few_tries(self) -> None:
        client = Client({1: ["ThrottlingException"] * 50})

        assert put(client, *map(an_event, range(3))) == [None, Refusal("ThrottlingException", final=False), None]
        assert len(client.calls) == TRIES

    def test_says_once_what_it_would_never_take(self) -> None:
        client = Client({1: ["MalformedDetail"] * 50})

        assert put(client, *map(an_event, range(3))) == [None, Refusal("MalformedDetail", final=True), None]
        assert len(client.calls) == 1

    def test_an_entry_may_be_throttled_first_and_refused_for_ever_then(self) -> None:
        client = Client({0: ["ThrottlingException", "MalformedDetail"], 1: ["ThrottlingException"] * 50})

        assert put(client, *map(an_event, range(3))) == [
            Refusal("MalformedDetail", final=True),
            Refusal("ThrottlingException", final=False),
            None,
        ]

    def test_that_refuses_a_whole_call_for_one_entry_gets_each_by_itself(self) -> None:
        class Strict(Client):
            def put_events(self, *, Entries: list[Entry]) -> dict[str, Any]:  # noqa: N803 - boto3's name
                if any('"number": 2' in entry["Detail"] for entry in Entries):
                    raise refused_by_aws("ValidationException")
                return super().put_events(Entries=Entries)

        client = Strict()

        assert put(client, *map(an_event, range(4))) == [None, None, Refusal("ValidationException", final=True), None]
        assert client.taken == [0, 1, 3]

    @pytest.mark.parametrize(
        "failure",
        [
            refused_by_aws("ThrottlingException"),
            refused_by_aws("AccessDeniedException"),
            ReadTimeoutError(endpoint_url=""),
        ],
        ids=["throttled", "denied", "timeout"],
    )
    def test_that_fails_as_a_whole_is_unavailable(self, failure: Exception) -> None:
        class Down:
            def put_events(self, **_: object) -> None:
                raise failure

        with pytest.raises(Unavailable):
            put(Down(), an_event())


class TestDeadLetters:
    def test_name_the_item_and_the_reason_not_the_event(self) -> None:
        class Queue:
            sent: Mapping[str, str]

            def send_message(self, **sent: str) -> None:
                self.sent = sent

        queue = Queue()

        SqsDeadLetters(queue, "https://queue").put(a_record(4).key, "too large")

        assert queue.sent["QueueUrl"] == "https://queue"
        assert json.loads(queue.sent["MessageBody"]) == {**a_record(4).key, "reason": "too large"}

    def test_whose_queue_does_not_answer_say_so(self) -> None:
        class Queue:
            def send_message(self, **_: str) -> None:
                raise refused_by_aws("ServiceUnavailable")

        with pytest.raises(Unavailable):
            SqsDeadLetters(Queue(), "https://queue").put(a_record().key, "too large")


class TestRelay:
    def test_hands_on_every_event(self) -> None:
        client, aside = Client(), Aside()

        assert relay(a_bus(client), aside, records(12)) == Relayed(12, 0, [], [])
        assert client.taken == list(range(12))

    def test_leaves_what_was_throttled_to_come_again(self) -> None:
        client, given_ = Client({4: ["ThrottlingException"] * 50}), records(12)

        assert relay(a_bus(client), Aside(), given_) == Relayed(11, 0, [given_[4]], ["ThrottlingException"])

    def test_puts_a_record_that_is_no_event_aside_and_goes_on(self) -> None:
        client, aside = Client(), Aside()

        relayed = relay(a_bus(client), aside, [*records(2), a_record(2), a_record(3, an_event(3))])

        assert relayed == Relayed(3, 1, [], ["the item is no event"])
        assert aside.held == [(a_record(2).key, "the item is no event")]
        assert client.taken == [0, 1, 3]

    def test_puts_an_event_that_would_never_be_taken_aside(self) -> None:
        client, aside = Client({1: ["MalformedDetail"]}), Aside()

        assert relay(a_bus(client), aside, records(3)) == Relayed(2, 1, [], ["MalformedDetail"])
        assert aside.held == [(a_record(1).key, "MalformedDetail")]

    def test_leaves_a_poisoned_record_while_it_cannot_be_put_aside(self) -> None:
        poisoned = a_record(1)

        relayed = relay(a_bus(Client()), Aside(failing=True), [poisoned, *records(1)])

        assert (relayed.taken, relayed.aside, relayed.left) == (1, 0, [poisoned])

    def test_of_nothing_is_nothing(self) -> None:
        client = Client()

        assert relay(a_bus(client), Aside(), []) == Relayed(0, 0, [], [])
        assert client.calls == []

    @given(
        st.lists(
            st.lists(st.sampled_from(["ThrottlingException", "InternalFailure", "MalformedDetail"]), max_size=12),
            max_size=30,
        ),
        st.sets(st.integers(0, 29)),
    )
    def test_loses_nothing_whatever_the_bus_says_and_however_often_the_stream_comes_again(
        self, said: Sequence[Sequence[str]], unreadable: set[int]
    ) -> None:
        client, aside = Client(dict(enumerate(said))), Aside()
        waiting = [a_record(n, None if n in unreadable else an_event(n)) for n in range(len(said))]
        keys = [record.key["sort_key"] for record in waiting]

        while waiting:
            waiting = list(relay(a_bus(client), aside, waiting).left)

        put_aside = [key["sort_key"] for key, _ in aside.held]
        assert sorted([*put_aside, *(f"EVENT#{number}" for number in client.taken)]) == sorted(keys)


class TestRetelling:
    class Outbox:
        def since(self, tenant: str, moment: datetime) -> Iterable[Happening]:
            events = (an_event(n, occurred_at=NINE_TWENTY + timedelta(minutes=n)) for n in range(250))
            return (event for event in events if event.occurred_at >= moment)

    def test_hands_on_again_what_happened_from_a_moment_on(self) -> None:
        client = Client({240: ["MalformedDetail"]})

        wanted = Retelling(tenant=ZEBU.key, since=NINE_TWENTY + timedelta(minutes=50))

        retold = retell(a_bus(client), self.Outbox(), wanted)

        assert (retold.taken, retold.refused) == (199, ["MalformedDetail"])
        assert client.taken == [number for number in range(50, 250) if number != 240]
