"""What a broker's book does not show: believed when it has not shown it for a second, and on its own day alone."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.adapters.brokers.zebu import CAPABILITY as ZEBU
from quantleap.domain.booking import Book
from quantleap.domain.broker import BookedOrder, OrderStatus
from quantleap.domain.capabilities import BookRule
from quantleap.domain.execution import State, Ticket, Timing
from quantleap.domain.trading import Product
from quantleap.services.belief import Belief
from quantleap.services.gate import NS
from quantleap.services.shard import serve
from quantleap.services.trader import RECOVERED_WITHIN_S
from tests.builders import an_intent
from tests.engine import Behaviour, FakeZebu, Line, Power, Store, T, a_desk, an_errand, play, survive
from tests.unit.shards import WARM, a_store, run, states
from tests.unit.test_shard_exits import EXIT, after_entry, leave
from tests.unit.test_shard_late_fills import TICKET, doubted, naked, turned_round

DAY = timedelta(days=1)
EXIT_OF_TOMORROW = EXIT.replace("_20261123T152000_", "_20261124T152000_")


def died_after_sending(store: Store, broker: FakeZebu) -> None:
    """A worker that was killed once something stood in the book."""
    for cut_at in range(1, 500):
        assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)  # noqa: B023
        if broker.orders:
            return
        store.tickets, store.lease = {}, {}


@pytest.mark.parametrize("looks", [1, 2, 4, 7])
def test_a_book_that_is_empty_at_first_makes_nobody_send_twice(looks: int) -> None:
    store, broker = a_store(1), FakeZebu()
    died_after_sending(store, broker)
    broker.book_empty = looks

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert set(Counter(order["remarks"] for order in broker.orders).values()) == {1}
    wanted = [State.FILLED] * 4 if looks < 7 else [State.FILLED] + [State.NOT_SENT] * 3
    assert states(store.tickets[TICKET]) == wanted


@pytest.mark.parametrize("lag_s", [0.9, 4.0, 5.0, ZEBU.book.absent_after_s + 2.5])
@pytest.mark.parametrize("cut_at", range(34, 52, 2))
def test_a_book_that_lags_makes_nobody_send_twice(lag_s: float, cut_at: int) -> None:
    store, broker = a_store(1), FakeZebu(lag_s=lag_s)
    assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert set(Counter(order["remarks"] for order in broker.orders).values()) <= {1}


class Seconds:
    """A timer that stands where it is put."""

    now_s = 0

    def now_ns(self) -> int:
        return self.now_s * NS

    async def until(self, moment_ns: int) -> None:
        raise NotImplementedError


def believed_after(arrivals: dict[str, int], rule: BookRule) -> int | None:
    """After how many seconds of looking a book is believed in which orders turn up one by one."""
    timer = Seconds()
    intents = [an_intent(intent_id=name, tag=name, order_id=None) for name in ("first", "second", "never")]
    belief = Belief(timer, rule)
    for timer.now_s in range(60):
        lines = [BookedOrder("", name, OrderStatus.OPEN, 0, None, None) for name in arrivals]
        if belief.holds(Book(line for line in lines if arrivals[line.tag] <= timer.now_s), intents):
            return timer.now_s
    return None


def test_absence_is_believed_once_it_was_seen_for_twice_the_brokers_lag() -> None:
    assert believed_after({}, BookRule(4)) == 8
    assert believed_after({"first": 0}, BookRule(5)) == 10


def test_an_order_that_turns_up_late_makes_the_others_waited_for_anew() -> None:
    assert believed_after({"first": 5, "second": 11}, BookRule(4)) == 19


@pytest.mark.parametrize("broker_id", sorted(BROKERS))
def test_every_brokers_book_can_be_believed_within_the_time_of_a_takeover(broker_id: str) -> None:
    rule = BROKERS[broker_id](None).capability.book

    assert rule.absent_after_s == 2 * rule.lag_s
    assert rule.absent_after_s <= RECOVERED_WITHIN_S - 3
    assert timedelta(seconds=RECOVERED_WITHIN_S) < Timing().recovery


def with_one_unanswered(store: Store, broker: FakeZebu) -> Store:
    """The way back of an entry of two sells, of which the second was never answered for nor seen."""
    broker.behave = lambda _, count: Behaviour(lose_order=count == 2)
    assert run(naked(store), broker).counts == {"filled": 1, "not_sent": 1}
    placed, store = list(broker.orders), turned_round(store)
    (ticket,) = store.entered
    seen, unseen = ticket.intents
    store.entered = [ticket.with_intents((seen, unseen.became(State.UNKNOWN)), settled=True)]
    broker.orders, broker.behave = placed, lambda _, __: Behaviour()
    return store


def test_a_book_that_lacks_what_was_seen_in_it_is_not_believed() -> None:
    broker = FakeZebu()
    store = with_one_unanswered(a_store(1), broker)
    broker.book_empty = 100

    report = leave(store, broker)

    assert (report.skipped, report.incomplete) == ({"entry_not_settled": 1}, 1)


def test_an_order_that_appears_at_the_second_look_is_closed() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    store.entered = [unanswered(ticket) for ticket in store.entered]
    broker.book_empty = 1

    assert leave(store, broker).counts == {"filled": 4}


def unanswered(ticket: Ticket) -> Ticket:
    """The ticket as if nobody had heard anything of its orders."""
    intents = tuple(each.became(State.UNKNOWN, order_id=None, filled_quantity=0) for each in ticket.intents)
    return ticket.with_intents(intents, settled=True)


def test_what_an_exit_learns_of_the_entry_is_stored() -> None:
    broker = FakeZebu()
    store = with_one_unanswered(a_store(1), broker)

    leave(store, broker)

    assert [(each.state, each.reason) for each in store.entered[0].intents] == [
        (State.FILLED, None),
        (State.NOT_SENT, "never_arrived"),
    ]


def tomorrow(store: Store, broker: FakeZebu, **changes: Any) -> None:
    store.accounts = {
        name: each.model_copy(update={"token_expires_at": T + DAY * 2}) for name, each in store.accounts.items()
    }
    errand = an_errand(closes=None, ends=T + DAY + timedelta(minutes=3))._replace(**changes)
    play(lambda: serve(a_desk(store, broker), errand), T + DAY)


@pytest.mark.parametrize("armed", [True, False])
def test_a_run_that_died_is_not_gone_on_with_on_another_day(armed: bool) -> None:  # noqa: FBT001 - a case
    store, broker = a_store(1), FakeZebu()
    if armed:
        died_after_sending(store, broker)
    else:
        assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at=12)), an_errand()), WARM)
        assert store.tickets
    sent, broker.orders = len(broker.orders), []

    tomorrow(store, broker, holder="by hand")

    ticket = store.tickets[TICKET]
    assert not broker.orders
    assert bool(sent) is armed
    assert ticket.skipped == (None if armed else "run_of_another_day")
    assert set(states(ticket)) == ({State.UNKNOWN} if armed else set())


@pytest.mark.parametrize("product", list(Product))
def test_an_intraday_position_is_over_with_its_day_and_one_that_is_carried_is_closed(product: Product) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    assert store.decision is not None
    orders = tuple(order.model_copy(update={"product": product}) for order in store.decision.orders)
    store.decision = store.decision.model_copy(update={"run_id": EXIT_OF_TOMORROW, "orders": orders})

    tomorrow(store, broker, run_id=EXIT_OF_TOMORROW, closes=an_errand().run_id, boundary=T + DAY)

    ended = product is Product.INTRADAY
    assert store.tickets[TICKET].skipped == ("intraday_ended_by_broker" if ended else None)
    assert len(broker.orders) == (0 if ended else 4)


def test_todays_book_says_nothing_of_yesterdays_orders() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    store.entered = [doubted(ticket) for ticket in store.entered]
    assert store.decision is not None
    orders = tuple(order.model_copy(update={"product": Product.CARRY}) for order in store.decision.orders)
    store.decision = store.decision.model_copy(update={"run_id": EXIT_OF_TOMORROW, "orders": orders})

    tomorrow(store, broker, run_id=EXIT_OF_TOMORROW, closes=an_errand().run_id, boundary=T + DAY)

    assert store.tickets[TICKET].skipped == "entry_not_settled"


def test_a_book_that_was_believed_is_read_again_before_anything_is_sent_after_others_were_waited_for() -> None:
    """The first account's book shows the dead worker's order late; the second's so late that it is waited for anew."""
    store, broker = a_store(2), FakeZebu()
    assert not survive(lambda: serve(a_desk(store, broker, Power(40)), an_errand()), WARM)
    assert [order["actid"] for order in broker.orders] == ["C0", "C1"]

    def late(lines: list[Line]) -> list[Line]:
        late_s = 9 if lines and lines[0]["actid"] == "C1" else 13
        return lines if broker.reads[-1] > T + timedelta(seconds=late_s) else []

    broker.prints = late

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert set(Counter(order["remarks"] for order in broker.orders).values()) == {1}
    assert set(states(store.tickets[TICKET])) == {State.FILLED, State.NOT_SENT}
