"""The end of an account's time, and what is not allowed to look like it."""

from datetime import timedelta

import pytest

from quantleap.domain.events import EventType
from quantleap.domain.execution import State, Ticket
from quantleap.services.gate import Gate
from quantleap.services.lookout import Lookout
from quantleap.services.shard import SETTLING, serve
from tests.engine import Behaviour, FakeZebu, T, a_desk, an_errand, play
from tests.unit.shards import WARM, a_store, run, states

TICKET = "sub_0#alloc_0"


def test_what_hangs_when_the_time_is_over_is_left_off_and_told() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _, count: Behaviour(latency_s=3600 if count == 2 else 0.05))
    errand = an_errand(ends=T + SETTLING + timedelta(seconds=3))

    report = play(lambda: serve(a_desk(store, broker), errand), WARM).report

    assert states(store.tickets[TICKET]) == [State.ACKNOWLEDGED, State.UNKNOWN, State.NOT_SENT, State.NOT_SENT]
    assert {each.reason for each in store.tickets[TICKET].intents[1:]} == {"broker_too_slow"}
    assert report.incomplete == 1
    assert [each.type for each in store.events.values()] == [EventType.POSITION_INCOMPLETE]


def test_a_timeout_of_something_else_is_a_fault_and_not_the_brokers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked(_self: Lookout, _ticket: Ticket) -> None:
        raise TimeoutError("not the account's end")

    monkeypatch.setattr(Lookout, "asked", asked)
    store, broker = a_store(1), FakeZebu()

    report = run(store, broker)

    assert report.counts == {"filled": 1, "not_sent": 3}
    assert {intent.reason for intent in store.tickets[TICKET].intents[1:]} == {"internal_fault"}
    assert report.incomplete == 1


def test_an_order_does_not_leave_when_the_lease_ran_out_while_it_was_asked_whether_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_boundary, passed, asked_once = True, True, False
    answers = iter([at_boundary, passed, asked_once])
    looked: list[bool] = []

    def is_open(_self: Gate) -> bool:
        looked.append(next(answers, True))
        return looked[-1]

    monkeypatch.setattr(Gate, "is_open", property(is_open))
    store, broker = a_store(1), FakeZebu()

    assert run(store, broker).counts == {"filled": 4}
    assert looked[:5] == [True, True, False, True, True]
