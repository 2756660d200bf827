"""Runs whose workers all died: a later exit gives their tickets a last word, and closes what is open exactly once."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from quantleap.domain import booking
from quantleap.domain.errors import Conflict
from quantleap.domain.events import EventType, Happening
from quantleap.domain.execution import Report, Ticket
from quantleap.services.shard import serve
from tests.builders import a_ticket
from tests.engine import Behaviour, FakeDesk, FakeZebu, Power, PowerCut, Store, T, a_desk, an_errand, play, survive
from tests.unit.shards import WARM, a_store
from tests.unit.test_shard_exits import EXIT, after_entry, steps_of_an_exit
from tests.unit.test_shard_late_fills import LATER, turned_round

MINUTE = timedelta(minutes=1)
LATER_AT = T + MINUTE * 5

HALF_WAY = 38
"""A step at which an exit of one account has sent something, and not everything."""


def leave(store: Store, broker: FakeZebu, *, cut_at: int | None = None) -> bool:
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id)
    return survive(lambda: serve(a_desk(store, broker, Power(cut_at)), errand), WARM)


def leave_later(store: Store, broker: FakeZebu, power: Power | None = None, **changes: Any) -> Report:
    """Another exit, by default once the first one's workers must be gone."""
    assert store.decision is not None
    if store.decision.run_id != LATER:
        store.leases[EXIT], store.lease = store.lease, {}
        store.tickets = {f"old {name}": ticket for name, ticket in store.tickets.items()}
        store.decision = store.decision.model_copy(update={"run_id": LATER})
    errand = an_errand(run_id=LATER, closes=an_errand().run_id, boundary=LATER_AT, ends=LATER_AT + MINUTE * 2)
    errand = errand._replace(**changes)
    start = errand.boundary + timedelta(seconds=45 * errand.attempt - 30)
    return play(lambda: serve(a_desk(store, broker, power), errand), start).report


def held(broker: FakeZebu) -> dict[str, int]:
    """What the accounts hold after all that was sent, by symbol; what is short counts below zero."""
    units: Counter[str] = Counter()
    for order in broker.orders:
        units[order["tsym"]] += int(order["fillshares"]) * (1 if order["trantype"] == "B" else -1)
    return {symbol: count for symbol, count in units.items() if count}


@pytest.mark.parametrize("cut_at", range(1, steps_of_an_exit() + 1))
def test_an_exit_closes_what_one_left_whose_workers_died_at_any_step(cut_at: int) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(2), broker, keep=True)
    assert not leave(store, broker, cut_at=cut_at)

    report = leave_later(store, broker)

    assert not held(broker)
    assert report.incomplete == 0
    assert all(ticket.settled for ticket in store.tickets.values())
    assert set(Counter(order["remarks"] for order in broker.orders).values()) == {1}


def test_the_dead_exit_sends_nothing_when_it_is_started_again() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    assert not leave(store, broker, cut_at=HALF_WAY)
    leave_later(store, broker)
    sent, later = len(broker.orders), store.decision

    store.decision = None if later is None else later.model_copy(update={"run_id": EXIT})
    store.lease = store.leases[EXIT]
    again = an_errand(run_id=EXIT, closes=an_errand().run_id, holder="by hand", ends=LATER_AT + MINUTE * 9)
    play(lambda: serve(a_desk(store, broker), again), LATER_AT + MINUTE * 6)

    assert len(broker.orders) == sent
    assert not held(broker)


def steps_of_inheriting() -> int:
    broker, power = FakeZebu(), Power()
    store = after_entry(a_store(1), broker, keep=True)
    leave(store, broker, cut_at=HALF_WAY)
    leave_later(store, broker, power)
    return power.steps


@pytest.mark.parametrize("cut_at", range(1, steps_of_inheriting() + 1))
def test_the_later_exit_may_die_itself_at_any_step(cut_at: int) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    leave(store, broker, cut_at=HALF_WAY)
    with pytest.raises((PowerCut, BaseExceptionGroup)):
        leave_later(store, broker, Power(cut_at))

    leave_later(store, broker, attempt=1, ends=LATER_AT + MINUTE * 3)

    assert not held(broker)
    assert set(Counter(order["remarks"] for order in broker.orders).values()) == {1}


def test_an_exit_leaves_one_alone_whose_worker_may_live() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    leave(store, broker, cut_at=HALF_WAY)
    sent = len(broker.orders)

    report = leave_later(store, broker, boundary=T + MINUTE, ends=T + MINUTE * 3)

    assert (report.skipped, report.incomplete) == ({"exit_in_progress": 1}, 1)
    assert len(broker.orders) == sent


def test_a_ticket_that_somebody_took_meanwhile_is_not_closed_by_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    leave(store, broker, cut_at=HALF_WAY)
    settle = FakeDesk.settle

    def taken(desk: FakeDesk, ticket: Ticket, told: Sequence[Happening] = ()) -> None:
        if ticket.run_id == EXIT:
            raise Conflict("a successor serves it")
        settle(desk, ticket, told)

    monkeypatch.setattr(FakeDesk, "settle", taken)

    assert leave_later(store, broker).skipped == {"exit_in_progress": 1}


def test_what_a_dead_run_would_have_told_is_told() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    broker.behave = lambda order, _: Behaviour(book_status="REJECTED" if order["trantype"] == "B" else "COMPLETE")
    leave(store, broker, cut_at=HALF_WAY)
    assert len(broker.orders) > 4
    assert not store.events
    broker.behave = lambda _, __: Behaviour()

    leave_later(store, broker)

    assert [each.type for each in store.events.values()] == [EventType.ORDER_REFUSED, EventType.POSITION_INCOMPLETE]
    assert {each.data["run_id"] for each in store.events.values()} == {EXIT}
    assert not held(broker)


def steps_of_an_entry() -> int:
    power = Power()
    play(lambda: serve(a_desk(a_store(1), FakeZebu(), power), an_errand()), WARM)
    return power.steps


@pytest.mark.parametrize("cut_at", range(1, steps_of_an_entry() + 1))
def test_an_exit_closes_what_an_entry_placed_whose_workers_died_at_any_step(cut_at: int) -> None:
    broker, died = FakeZebu(), a_store(1)
    assert not survive(lambda: serve(a_desk(died, broker, Power(cut_at)), an_errand()), WARM)
    orders, store = list(broker.orders), turned_round(died)
    store.leases[an_errand().run_id] = died.lease
    broker.orders = orders

    leave_later(store, broker)

    assert not held(broker)
    assert all(ticket.settled for ticket in store.entered)


def test_a_ticket_that_has_its_last_word_keeps_it() -> None:
    settled = a_ticket()

    assert booking.left_behind(settled, may_have_sent=True) == settled
