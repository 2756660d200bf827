"""Orders that are not filled at once: nothing fills after the last word on it, and nothing is closed on hearsay."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from quantleap.domain.errors import Unavailable
from quantleap.domain.events import EventType, Happening
from quantleap.domain.execution import Intent, Report, State, Ticket
from quantleap.domain.trading import Side
from quantleap.services.gate import Fenced
from quantleap.services.shard import Unsettled, serve
from tests.engine import Behaviour, FakeZebu, FarBrokers, Power, Store, T, a_desk, an_errand, play, survive
from tests.unit.shards import WARM, a_store, run, states
from tests.unit.test_shard_exits import EXIT, after_entry, leave
from tests.unit.test_shard_halts import while_it_runs
from tests.unit.test_shard_silence import again, dies_after

TICKET = "sub_0#alloc_0"


def resting(chosen: Callable[[dict[str, str], int], bool], seconds: float) -> FakeZebu:
    """A broker that takes its time over some orders."""
    return FakeZebu(behave=lambda order, count: Behaviour(fills_after_s=seconds if chosen(order, count) else 0))


def sells(order: dict[str, str], _count: int) -> bool:
    return order["trantype"] == "S"


def naked(store: Store) -> Store:
    """The store with the sells alone."""
    assert store.decision is not None
    orders = tuple(order for order in store.decision.orders if order.side is Side.SELL)
    store.decision = store.decision.model_copy(update={"orders": orders})
    return store


@pytest.mark.parametrize("seconds", [0.2, 0.9, 3.0])
def test_an_order_that_rests_for_a_moment_is_seen_filled(seconds: float) -> None:
    for store in (a_store(1), naked(a_store(1))):
        report = run(store, resting(sells, seconds))

        assert set(report.counts) == {"filled"}
        assert report.incomplete == 0


def test_an_order_that_goes_on_resting_is_taken_back_and_what_it_leaves_is_told() -> None:
    store, broker = a_store(1), resting(sells, 600)

    report = run(store, broker)

    assert states(store.tickets[TICKET]) == [State.FILLED, State.FILLED, State.CANCELLED, State.CANCELLED]
    assert len(broker.cancelled) == 2
    assert report.incomplete == 1
    assert [each.type for each in store.events.values()] == [EventType.ORDER_REFUSED, EventType.POSITION_INCOMPLETE]


def test_an_order_filled_while_it_is_taken_back_is_filled() -> None:
    store = a_store(1)
    broker = resting(sells, 0)
    cancel = broker._cancel

    def filled_meanwhile(number: str) -> object:
        broker.fills_at[number] = 0
        return cancel(number)

    broker.behave = lambda order, _: Behaviour(fills_after_s=600 if order["trantype"] == "S" else 0)
    broker._cancel = filled_meanwhile  # type: ignore[method-assign,assignment]  # the market moves just then

    assert run(store, broker).counts == {"filled": 4}
    assert not broker.cancelled


def test_what_nobody_could_look_up_is_told_and_an_exit_asks_the_book_before_it_closes() -> None:
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 4)
    broker.book_fails = 100
    report = again(store, broker, timedelta(seconds=32))
    assert (report.counts, report.incomplete) == ({"unknown": 4}, 1)
    assert [each.type for each in store.events.values()] == [EventType.POSITION_INCOMPLETE]

    placed, broker.book_fails = list(broker.orders), 0
    store = turned_round(store)
    broker.orders = placed

    assert leave(store, broker).counts == {"filled": 4}
    assert len(broker.orders) == 8


def test_an_exit_that_cannot_ask_the_book_closes_nothing_and_says_so() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.entered = [doubted(ticket) for ticket in store.entered]
    broker.book_fails = 100

    report = leave(store, broker)

    assert (report.skipped, report.incomplete) == ({"entry_not_settled": 1}, 1)
    assert not broker.orders


def test_the_limits_of_a_broker_whose_book_is_asked_are_read_in_a_thread() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    store.entered = [doubted(ticket) for ticket in store.entered]
    desk = a_desk(store, broker)._replace(brokers=FarBrokers())
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id)

    assert play(lambda: serve(desk, errand), WARM).report.counts == {"filled": 4}


def test_an_exit_without_a_login_cannot_ask_the_book_either() -> None:
    store = after_entry(a_store(1), FakeZebu())
    store.entered = [doubted(ticket) for ticket in store.entered]
    store.sessions.clear()

    assert leave(store, FakeZebu()).skipped == {"entry_not_settled": 1}


def test_a_second_exit_buys_back_what_the_first_had_to_take_back_and_no_more() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    broker.behave = lambda order, _: Behaviour(fills_after_s=600 if order["trantype"] == "B" else 0)
    first = leave(store, broker)
    assert first.counts == {"cancelled": 2, "not_sent": 2}

    broker.behave = lambda _, __: Behaviour()
    second = leave_later(store, broker)

    assert second.counts == {"filled": 4}
    assert sum(order["status"] == "COMPLETE" for order in broker.orders) == 4


def test_an_exit_that_died_before_it_wrote_anything_is_stood_in_for_and_never_sends() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.claims[TICKET], store.leaving[EXIT] = [EXIT], (0,)

    assert leave_later(store, broker).counts == {"filled": 4}

    store.tickets, store.lease = {}, {}
    assert leave(store, broker).skipped == {"exit_superseded": 1}
    assert len(broker.orders) == 4


@pytest.mark.parametrize(("theirs", "only"), [((0, 1), None), ((0,), "incomplete")])
def test_an_exit_stands_in_for_none_that_was_to_close_more(theirs: tuple[int, ...], only: str | None) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.entered = [half(ticket) for ticket in store.entered]
    store.claims[TICKET], store.leaving[EXIT] = [EXIT], theirs

    report = leave_later(store, broker, only)

    assert (report.skipped, report.incomplete) == ({"exit_in_progress": 1}, 1)
    assert not store.adopted


def test_an_exit_waits_for_none_that_closes_other_strategies() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.claims[TICKET], store.leaving[EXIT] = [EXIT], (1,)

    assert leave_later(store, broker).counts == {"filled": 4}


def half(ticket: Ticket) -> Ticket:
    """The ticket as if nobody had bought its sells."""
    intents = (
        each if each.side is Side.BUY else each.became(State.CANCELLED, filled_quantity=0) for each in ticket.intents
    )
    return ticket.with_intents(tuple(intents), settled=True)


LATER = EXIT.replace("T152000", "T152500")


def leave_later(store: Store, broker: FakeZebu, only: str | None = None) -> Report:
    """Another exit of the same entry, after the first."""
    assert store.decision is not None
    store.decision = store.decision.model_copy(update={"run_id": LATER})
    store.tickets, store.lease = {f"old {name}": ticket for name, ticket in store.tickets.items()}, {}
    errand = an_errand(run_id=LATER, closes=an_errand().run_id, only=only)
    report = play(lambda: serve(a_desk(store, broker), errand), WARM).report
    store.decision = store.decision.model_copy(update={"run_id": EXIT})
    return report


def doubted(ticket: Ticket) -> Ticket:
    """The ticket as it would be had nobody been able to read the book."""
    intents = tuple(each.became(State.ACKNOWLEDGED, filled_quantity=0) for each in ticket.intents)
    return ticket.with_intents(intents, settled=True)


def turned_round(store: Store) -> Store:
    """The store with the way back decided and its entry as it was settled."""
    entered = list(store.tickets.values())
    fresh = after_entry(a_store(1), FakeZebu())
    fresh.entered = entered
    return fresh


def test_a_broker_that_hangs_holds_nobody_else_up_and_all_is_stored_before_the_process_ends() -> None:
    store = a_store(2)
    broker = FakeZebu(behave=lambda order, _: Behaviour(latency_s=3600 if order["actid"] == "C0" else 0.05))
    hung = broker.answer

    def answer(payload: bytes) -> tuple[float, object]:
        wait, reply = hung(payload)
        return (3600 if b'"uid":"C0"' in payload.replace(b" ", b"") else wait), reply

    broker.answer = answer  # type: ignore[method-assign,assignment]  # its book hangs too
    ended: list[float] = []

    async def work() -> None:
        desk = a_desk(store, broker)
        await serve(desk, an_errand())
        ended.append(desk.timer.now_ns() / 1e9 - T.timestamp())

    play(work, WARM)

    assert states(store.tickets[TICKET]) == [State.UNKNOWN, *[State.NOT_SENT] * 3]
    assert states(store.tickets["sub_1#alloc_1"]) == [State.FILLED] * 4
    assert ended[0] <= (an_errand().ends - T).total_seconds() - 40


def test_an_entry_that_was_wholly_taken_back_is_told() -> None:
    store = naked(a_store(1))

    report = run(store, resting(sells, 600))

    assert (report.counts, report.refused) == ({"cancelled": 2}, {"unfilled_in_time": 2})
    assert [each.type for each in store.events.values()] == [EventType.ORDER_REFUSED]


@pytest.mark.parametrize("times", [1, 3, 5])
def test_an_order_that_could_not_be_taken_back_at_first_is_tried_again(times: int) -> None:
    store, broker = naked(a_store(1)), resting(sells, 600)
    broker.cancels_fail = times

    assert run(store, broker).counts == {"cancelled": 2}


def test_what_an_entry_could_not_take_back_its_exit_does() -> None:
    broker = resting(sells, 600)
    store, broker.cancels_fail = a_store(1), 1000
    assert run(store, broker).counts == {"filled": 2, "open": 2}

    placed, store = list(broker.orders), turned_round(store)
    broker.orders, broker.cancels_fail, broker.behave = placed, 0, lambda _, __: Behaviour()
    report = leave(store, broker)

    assert report.counts == {"filled": 2}
    assert len(broker.cancelled) == 2


def test_an_order_that_never_arrived_keeps_nothing_from_being_closed() -> None:
    store = naked(a_store(1))
    broker = FakeZebu(behave=lambda _, count: Behaviour(lose_order=count == 2))
    report = run(store, broker)
    assert (report.counts, report.refused) == ({"filled": 1, "not_sent": 1}, {"never_arrived": 1})

    placed, entered = list(broker.orders), store
    store = turned_round(entered)
    broker.orders, broker.behave = placed, lambda _, __: Behaviour()

    assert leave(store, broker).counts == {"filled": 1}


def test_a_look_of_an_exit_that_fails_is_tried_again() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.entered = [doubted(ticket) for ticket in store.entered]
    broker.orders = [booked(intent) for ticket in store.entered for intent in ticket.intents]
    broker.book_fails = 3

    assert leave(store, broker).counts == {"filled": 4}


def booked(intent: Intent) -> dict[str, str]:
    """A line of the book that is filled."""
    number, units = intent.order_id or intent.tag, str(intent.quantity)
    line = {"actid": "C0", "norenordno": number, "remarks": intent.tag, "status": "COMPLETE", "rejreason": ""}
    return {**line, "qty": units, "fillshares": units, "avgprc": "80.00"}


def test_accounts_that_are_through_are_settled_while_another_hangs() -> None:
    store = a_store(2)
    broker = FakeZebu(behave=lambda order, _: Behaviour(latency_s=3600 if order["actid"] == "C0" else 0.05))
    seen: dict[str, bool] = {}

    async def both() -> None:
        async def later() -> None:
            await asyncio.sleep((T - WARM).total_seconds() + 3)
            seen.update({name: ticket.settled for name, ticket in store.tickets.items()})

        looking = asyncio.create_task(later())
        await serve(a_desk(store, broker), an_errand())
        await looking

    play(both, WARM)

    assert seen == {TICKET: False, "sub_1#alloc_1": True}


def test_a_book_that_hangs_after_a_crash_makes_nobody_else_late() -> None:
    store, broker = a_store(2), FakeZebu()
    survive(lambda: serve(a_desk(store, broker, Power(cut_at=40)), an_errand()), WARM)
    assert store.tickets
    hung = broker.answer

    def answer(payload: bytes) -> tuple[float, object]:
        wait, reply = hung(payload)
        return (3600 if b"OrderBook" in payload and b"C0" in payload else wait), reply

    broker.answer = answer  # type: ignore[method-assign,assignment]  # one account's book

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert states(store.tickets["sub_1#alloc_1"]) == [State.FILLED] * 4


def test_an_overtaken_worker_takes_nothing_back() -> None:
    store, broker = a_store(1), resting(sells, 600)

    def overtake(store: Store) -> None:
        store.lease["token"] += 1

    with pytest.raises(Fenced):
        while_it_runs(store, broker, timedelta(seconds=2.5), overtake)

    assert not broker.cancelled


def test_the_second_attempt_of_an_exit_goes_on_though_it_cannot_ask_the_book_about_the_entry_again() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    entered = [intent for ticket in store.entered for intent in ticket.intents]
    store.entered = [doubted(ticket) for ticket in store.entered]
    broker.orders = [booked(intent) for intent in entered]
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id)
    for cut_at in range(1, 500):
        survive(lambda: serve(a_desk(store, broker, Power(cut_at)), errand), WARM)  # noqa: B023 - at once
        if len(broker.orders) > len(entered):
            break
        store.tickets, store.lease, store.claims = {}, {}, {}
    store.entered, broker.book_fails = [doubted(ticket) for ticket in store.entered], 5

    report = play(lambda: serve(a_desk(store, broker), errand._replace(attempt=1)), T + timedelta(seconds=2)).report

    assert report.counts == {"filled": 4}
    assert len(broker.orders) == 8


def test_a_ticket_that_cannot_be_settled_at_once_ends_nobody_elses_trading() -> None:
    store = a_store(2)
    broker = FakeZebu(behave=lambda order, _: Behaviour(latency_s=1.5 if order["actid"] == "C0" else 0.05))
    desk = a_desk(store, broker)
    settle, failed = desk.runs.settle, list[str]()

    def at_first_failing(ticket: Ticket, told: Sequence[Happening] = ()) -> None:
        if not failed:
            failed.append(ticket.name)
            raise Unavailable("the table does not answer")
        settle(ticket, told)

    desk.runs.settle = at_first_failing  # type: ignore[method-assign]  # once

    with pytest.raises(Unsettled, match="sub_1#alloc_1"):
        play(lambda: serve(desk, an_errand()), WARM)

    assert failed == ["sub_1#alloc_1"]
    assert states(store.tickets[TICKET]) == [State.FILLED] * 4


def test_an_exit_that_cannot_close_leaves_the_one_before_it_its_right() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.claims[TICKET], store.leaving[EXIT] = [EXIT], (0,)
    store.entered, broker.book_fails = [doubted(ticket) for ticket in store.entered], 100

    assert leave_later(store, broker).skipped == {"entry_not_settled": 1}
    assert not store.adopted


def test_an_exit_does_not_wait_for_an_unwinding_of_other_strategies() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.claims[TICKET], store.leaving[EXIT], store.leaving_only = [EXIT], (0, 1), "incomplete"

    assert leave_later(store, broker).counts == {"filled": 4}


def test_what_a_book_told_counts_though_taking_back_hangs() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    (ticket,) = store.entered
    again = tuple(
        each.model_copy(
            update={"strategy": 1, "tag": f"{each.tag}b", "intent_id": f"{each.intent_id}/b", "order_id": None}
        )
        for each in ticket.intents
    )
    store.entered = [doubted(ticket.with_intents((*ticket.intents, *again), settled=True))]
    broker.orders = [booked(each) for each in ticket.intents]
    broker.orders += [{**booked(each), "status": "OPEN", "fillshares": "0"} for each in again]
    broker.cancels_fail = 1000

    report = leave(store, broker)

    assert report.counts == {"filled": 4}
