"""A table that answers late, not once, or not at all, while orders leave."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from quantleap.domain.errors import Unavailable
from quantleap.domain.events import EventType
from quantleap.domain.execution import Report, State, Ticket
from quantleap.domain.halts import Halt
from quantleap.runtime import engine
from quantleap.services import shard
from quantleap.services.desk import Desk
from quantleap.services.gate import from_ns
from quantleap.services.lookout import Lookout
from quantleap.services.shard import serve
from quantleap.services.urgent import BEGINS_S
from tests.engine import Behaviour, FakeZebu, Hangs, Store, T, a_desk, an_errand, play
from tests.unit.shards import WARM, a_store, run, states, unhedged
from tests.unit.test_shard_halts import a_halt

TICKET = "sub_0#alloc_0"

type Stalls = Callable[[int, float], bool]
"""Whether the n-th call of its kind hangs, so many seconds after the boundary."""


def stalling(desk: Desk, stalls: Stalls, *, halts: bool, leases: bool) -> Desk:
    """The desk with a table of which some calls hang for the 5 s that a client of ours would wait, then fail."""
    calls = 0

    def through(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if stalls(calls, (from_ns(desk.timer.now_ns()) - T).total_seconds()):
                raise Hangs(5, lost)
            return function(*arguments)

        return call

    if halts:
        desk.halts.list = through(desk.halts.list)  # type: ignore[method-assign]  # the read that hangs
    if leases:
        desk.leases.arm = through(desk.leases.arm)  # type: ignore[method-assign]  # the write that hangs
    return desk


def lost() -> None:
    raise Unavailable("the read timed out")


def slow_hedges() -> FakeZebu:
    """Hedges are filled after three seconds, so that whoever is halted meanwhile stands without sells."""
    return FakeZebu(behave=lambda order, _: Behaviour(fills_after_s=3 if order["trantype"] == "B" else 0))


KINDS = [{"halts": True, "leases": False}, {"halts": False, "leases": True}, {"halts": True, "leases": True}]


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("call", range(1, 12))
def test_one_call_that_hangs_for_five_seconds_halts_nobody(kinds: dict[str, bool], call: int) -> None:
    store, broker = a_store(3), slow_hedges()
    desk = stalling(a_desk(store, broker), lambda n, _: n == call, **kinds)

    report = play(lambda: serve(desk, an_errand()), WARM).report

    assert report.counts == {"filled": 12}
    assert broker.arrivals[:3] == [T] * 3
    assert unhedged(broker) == []


@pytest.mark.parametrize("kinds", KINDS)
def test_a_table_of_which_every_second_call_hangs_halts_nobody(kinds: dict[str, bool]) -> None:
    store, broker = a_store(3), slow_hedges()
    desk = stalling(a_desk(store, broker), lambda n, _: n % 2 == 1, **kinds)

    assert play(lambda: serve(desk, an_errand()), WARM).report.counts == {"filled": 12}


@pytest.mark.parametrize("since_s", [0.1, 0.6, 1.1])
@pytest.mark.parametrize("kinds", KINDS)
def test_a_table_that_stands_still_for_a_second_and_a_half_halts_nobody(kinds: dict[str, bool], since_s: float) -> None:
    store, broker = a_store(3), slow_hedges()
    desk = stalling(a_desk(store, broker), lambda _, at_s: since_s < at_s < since_s + 1.5, **kinds)

    assert play(lambda: serve(desk, an_errand()), WARM).report.counts == {"filled": 12}


def test_a_halt_works_within_a_second_though_the_first_look_of_each_round_hangs() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _, __: Behaviour(latency_s=0.35))
    desk = a_desk(store, broker)
    read, begun = desk.halts.list, list[datetime]()

    def every_first_hangs(reader: int = 0) -> Sequence[Halt]:
        now = from_ns(desk.timer.now_ns())
        first = not begun or now - begun[-1] > timedelta(seconds=0.25)
        begun.append(now)
        if first:
            raise Hangs(5, lost)
        if now >= T + timedelta(seconds=0.3):
            store.halts = [a_halt()]
        return read(reader)

    desk.halts.list = every_first_hangs  # type: ignore[method-assign]  # half of all reads

    report = play(lambda: serve(desk, an_errand()), WARM).report

    assert max(broker.arrivals) < T + timedelta(seconds=1.3)
    assert report.refused == {"halted": 4 - len(broker.orders)}


def blind_since(at_s: float, *, unwinds: bool) -> tuple[Store, FakeZebu, Report]:
    store, broker = a_store(1), slow_hedges()
    assert store.decision is not None
    orders = tuple(order.model_copy(update={"unwinds": unwinds}) for order in store.decision.orders)
    store.decision = store.decision.model_copy(update={"orders": orders})
    desk = stalling(a_desk(store, broker), lambda _, now_s: now_s > at_s, halts=True, leases=False)
    return store, broker, play(lambda: serve(desk, an_errand()), WARM).report


@pytest.mark.parametrize("unwinds", [True, False])
def test_who_is_blind_for_good_ends_with_the_position_told_and_unwound_by_rule(*, unwinds: bool) -> None:
    store, broker, report = blind_since(0.1, unwinds=unwinds)

    ticket = store.tickets[TICKET]
    assert states(ticket) == [State.FILLED, State.FILLED, State.NOT_SENT, State.NOT_SENT]
    assert {intent.reason for intent in ticket.intents[2:]} == {"halts_unreadable"}
    assert len(broker.orders) == 2
    (told,) = store.events.values()
    assert (told.type, told.data["unwinding"]) == (EventType.POSITION_INCOMPLETE, unwinds)
    assert (report.incomplete, report.unwind) == (1, (0,) if unwinds else ())


def test_who_was_blind_until_the_entry_window_was_over_does_not_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that is answered at last, 3.2 s after the boundary."""

    async def asked(_self: Lookout, _ticket: Ticket) -> None:
        await asyncio.sleep(3.2)

    monkeypatch.setattr(Lookout, "asked", asked)
    monkeypatch.setattr(Lookout, "_blind", True)
    store, broker = a_store(1), FakeZebu()
    monkeypatch.setattr(shard, "_look", no_look)

    assert run(store, broker).skipped == {"entry_window_over": 1}
    assert not broker.orders


async def no_look(*_: object) -> None:
    """The last look found nothing."""


def test_a_lease_that_cannot_be_renewed_for_a_while_is_a_fault_that_the_next_attempt_mends() -> None:
    store, broker = a_store(2), slow_hedges()
    desk = stalling(a_desk(store, broker), lambda _, at_s: at_s > 0.5, halts=False, leases=True)

    with pytest.raises(BaseExceptionGroup):
        play(lambda: serve(desk, an_errand()), WARM)
    report = play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=8)).report

    assert report.counts == {"filled": 8}
    assert len({order["remarks"] for order in broker.orders}) == len(broker.orders) == 8
    assert unhedged(broker) == []


def test_calls_in_the_seconds_that_matter_wait_for_a_second_and_are_not_repeated_by_the_client(
    deployed: dict[str, str],
) -> None:
    """A round of them is over before a lease and what is known of halts could have been gone for long."""
    config: Any = engine.urgent_table()._client.meta.config
    desk: Any = engine.desk()

    assert deployed
    assert desk.leases._table is desk.halts._table is engine.urgent_table()
    assert max(config.connect_timeout, config.read_timeout) <= 1
    assert config.retries["total_max_attempts"] == 1
    assert BEGINS_S[1] + config.read_timeout < 2
